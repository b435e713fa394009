"""Booking, moving and cancelling from the console."""

import re
from datetime import UTC, datetime

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils.html import escape

from appointments.models import Appointment
from audit.models import AuditLog
from booking_site.core.ids import uuid7
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
from doctors.models import Doctor
from scheduling.models import AvailableSlot

ADD = "/admin/appointments/appointment/add/"
LIST = "/admin/appointments/appointment/"
KEY = "00000000-0000-7000-8000-0000000000aa"
pytestmark = pytest.mark.django_db


def page(name: str, appointment: Appointment) -> str:
    return reverse(f"admin:appointments_appointment_{name}", args=[appointment.pk])


def said(answer) -> list[str]:
    return [str(message) for message in answer.context["messages"]]


def last_audit() -> tuple[str, str, str]:
    row = AuditLog.objects.exclude(action__startswith="user.").latest("timestamp", "id")
    return row.action, row.status, row.user_name


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
        assert "Somebody else has changed this meanwhile" in answer.content.decode()
        appointment.refresh_from_db()
        assert (appointment.slot, appointment.status) == (theirs, "booked")
        assert version_of(appointment) in answer.content.decode()


def test_a_move_refused_keeps_the_seat_chosen_and_held_unless_it_is_about_the_seat(reception):
    appointment, slot = booked(), SlotFactory()
    at, form = page("move", appointment), {"key": KEY, "slot": slot.pk, "held": slot.pk}
    reception.post(at, form | {"look": "yes"})
    answer = reception.post(at, form | {"version": "1f"})
    assert "Somebody else has changed this meanwhile. Look at it again, then repeat." in answer.content.decode()
    picking = answer.context["picking"]
    assert (picking.slot["id"], picking.held) == (slot.pk, str(slot.pk))
    assert AvailableSlot.objects.get(pk=slot.pk).state == "held"

    Doctor.objects.filter(pk=slot.doctor_id).update(is_active=False)
    answer = reception.post(at, form | {"version": answer.context["version"]})
    picking = answer.context["picking"]
    assert (set(picking.troubles), picking.slot, picking.held) == ({"slot"}, None, "")
    assert AvailableSlot.objects.get(pk=slot.pk).status == "available"


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


def test_moving_and_cancelling_lead_back_to_where_the_button_was(reception):
    board = "/admin/?day=2026-11-23&view=list"
    host = "http://testserver"
    for name, form in (("move", {"key": KEY, "slot": SlotFactory().pk}), ("cancel", {"code": "ill", "reason": ""})):
        appointment = booked()
        opened = reception.get(page(name, appointment), headers={"Referer": f"{host}{board}"}).content.decode()
        place = escape(f"{host}{board}")
        assert f'<input type="hidden" name="next" value="{place}">' in opened
        assert f'class="closelink" href="{place}"' in opened
        linked = reception.get(page(name, appointment), {"next": board}).content.decode()
        assert f'name="next" value="{escape(board)}"' in linked
        sent = form | {"version": version_of(appointment)}
        answer = reception.post(page(name, appointment), sent | {"next": board}, follow=True)
        assert answer.redirect_chain == [(board, 302)]
        assert f'href="{page("change", appointment)}"' in said(answer)[0]


@pytest.mark.parametrize("name", ["move", "cancel"])
def test_a_form_leads_neither_elsewhere_nor_to_itself(reception, name):
    appointment = booked()
    at = page(name, appointment)
    for place in ("https://elsewhere.example/", "//elsewhere.example/", "javascript:alert(1)", at):
        opened = reception.get(at, {"next": place}).content.decode()
        assert '<input type="hidden" name="next" value="">' in opened
        assert f'class="closelink" href="{page("change", appointment)}"' in opened
    form = {"key": KEY, "slot": SlotFactory().pk, "code": "ill", "version": version_of(appointment)}
    answer = reception.post(at, form | {"next": "https://elsewhere.example/"}, headers={"Referer": "/admin/"})
    assert answer.url == page("change", appointment)


def test_a_move_can_be_taken_back_by_the_link_in_its_message(reception):
    appointment = booked()
    before, after = appointment.slot, SlotFactory()
    form = {"key": KEY, "slot": after.pk, "version": version_of(appointment)}
    answer = reception.post(page("move", appointment), form, follow=True)
    [back] = re.findall(r'href="([^"]+)">Move back', said(answer)[0])
    assert back == f"{page('move', appointment)}?slot={before.pk}"
    asked = reception.get(back)
    assert asked.context["picking"].slot["id"] == before.pk
    again = reception.post(page("move", appointment), form, follow=True)  # a second click has moved nothing
    assert "Move back" not in said(again)[0]
    sent = {"key": str(uuid7()), "slot": before.pk, "version": asked.context["version"]}
    assert reception.post(page("move", appointment), sent).status_code == 302
    appointment.refresh_from_db()
    assert appointment.slot == before


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
    return set(client.get(f"{LIST}?{query}", follow=True).context["cl"].queryset.values_list("pk", flat=True))


@time_machine.travel("2027-03-01 12:00Z", tick=False)
def test_the_list_shows_the_days_of_each_site_by_its_own_date(client):
    # Monday noon in London is Tuesday in Kiritimati (UTC+14).
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
    answer = client.post("/admin/autocomplete/", parameters)
    assert answer.status_code == 200, answer.content
    return [row["text"] for row in answer.json()["results"]]


def test_patients_are_offered_by_any_order_accent_phone_and_number_if_their_record_is_open(reception):
    PatientFactory(first_name="Łukasz", last_name="Nowak", phone="0171 555-123", mrn="MRN-77")
    PatientFactory(first_name="Lukasz", last_name="Nowak", is_active=False)
    for term in ("nowak lukasz", "ŁUKASZ", "171555123", "mrn-77"):
        assert offered(reception, "patient", term=term) == ["Łukasz Nowak, born 1980-02-29, MRN-77, 0171 555-123"], term


@pytest.mark.parametrize("field", ["patient", "doctor"])
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
