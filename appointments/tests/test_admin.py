"""Booking, moving and cancelling from the console."""

import re
from datetime import UTC, datetime

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from appointments.models import Appointment, IdempotencyKey
from audit.models import AuditLog
from booking_site.core.operations import version_of
from booking_site.testing.factories import (
    DepartmentFactory,
    DoctorFactory,
    PatientFactory,
    SlotFactory,
    booked,
    in_days,
    staff,
)
from scheduling.models import AvailableSlot

ADD = "/admin/appointments/appointment/add/"
LIST = "/admin/appointments/appointment/"
KEY = "00000000-0000-7000-8000-0000000000aa"
pytestmark = pytest.mark.django_db


@pytest.fixture
def reception(client):
    client.force_login(staff("Reception"))
    return client


def page(name: str, appointment: Appointment) -> str:
    return reverse(f"admin:appointments_appointment_{name}", args=[appointment.pk])


def booking(patient, slot, **more) -> dict:
    return {"key": KEY, "patient": patient.pk, "slot": slot.pk, "reason": "Headache, since Monday"} | more


def said(answer) -> list[str]:
    return [str(message) for message in answer.context["messages"]]


def last_audit() -> tuple[str, str, str]:
    row = AuditLog.objects.exclude(action__startswith="user.").latest("timestamp", "id")
    return row.action, row.status, row.user_name


# --- booking -------------------------------------------------------------------------------------------------


def test_reception_books_and_lands_on_the_appointment(reception):
    patient, slot = PatientFactory(), SlotFactory()
    answer = reception.post(ADD, booking(patient, slot), follow=True)
    made = Appointment.objects.get()
    assert answer.redirect_chain == [(page("change", made), 302)]
    assert (made.patient, made.slot, made.reason, made.source) == (patient, slot, "Headache, since Monday", "console")
    assert made.booked_by == "user:reception"
    when = f"{slot.date:%a} {slot.date.day} {slot.date:%b %Y} {slot.time:%H:%M} Europe/Berlin"
    assert said(answer) == [f"Booked: {patient}, {when}, {slot.doctor}."]
    assert last_audit() == ("appointment.booked", "success", "reception")


@pytest.mark.django_db(transaction=True)
def test_a_taken_seat_is_said_with_all_that_was_typed_kept_and_the_refusal_in_the_audit_log(reception):
    patient, slot = PatientFactory(first_name="Ínês"), SlotFactory()
    booked(slot=slot)
    answer = reception.post(ADD, booking(patient, slot, doctor=slot.doctor_id, department=slot.department_id))
    assert answer.status_code == 200
    text = answer.content.decode()
    assert "This seat is taken. Choose another time." in text
    for kept in ("Ínês", "Headache, since Monday", f'<option value="{slot.pk}" selected', slot.doctor.name):
        assert kept in text, kept
    assert Appointment.objects.count() == 1
    row = AuditLog.objects.get(action="appointment.booked", status="failure")
    assert (row.user_name, row.details["code"], row.object_id) == ("reception", "slot_unavailable", str(slot.pk))
    # The same page, corrected, books: its key was not used up by the refusal.
    assert reception.post(ADD, booking(patient, SlotFactory())).status_code == 302


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


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"patient": ""}, "This field is required."),
        ({"patient": "nonsense"}, "is not a valid UUID"),
        ({"slot": "00000000-0000-7000-8000-000000000000"}, "Choose one from the list."),
        ({"slot": ""}, "This field is required."),
        ({"doctor": "T-none"}, "Choose one from the list."),
        ({"reason": "x" * 2001}, "at most 2000 characters"),
        ({"reason": "a\x00b"}, "Null characters are not allowed."),
        ({"date": "tomorrow-ish"}, "Enter a valid date."),
    ],
)
def test_what_was_typed_wrong_is_said_beside_the_field_and_nothing_is_written(reception, change, message):
    answer = reception.post(ADD, booking(PatientFactory(), SlotFactory()) | change)
    assert answer.status_code == 200
    assert message in answer.content.decode()
    assert not Appointment.objects.exists()


