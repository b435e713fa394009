"""The site without its guard, for the control of contested seats: looks whether a seat is free, then books it.

The claim of a seat is a conditional UPDATE; here it is a SELECT, and the seat is marked without a condition. Together
with the unique index, which the control drops, that is all that keeps two patients from one seat.
"""

from booking_site.wsgi import application

__all__ = ["application"]

LOOK = "SELECT * FROM available_slots WHERE id = %(slot_id)s AND"
MARK = "UPDATE available_slots SET status = 'booked' WHERE id IN (SELECT id FROM claimed)"


def _replace_claim() -> None:
    from appointments import operations

    claim = operations.CLAIM
    update, _, condition = claim.partition("WHERE id = %(slot_id)s AND")
    assert update.strip().startswith("UPDATE")
    look = f"{LOOK} {condition.partition('RETURNING *')[0]}"
    assert claim in operations.BOOK
    operations.BOOK = operations.BOOK.replace(f"({claim})", f"({look}), marked AS ({MARK})")


_replace_claim()
