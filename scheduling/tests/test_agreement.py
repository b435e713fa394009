"""What is shown can be booked, and nothing else is: search, calendar, holds and bookings go by the same rules."""

from datetime import timedelta

import pytest
from django.db import transaction
from django.utils import timezone

from booking_site.testing.factories import DoctorFactory, PatientFactory, SlotFactory, VisitTypeFactory, in_days
from scheduling.models import AvailableSlot
from scheduling.operations import digest

pytestmark = pytest.mark.django_db


def held(minutes):
    until = timezone.now() + timedelta(minutes=minutes)
    return {"status": "held", "held_until": until, "hold_digest": digest("theirs"), "held_by": "other"}


# How a seat may stand, and what that says against it.
STATES = {
    "available": (dict, None),
    "held": (lambda: held(5), "held"),
    "hold past its end": (lambda: held(-1), None),
    "booked": (lambda: {"status": "booked"}, "taken"),
    "withdrawn": (lambda: {"status": "withdrawn"}, "withdrawn"),
}


# How each rule is broken. Everything about a seat is its own: nothing here touches another seat.
BREAKS = {
    None: dict,
    "past": lambda: {"starts_at": in_days(-2)},
    "doctor_inactive": lambda: {"doctor__is_active": False},
    "department_inactive": lambda: {"doctor__department__is_active": False},
    "visit_type_inactive": lambda: {"visit_type": VisitTypeFactory(is_active=False)},
    "too_late": lambda: {"visit_type": VisitTypeFactory(latest_minutes=365 * 1440)},
    "too_early": lambda: {"visit_type": VisitTypeFactory(earliest_days=1)},
    "day_full": lambda: {"visit_type": VisitTypeFactory(limit_per_doctor_day=1)},
    "staff_only": lambda: {"is_public": False},
    "staff_only, by its type": lambda: {"visit_type": VisitTypeFactory(is_public=False)},
}


def seats():
    """Each seat with the codes of what stands in its way: every state with every rule, and all rules at once."""
    day = 10
    for state, code in STATES.values():
        for name, broken in BREAKS.items():
            slot = SlotFactory(**{"starts_at": in_days(day)} | state() | broken())
            if name == "day_full":
                fill_the_day(slot)
            codes = {code, name and name.partition(",")[0]} - {None}
            # What is past cannot be booked any time before it either.
            yield slot, codes | ({"too_late"} if name == "past" else set())
            day += 1
    everything = VisitTypeFactory(is_active=False, is_public=False, limit_per_doctor_day=1, latest_minutes=0)
    doctor = DoctorFactory(is_active=False, department__is_active=False)
    slot = SlotFactory(doctor=doctor, visit_type=everything, starts_at=in_days(-3), status="withdrawn")
    fill_the_day(slot)
    yield (
        slot,
        {
            *("withdrawn", "past", "too_late", "doctor_inactive", "department_inactive", "visit_type_inactive"),
            *("day_full", "staff_only"),
        },
    )


def fill_the_day(slot):
    at = {"starts_at": slot.starts_at + timedelta(hours=1), "visit_type": slot.visit_type, "doctor": slot.doctor}
    SlotFactory(status="booked", **at)


def undone(call):
    """The answer to a call whose writing is rolled back."""
    with transaction.atomic():
        answer = call()
        transaction.set_rollback(True)
    return answer


def tried(api, slot, patient):
    """What the hold and the booking of a seat answer: their statuses and the codes of their errors."""
    booking = {"patient_id": str(patient.pk), "slot_id": str(slot.pk)}
    for path, body in ((f"available-slots/{slot.pk}/hold", {}), ("book-appointment", booking)):
        answer = undone(lambda path=path, body=body: api.post(f"/api/v1/{path}", body))
        content = answer.json()
        yield answer.status_code, content.get("code"), {error["code"] for error in content.get("errors", ())}


@pytest.mark.parametrize("audience", ["api", "api_of_staff"])
def test_what_is_shown_can_be_held_and_booked_and_every_refusal_names_all_that_stands_in_the_way(audience, request):
    api, patient = request.getfixturevalue(audience), PatientFactory()
    searched = {row["id"] for row in api.get("/api/v1/available-slots?page_size=200").json()["results"]}
    assert searched == set()
    made = list(seats())
    searched = {row["id"] for row in api.get("/api/v1/available-slots?page_size=200").json()["results"]}
    days = api.get("/api/v1/available-slots/calendar?per_day=20").json()["results"]
    on_calendar = {seat["id"] for day in days for seat in day["slots"]}
    assert sum(day["free"] for day in days) == len(on_calendar)
    free_for_some = 0
    for slot, codes in made:
        if audience == "api_of_staff":
            codes = codes - {"staff_only"}
        key = str(slot.pk)
        first = api.get(f"/api/v1/first-available?doctor={slot.doctor_id}&per_doctor=20").json()["results"]
        of_doctor = api.get(f"/api/v1/doctors/{slot.doctor_id}/available-slots").json()["results"]
        shown = [key in searched, key in on_calendar, key in {row["id"] for row in first}]
        shown.append(key in {row["id"] for row in of_doctor})
        assert shown == [not codes] * 4, (slot.status, codes)
        for status, code, named in tried(api, slot, patient):
            assert (status, code, named) == ((409, "slot_unavailable", codes) if codes else (201, None, set()))
        free_for_some += not codes
    # Available ones and those of a hold past its end; to staff also what is theirs in two ways.
    assert free_for_some == len(searched) == len(on_calendar) == (2 if audience == "api" else 6)


def test_a_hold_past_its_end_is_free_without_any_job(api):
    slot = SlotFactory(**held(-1))
    assert [row["id"] for row in api.get("/api/v1/available-slots").json()["results"]] == [str(slot.pk)]
    assert api.post(f"/api/v1/available-slots/{slot.pk}/hold", {"minutes": 15}).status_code == 201
    left = AvailableSlot.objects.get().held_until - timezone.now()
    assert timedelta(minutes=14) < left <= timedelta(minutes=15)
    assert api.get("/api/v1/available-slots").json()["results"] == []


def test_a_hold_past_its_end_fills_no_day(api):
    kind = VisitTypeFactory(limit_per_doctor_day=1)
    slot = SlotFactory(visit_type=kind)
    SlotFactory(doctor=slot.doctor, visit_type=kind, starts_at=slot.starts_at + timedelta(minutes=30), **held(-1))
    assert len(api.get("/api/v1/available-slots").json()["results"]) == 2


def test_a_client_that_holds_all_it_may_is_refused_another(api, settings):
    settings.HOLDS_PER_CLIENT = 2
    slots = SlotFactory.create_batch(4)
    for slot in slots[:2]:
        assert api.post(f"/api/v1/available-slots/{slot.pk}/hold").status_code == 201
    refused = api.post(f"/api/v1/available-slots/{slots[2].pk}/hold")
    assert (refused.status_code, refused.json()["code"]) == (409, "too_many_holds")
    assert AvailableSlot.objects.filter(status="held").count() == 2
    AvailableSlot.objects.filter(pk=slots[0].pk).update(held_until=timezone.now() - timedelta(seconds=1))
    assert api.post(f"/api/v1/available-slots/{slots[3].pk}/hold").status_code == 201