def test_the_rules_of_booking_hold_here_too(reception):
    closed, patient = PatientFactory(is_active=False), PatientFactory()
    first = booked(patient=patient)
    same_time = SlotFactory(starts_at=first.starts_at)
    cases = {
        "record is closed": booking(closed, SlotFactory()),
        "already has an appointment then": booking(patient, same_time),
        "in the past": booking(PatientFactory(), SlotFactory(starts_at=in_days(-2))),
        "belongs to another doctor": booking(PatientFactory(), SlotFactory(), doctor=DoctorFactory().pk),
        "has been withdrawn": booking(PatientFactory(), SlotFactory(status="withdrawn")),
    }
    for message, form in cases.items():
        assert message in reception.post(ADD, form).content.decode(), message
    assert Appointment.objects.count() == 1


def test_the_form_opens_with_what_a_link_has_chosen(reception):
    patient, slot = PatientFactory(last_name="Öztürk"), SlotFactory()
    text = reception.get(f"{ADD}?patient={patient.pk}&slot={slot.pk}").content.decode()
    assert f'<option value="{patient.pk}" selected' in text
    assert "Öztürk, born 1980-02-29" in text
    assert re.search(rf'<option value="{slot.pk}" selected[^>]*>[A-Z][a-z]+ \d+ [A-Z]', text)
    assert reception.get(f"{ADD}?patient=nonsense&slot=nonsense&doctor=x").status_code == 200


def test_those_who_may_not_book_get_no_form_and_no_booking(client):
    for role in ("Clinician", "Scheduler", "Auditor"):
        client.force_login(staff(role))
        assert client.get(ADD).status_code == 403
        assert client.post(ADD, booking(PatientFactory(), SlotFactory())).status_code == 403
    assert not Appointment.objects.exists()


# --- moving and cancelling ---------------------------------------------------------------------------------------


def test_reception_moves(reception):
    appointment, other = booked(), SlotFactory()
    version = version_of(appointment)
    form = {"key": KEY, "slot": other.pk, "reason": "asked for a later day", "version": version}
    assert version in reception.get(page("move", appointment)).content.decode()
    first, second = (reception.post(page("move", appointment), form, follow=True) for _ in range(2))
    assert first.redirect_chain == second.redirect_chain == [(page("change", appointment), 302)]
    appointment.refresh_from_db()
    assert appointment.slot == other
    assert list(AvailableSlot.objects.order_by("starts_at").values_list("status", flat=True)) == ["available", "booked"]
    assert AuditLog.objects.filter(action="appointment.rescheduled", status="success").count() == 1


@pytest.mark.django_db(transaction=True)
def test_a_move_to_a_taken_seat_changes_nothing_and_is_audited(reception):
    appointment, taken = booked(), booked()
    form = {"key": KEY, "slot": taken.slot_id, "reason": "why not", "version": version_of(appointment)}
    text = reception.post(page("move", appointment), form).content.decode()
    assert "This seat is taken" in text
    assert "why not" in text
    before = appointment.slot_id
    appointment.refresh_from_db()
    assert appointment.slot_id == before
    row = AuditLog.objects.get(status="failure")
    assert (row.action, row.appointment_id) == ("appointment.rescheduled", appointment.pk)


def test_a_page_that_is_no_longer_true_does_nothing_and_then_shows_what_is(reception):
    appointment, mine, theirs = booked(), SlotFactory(), SlotFactory()
    stale = version_of(appointment)
    reception.post(page("move", appointment), {"key": KEY, "slot": theirs.pk, "version": stale})
    for name, form in (("move", {"key": KEY, "slot": mine.pk}), ("cancel", {"code": "ill", "reason": "ill"})):
        answer = reception.post(page(name, appointment), {**form, "version": stale})
        assert "It has changed since you read it" in answer.content.decode()
        appointment.refresh_from_db()
        assert (appointment.slot, appointment.status) == (theirs, "booked")
        assert version_of(appointment) in answer.content.decode()


def test_reception_cancels_and_twice_is_harmless(reception):
    appointment = booked()
    form = {"code": "ill", "reason": "is ill", "version": version_of(appointment)}
    for _ in range(2):
        answer = reception.post(page("cancel", appointment), form, follow=True)
        assert said(answer)[0].startswith("Cancelled: ")
    appointment.refresh_from_db()
    assert (appointment.status, appointment.cancellation_reason) == ("cancelled", "is ill")
    assert AvailableSlot.objects.get().status == "available"
    assert AuditLog.objects.filter(action="appointment.cancelled").count() == 1
    text = answer.content.decode()
    assert "is ill" in text
    assert page("move", appointment) not in text


