from django.utils.translation import gettext as _

from booking_site.core.errors import Conflict, Invalid, NotAllowed, NotFound


class SlotNotFound(NotFound):
    code = "slot_not_found"

    def __init__(self) -> None:
        super().__init__(_("There is no slot with this id."))


class SlotUnavailable(Conflict):
    """The seat cannot be booked. ``errors`` names every rule that stands in the way."""

    code = "slot_unavailable"


class HoldExpired(Conflict):
    """A hold token was given that does not, or no longer, open the seat, and the seat is not free."""

    code = "hold_expired"


class HoldNotOwned(NotAllowed):
    code = "hold_not_owned"

    def __init__(self) -> None:
        super().__init__(_("Somebody else holds this seat. Only they can release it."))


class TooManyHolds(Conflict):
    code = "too_many_holds"

    def __init__(self, limit: int) -> None:
        super().__init__(
            _(
                "You hold %(limit)d seats already, which is as many as you may. Book or release one, or wait until one "
                "ends."
            )
            % {"limit": limit}
        )


class ScheduleOverlap(Conflict):
    code = "schedule_overlaps"


class InClosure(Conflict):
    """The seat lies in a closure, which the message names."""

    code = "in_closure"


class SeatOverbooks(Conflict):
    """The doctor has a slot at that time already, which the message names."""

    code = "overbooks"


class InvalidPlan(Invalid):
    """A schedule, closure or seat that makes no sense. ``errors`` names the fields."""

    code = "invalid"
