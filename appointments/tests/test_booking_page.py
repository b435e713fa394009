"""The page that books: what comes of pressing the button."""

import json

import pytest
from django.urls import reverse

from appointments.models import Appointment, IdempotencyKey
from appointments.tests.booking_form import ADD, KEY, booking, look, state, times
from audit.models import AuditLog
from booking_site.testing.factories import (
    DoctorFactory,
    PatientFactory,
    SlotFactory,
    VisitTypeFactory,
    booked,
    in_days,
    staff,
)

pytestmark = pytest.mark.django_db


def said(answer) -> list[str]:
    return [str(message) for message in answer.context["messages"]]


def last_audit() -> tuple[str, str, str]:
    """Of what was done: then the appointment is shown, which is a row as well."""
    done = AuditLog.objects.exclude(action__startswith="user.").exclude(action__regex=r"\.(viewed|listed)$")
    row = done.latest("timestamp", "id")
    return row.action, row.status, row.user_name


def test_reception_books_and_lands_on_the_appointment(reception):
    patient, slot = PatientFactory(), SlotFactory()
    answer = reception.post(ADD, booking(patient, slot), follow=True)
    made = Appointment.objects.get()
    assert answer.redirect_chain == [(reverse("admin:appointments_appointment_change", args=[made.pk]), 302)]
    assert (made.patient, made.slot, made.reason, made.source) == (patient, slot, "Headache, since Monday", "console")
    assert made.booked_by == "user:reception"
    when = f"{slot.date:%a} {slot.date.day} {slot.date:%b %Y} {slot.time:%H:%M} Europe/Berlin"
    assert said(answer) == [f"Booked: {patient}, {when}, {slot.doctor}."]
    assert last_audit() == ("appointment.booked", "success", "reception")


@pytest.mark.django_db(transaction=True)
def test_a_taken_seat_is_said_with_all_that_was_typed_kept_and_the_refusal_in_the_audit_log(reception):
    patient, slot = PatientFactory(first_name="Ínês"), SlotFactory()
    other = SlotFactory(doctor=slot.doctor)
    booked(slot=slot)
    answer = reception.post(ADD, booking(patient, slot, of=f"doctor:{slot.doctor_id}"))
    assert answer.status_code == 200
    assert answer.context["picking"].troubles == {"slot": ["This seat is taken. Choose another time."]}
    text = answer.content.decode()
    for kept in ("Ínês", "Headache, since Monday", f'value="{patient.pk}"', f'value="doctor:{slot.doctor_id}"'):
        assert kept in text, kept
    assert times(answer) == [other.pk]
    assert Appointment.objects.count() == 1
    row = AuditLog.objects.get(action="appointment.booked", status="failure")
    assert (row.user_name, row.details["code"], row.object_id) == ("reception", "slot_unavailable", str(slot.pk))
    # The same page, corrected, books: its key was not used up by the refusal.
    assert reception.post(ADD, booking(patient, other)).status_code == 302


def test_two_clicks_book_once_and_both_say_so(reception):
    form = booking(PatientFactory(), SlotFactory())
    first, second = (reception.post(ADD, form, follow=True) for _ in range(2))
    assert said(first) == said(second)
    assert first.redirect_chain == second.redirect_chain
    assert (Appointment.objects.count(), IdempotencyKey.objects.count()) == (1, 1)


def test_two_people_of_one_name_are_two_bookings_of_one_form(reception):
    one, other = PatientFactory(first_name="Ana", last_name="Lima"), PatientFactory(first_name="Ana", last_name="Lima")
    slots = SlotFactory(), SlotFactory()
    for patient, slot in ((one, slots[0]), (other, slots[1])):
        assert reception.post(ADD, booking(patient, slot)).status_code == 302
    assert set(Appointment.objects.values_list("patient_id", flat=True)) == {one.pk, other.pk}


def test_a_form_that_has_booked_says_so_when_it_is_asked_and_to_nobody_else(reception, client):
    def asked() -> dict:
        return json.loads(client.get(reverse("admin:booking_state"), {"key": KEY}).content)

    assert asked() == {"done": False}
    reception.post(ADD, booking(PatientFactory(), SlotFactory()))
    made = Appointment.objects.get()
    assert asked() == {"done": True, "url": reverse("admin:appointments_appointment_change", args=[made.pk])}
    client.force_login(staff("Administrator"))
    assert asked() == {"done": False}
    assert json.loads(client.get(reverse("admin:booking_state"), {"key": "nonsense"}).content) == {"done": False}


@pytest.mark.parametrize(
    ("change", "field", "message"),
    [
        ({"patient": ""}, "patient", "Choose a patient."),
        ({"patient": "nonsense"}, "patient", "“nonsense” is not a valid UUID."),
        ({"patient": "00000000-0000-7000-8000-000000000000"}, "patient", "Choose one from the list."),
        ({"who": "somebody else"}, "patient", "Choose a patient."),
        ({"slot": "00000000-0000-7000-8000-000000000000"}, "slot", "Choose one of the times."),
        ({"slot": ""}, "slot", "Choose a time."),
        ({"of": "doctor:T-none"}, "of", "Choose one from the list."),
        ({"of": "doctor:\x00"}, "of", "Choose one from the list."),
        ({"of": "department:nonsense"}, "of", "Choose one from the list."),
        ({"key": "nonsense"}, "slot", "Something was wrong with this form. Choose the time once more."),
    ],
)
def test_what_was_typed_wrong_is_said_beside_the_field_and_nothing_is_written(reception, change, field, message):
    answer = reception.post(ADD, booking(PatientFactory(), SlotFactory()) | change)
    assert answer.status_code == 200
    troubles = answer.context["picking"].troubles
    assert set(troubles) == {field}
    assert [str(text) for text in troubles[field]] == [message]
    assert not Appointment.objects.exists()