def test_those_who_may_not_move_or_cancel_see_no_button_and_get_no_further(client):
    appointment = booked()
    client.force_login(staff("Clinician"))
    text = client.get(page("change", appointment)).content.decode() + client.get(f"{LIST}?day=all").content.decode()
    for name in ("move", "cancel"):
        assert page(name, appointment) not in text
        assert client.get(page(name, appointment)).status_code == 403
        assert client.post(page(name, appointment), {"key": KEY, "slot": SlotFactory().pk}).status_code == 403
    client.post(
        LIST, {"action": "cancel_selected", "_selected_action": [appointment.pk], "confirmed": "yes", "code": "ill"}
    )
    appointment.refresh_from_db()
    assert appointment.status == "booked"


def test_several_are_cancelled_with_one_reason_and_those_refused_are_named(reception):
    one, other = booked(), booked()
    done = booked()
    Appointment.objects.filter(pk=done.pk).update(status="completed", completed_at=in_days(0))
    chosen = {"action": "cancel_selected", "_selected_action": [one.pk, other.pk, done.pk]}
    asked = reception.post(f"{LIST}?day=all", chosen)
    assert asked.status_code == 200
    assert str(one.patient) in asked.content.decode()
    assert not Appointment.objects.filter(status="cancelled").exists()
    answer = reception.post(
        f"{LIST}?day=all", {**chosen, "confirmed": "yes", "code": "ill", "reason": "Dr is ill"}, follow=True
    )
    assert said(answer)[-1] == "Cancelled: 2."
    assert str(done.patient) in said(answer)[0]
    reasons = Appointment.objects.filter(status="cancelled").values_list("cancellation_reason", flat=True)
    assert list(reasons) == ["Dr is ill", "Dr is ill"]


def test_no_page_edits_an_appointment(reception):
    appointment = booked(reason="as it was")
    assert reception.post(page("change", appointment), {"reason": "changed", "status": "completed"}).status_code == 403
    appointment.refresh_from_db()
    assert (appointment.reason, appointment.status) == ("as it was", "booked")


# --- lists and search --------------------------------------------------------------------------------------------


def listed(client, query: str) -> set:
    return set(client.get(f"{LIST}?{query}").context["cl"].queryset.values_list("pk", flat=True))


def test_the_list_shows_the_days_of_each_site_by_its_own_date(client, monkeypatch):
    # Monday noon in London is Tuesday in Kiritimati (UTC+14).
    monkeypatch.setattr(timezone, "now", lambda: datetime(2027, 3, 1, 12, tzinfo=UTC))
    client.force_login(staff("Reception"))
    london = DoctorFactory(department=DepartmentFactory(time_zone="Europe/London"))
    island = DoctorFactory(department=DepartmentFactory(time_zone="Pacific/Kiritimati"))
    at = {}
    for name, doctor, day, hour in [
        ("london monday", london, 1, 9), ("london tuesday", london, 2, 9), ("island monday", island, 1, 1),
        ("island tuesday", island, 1, 20), ("island wednesday", island, 2, 20), ("london next monday", london, 8, 9),
    ]:  # fmt: skip
        at[name] = booked(slot=SlotFactory(doctor=doctor, starts_at=datetime(2027, 3, day, hour, tzinfo=UTC))).pk

    def names(query: str) -> set[str]:
        found = listed(client, query)
        return {name for name, pk in at.items() if pk in found}

    assert names("") == names("day=today") == {"london monday", "island tuesday"}
    assert names("day=tomorrow") == {"london tuesday", "island wednesday"}
    assert names("day=2027-03-02") == {"london tuesday", "island tuesday"}
    assert names("day=week") == {name for name in at if name != "london next monday"}
    assert names("day=next_week") == {"london next monday"}
    assert names("day=all") == set(at)


