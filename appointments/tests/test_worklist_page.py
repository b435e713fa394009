"""The pages of those who need a new time: who may see them, what they show and do, how often they ask."""

import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from appointments.models import Appointment
from appointments.tests.test_rebooking import colleague, seat, waiting
from audit.models import AuditLog
from booking_site.core.operations import version_of
from booking_site.core.wallclock import clock_label
from booking_site.testing.factories import DoctorFactory, PatientFactory, booked, staff
from scheduling.models import AvailableSlot

LIST = "/admin/appointments/appointment/worklist/"
ALL = f"{LIST}rebook-all/"
REPORT = f"{LIST}report/"
pytestmark = pytest.mark.django_db


@pytest.fixture
def doctor():
    return DoctorFactory(name="Dr Sena")


def page(name: str, appointment: Appointment) -> str:
    return reverse(f"admin:appointments_appointment_{name}", args=[appointment.pk])


def said(answer) -> list[str]:
    return [str(message) for message in answer.context["messages"]]


def listed(client, query: str = "") -> list:
    return [row["appointment"] for row in client.get(f"{LIST}?{query}").context["waiting"]]


def when(record) -> str:
    return clock_label(record.date, record.time, "Europe/Berlin")


def rebook(client, appointment, slot, version=None):
    form = {"slot": slot.pk, "version": version or version_of(appointment), "back": "because=Doctor+is+ill"}
    return client.post(page("rebook", appointment), form, follow=True)


# --- who -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", ["Reception", "Scheduler", "Administrator"])
def test_those_who_move_appointments_and_see_patients_get_the_list_and_its_count(client, doctor, role):
    client.force_login(staff(role))
    assert "new time</a>" not in client.get("/admin/").content.decode()
    waiting(doctor), waiting(doctor, 8)
    index = client.get("/admin/").content.decode()
    assert f'<a href="{LIST}">2 appointments need a new time</a>' in index
    for path in (LIST, ALL):
        assert client.get(path).status_code == 200
    assert client.get(REPORT, follow=True).redirect_chain == [(LIST, 302)]  # there is none yet


@pytest.mark.parametrize("role", ["Clinician", "Auditor"])
def test_others_get_neither_list_nor_count_and_change_nothing(client, doctor, role):
    client.force_login(staff(role))
    appointment, free = waiting(doctor), seat(doctor, 9)
    assert LIST not in client.get("/admin/").content.decode()
    for path in (LIST, ALL, REPORT):
        assert client.get(path).status_code == 403, path
    version = version_of(appointment)
    assert client.post(page("rebook", appointment), {"slot": free.pk, "version": version}).status_code == 403
    assert client.post(page("urgent", appointment), {"urgent": "yes"}).status_code == 403
    assert client.post(ALL, {"appointments": str(appointment.pk)}).status_code == 403
    after = Appointment.objects.get()
    assert (after.slot_id, after.is_urgent) == (appointment.slot_id, False)
    denied = AuditLog.objects.filter(action="access.denied", status="denied", user_name=role.lower())
    assert [row.details["path"] for row in denied.order_by("timestamp")][:3] == [LIST, ALL, REPORT]


def test_who_may_move_but_not_see_patients_is_refused(client, doctor):
    user = staff("Reception")
    user.groups.get().permissions.remove(user.groups.get().permissions.get(codename="view_patient"))
    client.force_login(user)
    waiting(doctor)
    assert client.get(LIST).status_code == 403


# --- the list ------------------------------------------------------------------------------------------------------


def test_a_row_says_whom_to_call_what_was_why_and_what_could_be(reception, doctor):
    patient = PatientFactory(
        first_name="Łucja", last_name="Wójcik", phone="+48 601 234 567", email="lucja@example.org",
        preferred_language="pl", remind_by_sms=True, remind_by_phone=True,
    )  # fmt: skip
    appointment = waiting(doctor, patient=patient, is_urgent=True)
    free = seat(doctor, 9)
    text = " ".join(reception.get(LIST).content.decode().split())
    for shown in (
        "Łucja Wójcik</bdi></a> <span class=\"status status-no_show\">urgent</span>",
        'href="tel:+48601234567">+48 601 234 567<',
        'href="mailto:lucja@example.org"', "Language: Polish.", "Reminders by: SMS, phone", when(appointment),
        "Dr Sena, Consultation. Why: Doctor is ill", f"<b>{when(free)}</b>, Dr Sena",
        "2 days later; same doctor, soonest", page("move", appointment), page("cancel", appointment),
        page("slip", appointment),
    ):  # fmt: skip
        assert shown in text, shown