@pytest.mark.parametrize(
    ("reason", "message"),
    [("x" * 2001, "at most 2000 characters"), ("a\x00b", "Null characters are not allowed.")],
)
def test_a_reason_that_cannot_be_kept_is_said_beside_it(reception, reason, message):
    answer = reception.post(ADD, booking(PatientFactory(), SlotFactory(), reason=reason))
    assert message in answer.content.decode()
    assert not Appointment.objects.exists()


@pytest.mark.parametrize(
    "narrowing",
    [
        {"date": "tomorrow-ish"}, {"date": "0001-01-01"}, {"date": "9999-12-31"}, {"goto": "9999-99-99"},
        {"part": "midnight"}, {"visit_type": "\x00"}, {"visit_type": "none"}, {"held": "x"}, {"whose": "%_\\"},
        {"who": "x" * 5000}, {"whose": "\x00"}, {"day": "-1"},
    ],
)  # fmt: skip
def test_what_narrows_the_times_and_makes_no_sense_counts_as_not_given(reception, narrowing):
    slot = SlotFactory()
    assert look(reception, of=f"doctor:{slot.doctor_id}", **narrowing).status_code == 200
    is_nul = any("\x00" in value for value in narrowing.values())
    assert reception.get(ADD, narrowing).status_code == (400 if is_nul else 200)


def test_the_rules_of_booking_hold_here_too_each_beside_its_field(reception):
    closed, patient = PatientFactory(is_active=False), PatientFactory()
    first = booked(patient=patient)
    same_time = SlotFactory(starts_at=first.starts_at)
    once_only = SlotFactory(visit_type=VisitTypeFactory(code="first_visit", limit_per_patient=1))
    again = SlotFactory(visit_type="first_visit")
    limited = booked(slot=once_only).patient
    cases = [
        ("patient", "record is closed", booking(closed, SlotFactory())),
        ("patient", "already has an appointment then", booking(patient, same_time)),
        ("patient", "as many visits of the type", booking(limited, again)),
        ("slot", "in the past", booking(PatientFactory(), SlotFactory(starts_at=in_days(-2)))),
        ("slot", "belongs to another doctor", booking(PatientFactory(), SlotFactory(), doctor=DoctorFactory().pk)),
        ("slot", "has been withdrawn", booking(PatientFactory(), SlotFactory(status="withdrawn"))),
    ]
    for field, message, form in cases:
        troubles = reception.post(ADD, form).context["picking"].troubles
        assert set(troubles) == {field}, message
        assert message in str(troubles[field])
    assert Appointment.objects.count() == 2


def test_a_refusal_that_is_not_about_the_seat_keeps_it_chosen_and_held(reception):
    first, patient = booked(), PatientFactory()
    slot = SlotFactory(starts_at=first.starts_at)
    look(reception, slot=slot.pk)
    answer = reception.post(ADD, booking(first.patient, slot, held=slot.pk))
    picking = answer.context["picking"]
    assert (set(picking.troubles), picking.slot["id"], picking.held) == ({"patient"}, slot.pk, str(slot.pk))
    assert "Held for you until" in answer.content.decode()
    assert state(slot) == "held"
    assert reception.post(ADD, booking(patient, slot, held=slot.pk)).status_code == 302


def test_a_refusal_that_is_about_the_seat_gives_it_up(reception):
    slot, other = SlotFactory(), DoctorFactory()
    look(reception, slot=slot.pk)
    answer = reception.post(ADD, booking(PatientFactory(), slot, held=slot.pk, doctor=other.pk))
    picking = answer.context["picking"]
    assert (set(picking.troubles), picking.slot, picking.held) == ({"slot"}, None, "")
    assert state(slot) == "available"


def test_the_appointment_that_is_in_the_way_is_linked_before_and_after_the_button_is_pressed(reception):
    first = booked()
    other = SlotFactory(starts_at=first.starts_at)
    form = booking(first.patient, other)
    for answer in (look(reception, **form), reception.post(ADD, form)):
        assert reverse("admin:appointments_appointment_change", args=[first.pk]) in answer.content.decode()


def test_the_form_opens_with_what_a_link_has_chosen(reception):
    patient, slot = PatientFactory(last_name="Öztürk"), SlotFactory()
    answer = reception.get(f"{ADD}?patient={patient.pk}&slot={slot.pk}")
    assert answer.context["who"].patient == patient
    assert "Öztürk, born 1980-02-29" in answer.content.decode()
    assert times(answer) == [slot.pk]
    assert f"with {slot.doctor.name}" in answer.content.decode()
    link = {"department": slot.department_id, "date": slot.date, "visit_type": "consultation"}
    of_department = reception.get(ADD, link)
    assert times(of_department) == [slot.pk]
    assert of_department.context["picking"].asked.visit_type == "consultation"
    assert reception.get(f"{ADD}?patient=nonsense&slot=nonsense&doctor=x").status_code == 200


def test_those_who_may_not_book_get_no_form_and_no_booking(client):
    for role in ("Clinician", "Scheduler", "Auditor"):
        client.force_login(staff(role))
        assert client.get(ADD).status_code == 403
        assert client.post(ADD, booking(PatientFactory(), SlotFactory())).status_code == 403
    assert not Appointment.objects.exists()
