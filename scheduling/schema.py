"""The calls about slots and holds, as the OpenAPI document shows them."""

from booking_site.api.problems import BUSY, NOT_FOUND, Refusal
from booking_site.api.schema import Call
from scheduling.serializers import HoldRequest, HoldSerializer, ReleaseRequest, SlotSerializer

SLOT = {
    "id": "0198c5f2-1c44-7e05-b1d2-90a7c3e8f615",
    "doctor_id": "DOC-0042",
    "doctor_name": "Dr. Zoë Ångström",
    "specialization": "Electrophysiology",
    "department": "Cardiology",
    "department_id": "0198c5f2-0a11-7b20-8c33-5d9e1f2a6b01",
    "date": "2030-05-14",
    "time": "09:30:00",
    "time_zone": "Europe/Berlin",
    "starts_at": "2030-05-14T09:30:00+02:00",
    "ends_at": "2030-05-14T10:00:00+02:00",
    "duration_minutes": 30,
    "visit_type": "consultation",
    "seat": 1,
    "status": "available",
}
HOLD_TOKEN = "f3k9Qm2ZtXw8vB1nL6rYc0aJdHsEuGpT"  # noqa: S105 - an example
SLOT_NOT_FOUND = Refusal(404, "slot_not_found", "There is no slot with this id.")
SLOT_UNAVAILABLE = Refusal(409, "slot_unavailable", "This seat is taken. Choose another time.")
HOLD_EXPIRED = Refusal(
    409, "hold_expired", "Your hold on this seat has ended and somebody else has taken it. Choose another time."
)
HOLD_NOT_OWNED = Refusal(403, "hold_not_owned", "Somebody else holds this seat. Only they can release it.")

CALLS = {
    "list": Call(
        id="searchSlots",
        summary="Search free slots",
        description="Seats that can be booked now: free, in the future, of a doctor and a department that are active.",
        response=SlotSerializer,
        answer=SLOT,
        many=True,
    ),
    "of_doctor": Call(
        id="searchSlotsOfDoctor",
        summary="Search free slots of one doctor",
        response=SlotSerializer,
        answer=SLOT,
        many=True,
        refusals=(NOT_FOUND,),
    ),
    "hold": Call(
        id="holdSlot",
        summary="Hold a slot while the patient fills in a form",
        description="Binding: while the hold lives, nobody without its token can book or hold the seat. With the token "
        "of a live hold it begins anew, under a new token.",
        request=HoldRequest,
        body={},
        status=201,
        response=HoldSerializer,
        answer={"hold_token": HOLD_TOKEN, "held_until": "2030-05-02T07:46:09.318204Z"},
        refusals=(SLOT_NOT_FOUND, SLOT_UNAVAILABLE, HOLD_EXPIRED, BUSY),
    ),
    "release": Call(
        id="releaseSlot",
        summary="Give up a hold",
        description="By its token, or without one by the client that made the hold. Releasing what is not held is "
        "harmless.",
        request=ReleaseRequest,
        body={"hold_token": HOLD_TOKEN},
        status=204,
        refusals=(HOLD_NOT_OWNED, SLOT_NOT_FOUND, BUSY),
    ),
}