def test_the_list_is_narrowed_by_doctor_department_and_reason(reception, doctor):
    one = waiting(doctor)
    other = waiting(DoctorFactory(), 8)
    Appointment.objects.filter(pk=other.pk).update(needs_new_time_because="Flood & fire")
    assert listed(reception) == [one, other]
    assert listed(reception, f"doctor={doctor.pk}") == [one]
    assert listed(reception, f"department={other.department_id}") == [other]
    assert listed(reception, "because=Flood+%26+fire") == [other]
    assert listed(reception, f"because=Flood+%26+fire&doctor={doctor.pk}") == []
    for nonsense in ("department=x", "doctor=x", "because=x"):
        assert listed(reception, nonsense) == []
    assert listed(reception, "page=99") == listed(reception, "page=x") == [one, other]
    assert reception.get(f"{LIST}?doctor=%00").status_code == 400


def test_a_page_takes_the_same_queries_for_one_and_for_many(reception, doctor):
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            reception.get(LIST)
        return len(captured)

    waiting(doctor), seat(doctor, 30)
    queries()
    before = queries()
    for n in range(6):
        waiting(colleague(doctor), 8 + n, patient=PatientFactory())
        seat(colleague(doctor), 31 + n)
    assert len(listed(reception)) == 7
    assert queries() == before <= 13


def test_texts_of_any_kind_are_shown_as_they_are(reception):
    naughty = "<script>alert(1)</script>\"'"
    doctor = DoctorFactory(name=naughty)
    waiting(doctor, patient=PatientFactory(first_name=naughty))
    Appointment.objects.update(needs_new_time_because=naughty)
    seat(doctor, 9)
    for path in (LIST, ALL):
        text = reception.get(path).content.decode()
        assert "<script>alert" not in text
        assert "&lt;script&gt;alert" in text


# --- one by one ----------------------------------------------------------------------------------------------------


def test_a_button_moves_the_appointment_and_leads_back_to_the_list(reception, doctor):
    appointment, free = waiting(doctor), seat(doctor, 9)
    first, second = (rebook(reception, appointment, free) for _ in range(2))  # two clicks
    for answer in (first, second):
        assert answer.redirect_chain == [(f"{LIST}?because=Doctor+is+ill", 302)]
        assert said(answer) == [f"Moved: {appointment.patient}, now {when(free)}, Dr Sena."]
    after = Appointment.objects.get()
    assert (after.slot, after.needs_new_time_since) == (free, None)
    assert AuditLog.objects.get(action="appointment.rescheduled").user_name == "reception"


def test_a_stale_page_and_a_taken_seat_are_refused_kindly(reception, doctor):
    appointment, free, other = waiting(doctor), seat(doctor, 9), seat(doctor, 10)
    booked(slot=free)
    assert "This seat is taken" in said(rebook(reception, appointment, free))[0]
    assert "Somebody else has changed this meanwhile" in said(rebook(reception, appointment, other, version="1f"))[0]
    assert said(reception.post(page("rebook", appointment), {"slot": "x"}, follow=True)) == ["Choose one of the times."]
    assert Appointment.objects.get(pk=appointment.pk).slot_id == appointment.slot_id


