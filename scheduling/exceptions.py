from booking_site.core.errors import Conflict, NotAllowed, NotFound


class SlotNotFound(NotFound):
    code = "slot_not_found"

    def __init__(self) -> None:
        super().__init__("There is no slot with this id.")


class SlotUnavailable(Conflict):
    """The seat is booked, held by somebody else, withdrawn or past, or its doctor does not see patients now."""

    code = "slot_unavailable"


class HoldExpired(Conflict):
    """A hold token was given that does not, or no longer, open the seat, and the seat is not free."""

    code = "hold_expired"


class HoldNotOwned(NotAllowed):
    code = "hold_not_owned"

    def __init__(self) -> None:
        super().__init__("Somebody else holds this seat. Only they can release it.")
