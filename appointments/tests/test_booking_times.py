"""The times on the page that books: whose, when, and the seat that is held meanwhile."""

import pytest
from django.urls import reverse
from django.utils import timezone

from appointments.models import Appointment
from appointments.tests.booking_form import ADD, KEY, Fields, booking, look, offered, state, times
from booking_site.core.ids import uuid7
from booking_site.testing.factories import (
    DepartmentFactory,
    DoctorFactory,
    PatientFactory,
    SlotFactory,
    VisitTypeFactory,
    booked,
    in_days,
    staff,
)
from scheduling.models import AvailableSlot

pytestmark = pytest.mark.django_db


def test_departments_specializations_doctors_and_visit_types_are_found_in_one_box(reception):
    cardiology = DepartmentFactory(name="Cardiology", site="Main building")
    DoctorFactory(name="Dr Amara Sena", specialization="Cardiology", department=cardiology)
    DoctorFactory(name="Dr Gone", specialization="Cardiology", department=cardiology, is_active=False)
    VisitTypeFactory(code="cardiogram", name="Cardiogram")
    DepartmentFactory(name="Eyes")
    assert offered(reception, "whose", "card") == [
        "Cardiology, department, Main building",
        "Cardiology, specialization",
        "Dr Amara Sena, doctor, Cardiology",
        "Cardiogram, visit type",
    ]
    assert offered(reception, "whose", "sena cardio") == ["Dr Amara Sena, doctor, Cardiology"]
    assert offered(reception, "whose", "%") == offered(reception, "whose", "nobody\x00") == []


def test_only_what_is_theirs_is_offered_and_booked(client):
    mine, other = SlotFactory(), SlotFactory()
    client.force_login(staff("Reception", mine.department))
    assert offered(client, "whose", mine.doctor.name) == [f"{mine.doctor.name}, doctor, Cardiology, {mine.department}"]
    assert offered(client, "whose", other.doctor.name) == []
    assert times(client.get(ADD)) == [mine.pk]  # their only department is asked for from the start
    for asked in ({"of": f"department:{other.department_id}"}, {"of": f"doctor:{other.doctor_id}"}, {"slot": other.pk}):
        assert other.pk not in times(look(client, **asked)), asked
    kind = VisitTypeFactory(code="consultation")
    assert times(look(client, of=f"visit_type:{kind.pk}")) == [mine.pk]
    refused = client.post(ADD, booking(PatientFactory(), other)).context["picking"].troubles
    assert refused == {"slot": ["Choose one of the times."]}
    assert not Appointment.objects.exists()
    assert state(other) == "available"


def test_the_first_free_times_of_three_days_are_offered_one_of_each_doctor_and_time(reception):
    doctor = DoctorFactory()
    slots = [SlotFactory(doctor=doctor, starts_at=in_days(day, hour)) for day in (2, 4, 6, 8) for hour in (7, 8, 9, 10)]
    for number in (2, 3):  # a group
        SlotFactory(doctor=doctor, starts_at=slots[0].starts_at, seat=number)
    colleague = SlotFactory(doctor__department=doctor.department, starts_at=slots[0].starts_at)
    answer = look(reception, of=f"doctor:{doctor.pk}")
    shown = [[row["starts_at"] for row in day.times] for day in answer.context["days"]]
    assert shown == [[slot.starts_at for slot in slots[at : at + 3]] for at in (0, 4, 8)]
    of_department = look(reception, of=f"department:{doctor.department_id}").context["days"][0].times
    assert {row["doctor_id"] for row in of_department[:2]} == {doctor.pk, colleague.doctor_id}
    assert [row["number"] for row in of_department] == [1, 2, 3]
    free = {cell["iso"]: cell["free"] for week in answer.context["weeks"] for cell in week if cell["free"]}
    assert free == {f"{slots[0].date}": 6, **{f"{slots[at].date}": 4 for at in (4, 8, 12)}}
    day = look(reception, of=f"doctor:{doctor.pk}", day=f"{slots[12].date}")
    assert times(day) == [slot.pk for slot in slots[12:]]
    assert times(look(reception, of=f"doctor:{doctor.pk}", day=f"{slots[12].date}", part="evening")) == []


def test_a_link_to_a_free_seat_asks_for_its_doctor_at_every_step(reception):
    slot = SlotFactory(starts_at=in_days(7, 9))
    same_day = SlotFactory(doctor=slot.doctor, starts_at=in_days(7, 10))
    later = SlotFactory(doctor=slot.doctor, starts_at=in_days(8, 9))
    opened = reception.get(ADD, {"slot": slot.pk})
    sent = Fields(opened.content.decode()).sent
    assert (sent["whose"], sent["of"], sent["slot"]) == (slot.doctor.name, f"doctor:{slot.doctor_id}", str(slot.pk))
    first = look(reception, **sent)
    free = []
    for answer in (opened, first):
        assert times(answer) == [slot.pk, same_day.pk]
        assert answer.context["picking"].slot["id"] == slot.pk
        free.append({cell["iso"]: cell["free"] for week in answer.context["weeks"] for cell in week if cell["free"]})
    held = {f"{slot.date}": 1, f"{later.date}": 1}  # the chosen seat is not free any more
    assert free == [held | {f"{slot.date}": 2}, held]

    second_tab = look(reception, **sent | {"key": str(uuid7())})
    assert "Somebody else is holding this seat." in second_tab.context["picking"].troubles["slot"][0]
    assert times(second_tab) == [same_day.pk]