def test_appointments_are_found_by_the_patient_on_any_day(reception):
    appointment = booked(patient=PatientFactory(first_name="Zoë", last_name="Ångström", phone="+49 30 1234-567"))
    booked()
    for text in ("angstrom zoe", "Zoë", "301234567"):
        assert listed(reception, f"q={text}") == {appointment.pk}, text
    assert listed(reception, "q=nobody") == set()
    assert listed(reception, f"patient__id__exact={appointment.patient_id}&day=all") == {appointment.pk}


def test_the_list_names_the_clock_of_the_site(reception):
    doctor = DoctorFactory(department=DepartmentFactory(time_zone="Asia/Tokyo"))
    appointment = booked(slot=SlotFactory(doctor=doctor, starts_at=in_days(7, hour=1)))
    text = reception.get(f"{LIST}?day=all").content.decode()
    words = r"\w+ \d+ \w+ \d{4} <b>10:00</b>"
    zone = '<span class="zone" data-zone="Asia/Tokyo">Asia/Tokyo</span>'
    assert re.search(rf'<time class="clock" datetime="[-0-9]+T10:00\+09:00">{words} {zone}</time>', text)
    detail = reception.get(page("change", appointment)).content.decode()
    assert "<b>10:00</b>" in detail
    assert re.search(rf'booked at <time datetime="[^"]+">\w+ \d+ \w+ \d{{4}} \d\d:\d\d:\d\d {zone}</time>', detail)


# --- autocomplete ------------------------------------------------------------------------------------------------


def offered(client, field: str, **query) -> list[str]:
    parameters = {"app_label": "appointments", "model_name": "appointment", "field_name": field, "term": "", **query}
    answer = client.get("/admin/autocomplete/", parameters)
    assert answer.status_code == 200, answer.content
    return [row["text"] for row in answer.json()["results"]]


def test_free_slots_only_are_offered_with_day_clock_zone_doctor_and_department(reception):
    cardiology = DepartmentFactory(name="Cardiology", time_zone="Europe/Berlin")
    doctor = DoctorFactory(name="Dr Sena", department=cardiology)
    free = SlotFactory(doctor=doctor, starts_at=datetime(2035, 11, 23, 8, tzinfo=UTC))
    booked(slot=SlotFactory(doctor=doctor))
    SlotFactory(doctor=doctor, status="withdrawn")
    SlotFactory(doctor=doctor, starts_at=in_days(-1))
    label = "Fri 23 Nov 2035 09:00 Europe/Berlin, Dr Sena, Cardiology"
    assert offered(reception, "slot") == [label]
    for term in ("sena", "cardio 9:00", "2035-11-23", "fri", "Friday sena"):
        assert offered(reception, "slot", term=term) == [label], term
    for term in ("mon", "10:00", "2035-11-24", "someone", "2035-99-99", "today"):
        assert offered(reception, "slot", term=term) == [], term
    assert offered(reception, "slot", doctor=doctor.pk, department=str(cardiology.pk), date="2035-11-23") == [label]
    for other in ({"doctor": "T-x"}, {"department": str(free.pk)}, {"date": "2035-11-22"}, {"department": "?"}):
        assert offered(reception, "slot", **other) == [], other


def test_patients_are_offered_by_any_order_accent_phone_and_number_if_their_record_is_open(reception):
    PatientFactory(first_name="Łukasz", last_name="Nowak", phone="0171 555-123", mrn="MRN-77")
    PatientFactory(first_name="Lukasz", last_name="Nowak", is_active=False)
    for term in ("nowak lukasz", "ŁUKASZ", "171555123", "mrn-77"):
        assert offered(reception, "patient", term=term) == ["Łukasz Nowak, born 1980-02-29, MRN-77, 0171 555-123"], term


@pytest.mark.parametrize("field", ["slot", "patient", "doctor"])
def test_autocomplete_asks_the_database_as_often_for_four_as_for_one(reception, field):
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            offered(reception, field)
        return len(captured)

    booked(), SlotFactory()
    before = queries()
    for _ in range(3):
        booked(), SlotFactory()
    assert queries() == before


def test_autocomplete_is_for_those_who_may_see_what_it_offers(client):
    client.force_login(staff("Auditor"))
    for field in ("patient", "slot", "doctor", "department"):
        answer = client.get(
            "/admin/autocomplete/",
            {"app_label": "appointments", "model_name": "appointment", "field_name": field, "term": ""},
        )
        assert answer.status_code == 403