def test_urgency_is_set_and_taken_back(reception, doctor):
    first, appointment = waiting(doctor), waiting(doctor, 8)
    for given, is_urgent, order in (("yes", True, [appointment, first]), ("no", False, [first, appointment])):
        version = version_of(Appointment.objects.get(pk=appointment.pk))
        answer = reception.post(page("urgent", appointment), {"urgent": given, "version": version}, follow=True)
        assert answer.redirect_chain == [(LIST, 302)]
        assert Appointment.objects.get(pk=appointment.pk).is_urgent is is_urgent
        assert listed(reception) == order
    stale = reception.post(page("urgent", appointment), {"urgent": "yes", "version": "1f"}, follow=True)
    assert "Somebody else has changed this meanwhile" in said(stale)[0]


def test_an_address_that_is_only_read_does_nothing(reception, doctor):
    appointment = waiting(doctor)
    for name in ("rebook", "urgent"):
        assert reception.get(page(name, appointment))["Location"] == LIST
    for key in ("nonsense", "00000000-0000-7000-8000-000000000000"):
        answer = reception.post(f"/admin/appointments/appointment/{key}/rebook/", {"slot": "x"})
        assert answer["Location"] == "/admin/"


# --- rebooking all -------------------------------------------------------------------------------------------------


def test_the_proposal_is_shown_first_then_done_and_reported_with_contact_details(reception, doctor):
    patients = [PatientFactory(last_name=f"Waiting{n}", phone=f"030 555 010{n}") for n in range(3)]
    one, other, third = (waiting(doctor, 7, 9 + n, patient=patient) for n, patient in enumerate(patients))
    free = seat(doctor, 9, 9), seat(doctor, 9, 10)
    unrelated = waiting(DoctorFactory(), 8)
    proposal = reception.get(f"{ALL}?doctor={doctor.pk}")
    text = proposal.content.decode()
    assert "2 of 3 can be moved" in text
    assert when(free[1]) in text
    assert "There are fewer free times than patients" in text
    assert Appointment.objects.needing_new_time().count() == 4

    ids = re.search(r'name="appointments" value="([^"]+)"', text)[1]
    assert set(ids.split()) == {str(a.pk) for a in (one, other, third)}
    answer = reception.post(ALL, {"appointments": ids}, follow=True)
    assert answer.redirect_chain == [(REPORT, 302)]
    moved = {row["patient"]: row for row in answer.context["moved"]}
    (left,) = answer.context["left"]
    assert len(moved) == 2
    assert {row["new"] for row in moved.values()} == {when(slot) for slot in free}
    text = answer.content.decode()
    for patient in patients:
        assert f"030 555 010{patient.last_name[-1]}" in text
    assert left["why"].startswith("There are fewer free times")
    assert listed(reception) == [left["appointment"], unrelated]
    assert reception.get(REPORT).context["moved"] == answer.context["moved"]  # to be read and printed again
    run = AuditLog.objects.get(action="appointments.rebooked")
    assert (run.user_name, run.details["new"]["moved"], run.details["new"]["not_moved"]) == ("reception", 2, 1)


def test_a_seat_taken_between_proposal_and_doing_is_made_up_for(reception, doctor):
    appointment = waiting(doctor)
    first, second = seat(doctor, 9, 9), seat(doctor, 9, 10)
    assert when(first) in reception.get(ALL).content.decode()
    booked(slot=first)
    answer = reception.post(ALL, {"appointments": str(appointment.pk)}, follow=True)
    assert [row["new"] for row in answer.context["moved"]] == [when(second)]
    assert AvailableSlot.objects.get(pk=second.pk).status == "booked"


def test_the_report_keeps_no_names_in_the_session(reception, doctor):
    appointment = waiting(doctor, patient=PatientFactory(last_name="Unmistakable"))
    seat(doctor, 9)
    reception.post(ALL, {"appointments": f"{appointment.pk} nonsense"})
    assert "Unmistakable" not in str(dict(reception.session))
    assert "Unmistakable" in reception.get(REPORT).content.decode()


def test_with_nobody_waiting_there_is_nothing_to_press(reception):
    text = reception.get(ALL).content.decode()
    assert 'name="appointments"' not in text
    assert "Nobody needs a new time." in reception.get(LIST).content.decode()
    answer = reception.post(ALL, {"appointments": ""}, follow=True)
    assert (answer.status_code, answer.context["moved"]) == (200, [])