def test_times_far_ahead_are_found_at_once(reception):
    slot = SlotFactory(starts_at=in_days(200))
    answer = look(reception, of=f"doctor:{slot.doctor_id}")
    assert times(answer) == [slot.pk]


def test_the_department_that_was_booked_last_is_offered_next(reception):
    patient, slot = PatientFactory(), SlotFactory()
    next_one = SlotFactory(doctor=slot.doctor)
    assert reception.get(ADD).context["picking"].asked.whose is None
    reception.post(ADD, booking(patient, slot))
    answer = reception.get(ADD)
    assert answer.context["picking"].asked.whose.value == str(slot.department_id)
    assert times(answer) == [next_one.pk]


def test_the_zone_is_named_once_and_beside_each_time_where_there_are_several(reception):
    slot = SlotFactory(starts_at=in_days(3))
    one = look(reception, of="specialization:cardiology")
    assert ("Europe/Berlin" in one.context["zone"], one.context["days"][0].times[0]["zone"]) == (True, "")
    SlotFactory(doctor__department__time_zone="Europe/Lisbon", starts_at=slot.starts_at)
    both = look(reception, of="specialization:cardiology")
    named = [row["zone"] for day in both.context["days"] for row in day.times]
    assert both.context["zone"] == ""
    assert ["Europe/Berlin" in name for name in named] == ["Europe/Lisbon" not in name for name in named]
    assert len(named) == 2


# --- holding ---------------------------------------------------------------------------------------------------


def test_the_chosen_seat_is_held_for_this_form_alone_until_another_is_chosen(reception, client):
    one, other = SlotFactory(), SlotFactory()
    answer = look(reception, slot=one.pk)
    assert "Held for you until" in answer.content.decode()
    assert (state(one), times(answer)) == ("held", [one.pk])  # still there to be seen
    second_tab = look(reception, slot=one.pk, key=str(uuid7()))
    assert second_tab.context["picking"].troubles == {
        "slot": ["Somebody else is holding this seat. Choose another time, or try again in some minutes."]
    }
    until = AvailableSlot.objects.get(pk=one.pk).held_until
    look(reception, slot=one.pk, held=one.pk)
    assert AvailableSlot.objects.get(pk=one.pk).held_until > until
    look(reception, slot=other.pk, held=one.pk, whose="", of="")
    assert (state(one), state(other)) == ("available", "held")
    assert reception.post(ADD, booking(PatientFactory(), other, held=other.pk)).status_code == 302
    assert state(other) == "booked"


def test_a_hold_is_given_up_when_the_page_is_left_but_only_ones_own(reception):
    slot = SlotFactory()
    look(reception, slot=slot.pk)
    release = reverse("admin:booking_release")
    assert reception.post(release, {"key": str(uuid7()), "held": slot.pk}).status_code == 204
    assert state(slot) == "held"
    assert reception.post(release, {"key": KEY, "held": slot.pk}).status_code == 204
    assert state(slot) == "available"
    for nonsense in ({}, {"key": KEY, "held": "x"}, {"key": KEY, "held": str(uuid7())}):
        assert reception.post(release, nonsense).status_code == 204
    assert reception.get(release).status_code == 405


@pytest.mark.django_db(transaction=True)
def test_a_hold_that_has_ended_and_whose_seat_is_taken_is_told_as_such(reception):
    """The next free time is offered, though it is on another day."""
    slot, patient = SlotFactory(starts_at=in_days(7, 9)), PatientFactory()
    next_one = SlotFactory(doctor=slot.doctor, starts_at=in_days(8, 9))
    look(reception, slot=slot.pk)
    AvailableSlot.objects.filter(pk=slot.pk).update(held_until=timezone.now())
    booked(slot=slot)
    answer = reception.post(ADD, booking(patient, slot, held=slot.pk))
    assert answer.context["picking"].troubles == {
        "slot": ["Your hold on this seat has ended and somebody else has taken it. Choose another time."]
    }
    assert times(answer) == [next_one.pk]
    assert answer.context["who"].patient == patient


def test_a_seat_that_no_longer_suits_what_is_asked_for_is_given_up(reception):
    slot, doctor = SlotFactory(), DoctorFactory()
    look(reception, slot=slot.pk)
    answer = look(reception, slot=slot.pk, held=slot.pk, of=f"doctor:{doctor.pk}", whose=doctor.name)
    assert (answer.context["picking"].slot, state(slot)) == (None, "available")
