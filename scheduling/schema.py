"""The calls about slots and holds, as the OpenAPI document shows them."""

from booking_site.api.problems import BUSY, NOT_FOUND, Refusal
from booking_site.api.schema import Call
from scheduling.availability import GONE, RULES
from scheduling.serializers import (
    CalendarDaySerializer,
    HoldRequest,
    HoldSerializer,
    ReleaseRequest,
    SlotSerializer,
    VisitTypeSerializer,
)

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
VISIT_TYPE_NOT_FOUND = Refusal(404, "not_found", "There is no visit type with this id.", name="visit_type_not_found")
HELD_SLOT_ID = "0198c5f2-1c44-7e05-b1d2-90a7c3e8f617"
HOLD_TOKEN = "f3k9Qm2ZtXw8vB1nL6rYc0aJdHsEuGpT"  # noqa: S105 - an example
SLOT_NOT_FOUND = Refusal(404, "slot_not_found", "There is no slot with this id.")
_NAMES = {
    "doctor": SLOT["doctor_name"],
    "department": SLOT["department"],
    "visit_type": "Consultation",
    "latest": "2 hours",
    "earliest": 90,
}
# One for each rule that may stand in the way of a seat: an answer names all that do.
SLOT_UNAVAILABLE = tuple(
    Refusal(409, "slot_unavailable", str(detail) % _NAMES, "slot_id", code, name=f"slot_unavailable_{code}")
    for code, detail in (*GONE.values(), *((rule.code, rule.otherwise) for rule in RULES))
)
TOO_MANY_HOLDS = Refusal(
    409,
    "too_many_holds",
    "You hold 50 seats already, which is as many as you may. Book or release one, or wait until one ends.",
)
HOLD_EXPIRED = Refusal(
    409, "hold_expired", "Your hold on this seat has ended and somebody else has taken it. Choose another time."
)
HOLD_NOT_OWNED = Refusal(403, "hold_not_owned", "Somebody else holds this seat. Only they can release it.")

CALLS = {
    "list": Call(
        id="searchSlots",
        summary="Search free slots",
        description="Seats that can be booked now: free, in the future, within the times and limits of the visit type, "
        "of a doctor, a department and a visit type that are active. Those for staff only are shown to apps that act "
        "for one of the hospital's people.",
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
        "of a live hold it begins anew, under a new token. A client may hold so many seats at a time: beyond, "
        "`too_many_holds`. `errors` of `slot_unavailable` names every rule that stands in the way of the seat.",
        key=HELD_SLOT_ID,
        request=HoldRequest,
        body={"minutes": 10},
        status=201,
        response=HoldSerializer,
        answer={"hold_token": HOLD_TOKEN, "held_until": "2030-05-02T07:46:09.318204Z"},
        refusals=(SLOT_NOT_FOUND, *SLOT_UNAVAILABLE, HOLD_EXPIRED, TOO_MANY_HOLDS, BUSY),
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

FIRST_AVAILABLE = {
    "list": Call(
        id="firstAvailable",
        summary="The first free slots of each doctor",
        description="Of the doctors that are named, in the order of preference: so the first row is the most preferred "
        "doctor's first free seat. Or of a department or a specialization: then soonest first, of the 50 doctors who "
        "are free soonest. At least one of `doctor`, `department` and `specialization` is needed.",
        response=SlotSerializer,
        answer=SLOT,
        many=True,
        refusals=(
            Refusal(
                400,
                "invalid",
                "doctor: Give a doctor (or several), a department or a specialization.",
                field="doctor",
                field_code="required",
                name="nobody_named",
            ),
        ),
    )
}
CALENDAR = {
    "list": Call(
        id="slotCalendar",
        summary="How many slots are free on each day",
        description="The dates at the site on which anything is free. With `per_day` the first seats of each day too.",
        response=CalendarDaySerializer,
        answer={
            "date": SLOT["date"],
            "time_zone": SLOT["time_zone"],
            "free": 17,
            "first_starts_at": SLOT["starts_at"],
            "slots": [SLOT],
        },
        many=True,
        refusals=(
            Refusal(
                400,
                "invalid",
                "date_to: The calendar shows 100 days at most. Ask for the others by a second request.",
                field="date_to",
                field_code="too_long",
                name="calendar_too_long",
            ),
        ),
    )
}
VISIT_TYPE = {
    "code": "stress_test",
    "name": "Stress test",
    "duration_minutes": 45,
    "earliest_days": 90,
    "latest_minutes": 1440,
    "instructions": "Bring sports shoes. No coffee on the day.",
    "is_public": True,
    "limit_per_patient": 1,
    "limit_per_doctor_day": 6,
    "created_at": "2030-01-07T08:00:00Z",
    "updated_at": "2030-01-07T08:00:00Z",
}
VISIT_TYPES = {
    "list": Call(
        id="listVisitTypes",
        summary="Kinds of visits, by name",
        description="Those that are offered. Those for staff only are shown to apps that act for one of the "
        "hospital's people.",
        response=VisitTypeSerializer,
        answer=VISIT_TYPE,
        many=True,
    ),
    "retrieve": Call(
        id="getVisitType",
        summary="One kind of visit",
        response=VisitTypeSerializer,
        answer=VISIT_TYPE,
        takes=("IfNoneMatch",),
        gives=("ETag",),
        refusals=(VISIT_TYPE_NOT_FOUND,),
    ),
}
