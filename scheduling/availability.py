"""May this seat be booked? One condition, in SQL, for search, hold and booking alike.

What a search shows is found by the same words that an operation claims the seat with, so the two cannot disagree.
The clock is the database's: one clock for all web processes.
"""

# Conditions over a row of available_slots.
_FUTURE_AND_OPEN = """available_slots.starts_at > statement_timestamp()
    AND available_slots.doctor_id IN (SELECT id FROM doctors WHERE is_active)
    AND available_slots.department_id IN (SELECT id FROM departments WHERE is_active)"""
_NOBODYS = """available_slots.status = 'available'
     OR (available_slots.status = 'held' AND available_slots.held_until <= statement_timestamp())"""

FREE_SQL = f"(({_NOBODYS}) AND {_FUTURE_AND_OPEN})"

# The same for one who may hold the seat: the digest of its hold opens it too. Parameter: hold_digest (text).
CLAIMABLE_SQL = f"""(
    ({_NOBODYS} OR (available_slots.status = 'held' AND available_slots.hold_digest = %(hold_digest)s))
    AND {_FUTURE_AND_OPEN}
)"""
