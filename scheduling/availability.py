"""May this seat be booked? One table of rules, in SQL, for search, hold and booking alike.

What a search shows is found by the same words that an operation claims the seat with, so they cannot disagree; after a
refusal the same rules, asked one by one, say why. The clock is the database's: one clock for all web processes.

What depends on who comes (``limit_per_patient``, and that the patient is nowhere else then) is asked by the booking.
"""

from typing import TYPE_CHECKING, NamedTuple

from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from django.utils.functional import _StrOrPromise as StrOrPromise


class Rule(NamedTuple):
    """``holds``: a condition over a row of available_slots, and for ``OF_VISIT_TYPE`` also one of visit_types.

    ``shared``: it asks for doctor, department, date and visit type alone, so seats that have these in common share it.
    """

    code: str
    holds: str
    otherwise: "StrOrPromise"  # what people are told; the names in it are those of ``explain_refusal``
    shared: bool = False


# Live holds count as seats taken: a hold is binding, so nobody else may fill the day that it counts on.
TAKEN_THAT_DAY = """(
    SELECT count(*) FROM available_slots AS taken
    WHERE taken.doctor_id = available_slots.doctor_id AND taken.date = available_slots.date
        AND taken.visit_type = available_slots.visit_type AND taken.id <> available_slots.id
        AND (taken.status = 'booked' OR taken.status = 'held' AND taken.held_until > statement_timestamp())
)"""

# In the words of the indexes that search walks.
_NOBODYS = """(available_slots.status NOT IN ('booked', 'withdrawn')
    AND (available_slots.status <> 'held' OR available_slots.held_until <= statement_timestamp()))"""
# For one who may hold the seat, the digest of its hold opens it too. Parameter: hold_digest (text).
_MINE = "(available_slots.status = 'held' AND available_slots.hold_digest = %(hold_digest)s)"

OF_SEAT = (
    Rule(
        "past", "available_slots.starts_at > statement_timestamp()", _("This slot is in the past. Choose a later time.")
    ),
    Rule(
        "doctor_inactive",
        "available_slots.doctor_id IN (SELECT id FROM doctors WHERE is_active)",
        _("%(doctor)s does not see patients at present. Choose another doctor."),
        shared=True,
    ),
    Rule(
        "department_inactive",
        "available_slots.department_id IN (SELECT id FROM departments WHERE is_active)",
        _("%(department)s is closed at present. Choose another department."),
        shared=True,
    ),
)
OF_VISIT_TYPE = (
    Rule(
        "visit_type_inactive",
        "visit_types.is_active",
        _("%(visit_type)s is not offered at present. Choose another kind of visit."),
        shared=True,
    ),
    Rule(
        "too_late",
        "available_slots.starts_at >= statement_timestamp() + make_interval(mins => visit_types.latest_minutes)",
        _("%(visit_type)s is booked at least %(latest)s before the visit. Choose a later time."),
    ),
    Rule(
        "too_early",
        "(visit_types.earliest_days IS NULL OR available_slots.starts_at"
        " <= statement_timestamp() + make_interval(days => visit_types.earliest_days))",
        _("%(visit_type)s is booked at most %(earliest)s days before the visit. Choose an earlier time."),
    ),
    Rule(
        "day_full",
        f"(visit_types.limit_per_doctor_day IS NULL OR {TAKEN_THAT_DAY} < visit_types.limit_per_doctor_day)",
        _("%(doctor)s has as many visits of this type on that day as there may be. Choose another day."),
        shared=True,
    ),
)
# Only those who are not staff are asked.
OF_PUBLIC = Rule(
    "staff_only",
    "(visit_types.is_public AND available_slots.is_public)",
    _("This time is booked by the hospital's staff only. Choose another, or call the hospital."),
)


# What the seat itself says against it, by its status.
GONE: "dict[str, tuple[str, StrOrPromise]]" = {
    "withdrawn": ("withdrawn", _("This slot has been withdrawn. Choose another time.")),
    "held": ("held", _("Somebody else is holding this seat. Choose another time, or try again in some minutes.")),
    "booked": ("taken", _("This seat is taken. Choose another time.")),
}


def _all(seat: str, public: str) -> str:
    """Every rule holds. The visit type is looked up row by row on purpose: a join could tempt the planner to sort."""
    of_seat = " AND ".join(rule.holds for rule in OF_SEAT)
    of_visit_type = " AND ".join(rule.holds for rule in OF_VISIT_TYPE)
    return f"""({seat} AND {of_seat} AND (
    SELECT {public} AND {of_visit_type} FROM visit_types WHERE visit_types.code = available_slots.visit_type
))"""


FREE_SQL = _all(_NOBODYS, OF_PUBLIC.holds)
FREE_TO_STAFF_SQL = _all(_NOBODYS, "TRUE")

# The same in two parts for counting seats by the thousand, each over available_slots joined with visit_types: what is
# asked of each seat, and what once is enough to ask for all that share it.
_EACH = " AND ".join([_NOBODYS, *(rule.holds for rule in (*OF_SEAT, *OF_VISIT_TYPE) if not rule.shared)])
FREE_EACH_SQL, FREE_EACH_TO_STAFF_SQL = f"{_EACH} AND {OF_PUBLIC.holds}", _EACH
FREE_SHARED_SQL = " AND ".join(rule.holds for rule in (*OF_SEAT, *OF_VISIT_TYPE) if rule.shared)

# Parameters: hold_digest (text), is_staff (boolean).
CLAIMABLE_SQL = _all(f"({_NOBODYS} OR {_MINE})", f"(%(is_staff)s OR {OF_PUBLIC.holds})")

# Which rules hold for one seat, one boolean a rule, after its status, what its people and things are called, and
# whether it is to be had. Parameters: slot_id, and those of CLAIMABLE_SQL.
RULES = (*OF_SEAT, *OF_VISIT_TYPE, OF_PUBLIC._replace(holds=f"(%(is_staff)s OR {OF_PUBLIC.holds})"))
WHY_SQL = f"""
SELECT available_slots.status, doctors.name, departments.name, visit_types.name, visit_types.latest_minutes,
    visit_types.earliest_days, {_NOBODYS} OR {_MINE}, {", ".join(rule.holds for rule in RULES)}
FROM available_slots JOIN visit_types ON visit_types.code = available_slots.visit_type
    JOIN doctors ON doctors.id = available_slots.doctor_id
    JOIN departments ON departments.id = available_slots.department_id
WHERE available_slots.id = %(slot_id)s
"""
