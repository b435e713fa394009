"""The page for walk-ins: who may use it, what it shows beside the form, what it does."""

from datetime import timedelta
from html import unescape
from zoneinfo import ZoneInfo

import pytest
from django.urls import reverse
from django.utils import timezone
from django.utils.html import strip_tags

from appointments.models import Appointment, Status
from appointments.operations import mark_no_show
from appointments.tests.booking_form import NEW
from booking_site.core.ids import uuid7
from booking_site.testing.factories import (
    TESTER,
    DepartmentFactory,
    DoctorFactory,
    PatientFactory,
    SlotFactory,
    VisitTypeFactory,
    booked,
    staff,
    zone_at,
)
from patients.models import Patient
from scheduling.models import AvailableSlot

pytestmark = pytest.mark.django_db
PAGE, LIVE = "/admin/walk-in/", "/admin/walk-in/live/"
KEY = "00000000-0000-7000-8000-0000000000aa"


@pytest.fixture
def doctor():
    return DoctorFactory(name="Dr Sena", department=DepartmentFactory(name="Emergency", time_zone=zone_at(9)))


@pytest.fixture
def patient():
    return PatientFactory(first_name="Ana", last_name="Sá")


def free(doctor, minutes=30, **kwargs):
    now = timezone.now().replace(second=0, microsecond=0)
    return SlotFactory(doctor=doctor, starts_at=now + timedelta(minutes=minutes), duration_minutes=10, **kwargs)


def send(client, patient, **fields):
    return client.post(PAGE, {"key": KEY, "patient": str(patient.pk), **fields})


def live(client, **query):
    return client.get(LIVE, query).content.decode()


def test_one_press_books_and_checks_in(reception, doctor, patient):
    slot = free(doctor)
    for _ in range(2):  # a second click gets the answer of the first
        answer = send(reception, patient, department=str(doctor.department_id), reason="Cough")
    made = Appointment.objects.get()
    assert answer.headers["Location"] == reverse("admin:appointments_appointment_change", args=[made.pk])
    assert (made.slot_id, made.status, made.source, made.reason) == (slot.pk, Status.CHECKED_IN, "walk_in", "Cough")


def test_page_shows_the_next_seats_and_the_wait(reception, doctor):
    for number in range(7):
        free(doctor, 30 + 10 * number)
    shown = live(reception, department=str(doctor.department_id))
    assert shown.count("Dr Sena") == 5
    assert "wait: 30 minutes" in shown or "wait: 29 minutes" in shown


def test_page_says_where_no_seat_is_free_or_nothing_is_chosen(reception, doctor):
    assert "Choose a department or a doctor." in live(reception)
    assert "No seat is free today any more." in live(reception, doctor=doctor.pk)


def test_patient_who_is_expected_is_shown_with_a_button_to_check_in(reception, doctor, patient):
    appointment = booked(patient=patient, slot=free(doctor, 25))
    free(doctor, 60)
    shown = live(reception, patient=str(patient.pk), doctor=doctor.pk)
    assert reverse("admin:appointments_appointment_step", args=[appointment.pk]) in shown
    assert "minutes early" in shown
    refused = send(reception, patient, doctor=doctor.pk)
    assert "has an appointment today already" in refused.content.decode()
    assert Appointment.objects.count() == 1
    send(reception, patient, doctor=doctor.pk, although_booked="on")
    assert Appointment.objects.count() == 2


def test_patient_who_was_missed_is_taken_back_while_the_seat_is_free(reception, doctor, patient):
    slot = free(doctor, 25)
    mark_no_show(actor=TESTER, appointment_id=booked(patient=patient, slot=slot).pk)
    assert "the seat is still free" in live(reception, patient=str(patient.pk))
    booked(slot=AvailableSlot.objects.get(pk=slot.pk))
    assert "the seat is given away" in live(reception, patient=str(patient.pk))


def test_page_says_when_the_next_seat_is(reception, doctor, patient):
    free(doctor, 24 * 60)
    assert (
        "No seat is free today any more. The next one is" in send(reception, patient, doctor=doctor.pk).content.decode()
    )


def test_page_shows_when_the_chosen_doctor_is_there_today(reception, doctor):
    elsewhere = DepartmentFactory(name="Dermatology", time_zone=doctor.department.time_zone)
    assert "No seats today." in live(reception, doctor=doctor.pk)
    first, last = free(doctor, 20), free(doctor, 40)
    booked(slot=free(doctor, 30)), free(doctor, 50, status="withdrawn"), free(doctor, 60, department=elsewhere)
    shown = unescape(strip_tags(live(reception, doctor=doctor.pk)))
    zone = ZoneInfo(doctor.department.time_zone)
    assert f"{first.time:%H:%M}–{last.ends_at.astimezone(zone):%H:%M} Emergency 2 free, 1 booked" in shown
    assert "Dermatology 1 free, 0 booked" in shown
    assert "The doctor today" not in live(reception, department=str(doctor.department_id))


# --- who ---------------------------------------------------------------------------------------------------------


def test_a_link_chooses_the_patient(reception, patient):
    answer = reception.get(PAGE, {"patient": str(patient.pk)})
    assert (answer.context["who"].patient, answer.context["form"]["patient"].value()) == (patient, str(patient.pk))


def test_without_a_script_the_patient_is_searched_for_and_chosen(reception, doctor, patient):
    free(doctor)
    sent = {"key": KEY, "patient": "", "who": "sa ana", "doctor": doctor.pk, "reason": "Cough"}
    found = reception.post(PAGE, sent | {"look": "yes"})
    assert [one for one, _about in found.context["who_choices"]] == [patient]
    assert (bool(found.context["errors"]), found.context["form"]["reason"].value()) == (False, "Cough")
    assert "Choose a patient." in reception.post(PAGE, sent).content.decode()
    assert reception.post(PAGE, sent | {"found_patient": str(patient.pk)}).status_code == 302
    assert Appointment.objects.get().patient == patient


def test_one_who_is_not_known_is_registered_and_checked_in_in_one_press_and_once(reception, doctor):
    slot = free(doctor)
    form = {"key": KEY, "patient": "", "who": "Ada Byron", "doctor": doctor.pk, **NEW}
    first, second = (reception.post(PAGE, form) for _ in range(2))
    assert (first.status_code, second.status_code, first.url) == (302, 302, second.url)
    made = Appointment.objects.get()
    assert (str(made.patient), made.slot_id, made.status) == ("Ada Byron", slot.pk, Status.CHECKED_IN)
    assert Patient.objects.count() == 1


def test_one_like_the_new_patient_is_shown_before_anybody_is_registered(reception, doctor):
    free(doctor), free(doctor, 45)
    known = PatientFactory(first_name="Ada", last_name="Byron", dob="1980-02-29")
    form = {"key": KEY, "doctor": doctor.pk, **NEW}
    answer = reception.post(PAGE, form)
    assert [one.patient for one in answer.context["who"].candidates] == [known]
    assert "This person may be registered already" in answer.content.decode()
    assert "Please correct what is marked below." in answer.content.decode()
    assert (Patient.objects.count(), Appointment.objects.count()) == (1, 0)
    assert reception.post(PAGE, form | {"found_patient": str(known.pk)}).status_code == 302
    assert (Patient.objects.count(), known.appointments.count()) == (1, 1)
    all_the_same = {"key": str(uuid7()), "all_the_same": answer.context["who"].shown_candidates}
    assert reception.post(PAGE, form | all_the_same).status_code == 302
    assert (Patient.objects.count(), Appointment.objects.count()) == (2, 2)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"new-first_name": "", "new-last_name": ""}, "A patient needs a first name or a last name."),
        ({"new-dob": "2999-01-01"}, "A date of birth cannot lie in the future."),
        ({"doctor": ""}, "Choose a department or a doctor."),
    ],
)
def test_nobody_is_registered_while_something_is_wrong(reception, doctor, change, message):
    free(doctor)
    answer = reception.post(PAGE, {"key": KEY, "doctor": doctor.pk, **NEW} | change)
    assert message in answer.content.decode()
    assert "Please correct what is marked below." in answer.content.decode()
    assert not Patient.objects.exists()


def test_one_who_is_registered_but_finds_no_seat_stays_chosen(reception, doctor):
    answer = reception.post(PAGE, {"key": KEY, "doctor": doctor.pk, **NEW})
    ada = Patient.objects.get()
    text = answer.content.decode()
    assert "Ada Byron is registered, but not booked yet." in text
    assert "No seat is free today any more." in text
    assert (answer.context["who"].patient, answer.context["who"].is_new) == (ada, False)
    key = str(answer.context["form"]["key"].value())
    assert key != KEY  # the next to be registered gets a key of their own
    free(doctor)
    assert send(reception, ada, doctor=doctor.pk, key=key).status_code == 302


def test_those_who_may_not_register_are_not_asked_to(client, doctor):
    user = staff("Reception")
    user.groups.get().permissions.remove(*user.groups.get().permissions.filter(codename="add_patient"))
    client.force_login(user)
    assert "Register a new patient" not in client.get(PAGE).content.decode()
    assert "Choose a patient." in client.post(PAGE, {"key": KEY, "doctor": doctor.pk, **NEW}).content.decode()
    assert not Patient.objects.exists()


def test_the_page_of_a_patient_leads_to_the_walk_in_of_those_who_may(client, patient):
    link = f'href="{PAGE}?patient={patient.pk}"'
    page = reverse("admin:patient", args=[patient.pk])
    for role, is_there in (("Reception", True), ("Scheduler", False)):
        client.force_login(staff(role))
        assert (link in client.get(page).content.decode()) == is_there, role
    client.force_login(staff("Administrator"))
    Patient.objects.filter(pk=patient.pk).update(is_active=False)
    assert link not in client.get(page).content.decode()


# --- who may, and with whom --------------------------------------------------------------------------------------


def test_overbooking_is_for_those_who_may(client, doctor, patient):
    kind = VisitTypeFactory()
    fields = {"doctor": doctor.pk, "visit_type": kind.pk, "overbook": "on", "overbook_reason": "In pain"}
    user = staff("Reception")
    user.groups.get().permissions.remove(*user.groups.get().permissions.filter(codename="overbook_availableslot"))
    client.force_login(user)
    assert "Who may overbook:" in client.get(PAGE).content.decode()
    send(client, patient, **fields)
    assert not Appointment.objects.exists()
    client.force_login(staff("Administrator"))
    assert "Dr Sena has no seats in Emergency today." in send(client, patient, **fields).content.decode()
    free(doctor, 60)
    send(client, patient, **fields)
    assert Appointment.objects.get().slot.note == "In pain"


@pytest.mark.parametrize("role", ["Scheduler", "Clinician", "Auditor"])
def test_page_is_for_those_who_book_and_check_in(client, role, patient):
    client.force_login(staff(role))
    assert [client.get(page).status_code for page in (PAGE, LIVE)] == [403, 403]
    assert send(client, patient).status_code == 403


def test_other_departments_are_neither_shown_nor_booked(client, doctor, patient):
    free(doctor)
    client.force_login(staff("Reception", DepartmentFactory(name="Elsewhere")))
    assert "Dr Sena" not in live(client, doctor=doctor.pk)
    answer = send(client, patient, doctor=doctor.pk)
    assert "Choose one from the list." in answer.content.decode()
    assert not Appointment.objects.exists()


@pytest.mark.parametrize("name", ["patient", "department", "doctor", "visit_type"])
@pytest.mark.parametrize("wrong", ["0", "nobody", "x" * 5000, "00000000-0000-7000-8000-000000000000"])
def test_senseless_choices_get_an_answer(reception, doctor, patient, name, wrong):
    assert reception.get(LIVE, {name: wrong}).status_code == 200
    assert reception.get(PAGE, {name: wrong}).status_code == 200
    fields = {"patient": str(patient.pk), "doctor": doctor.pk, "key": KEY} | {name: wrong}
    assert reception.post(PAGE, fields).status_code == 200


def test_a_form_without_a_place_is_told_so_at_its_field(reception, patient):
    assert "Choose a department or a doctor." in send(reception, patient).content.decode()


def test_page_takes_as_many_queries_for_one_seat_as_for_five(reception, doctor, django_assert_max_num_queries):
    query = {"department": str(doctor.department_id), "doctor": doctor.pk, "patient": str(PatientFactory().pk)}
    free(doctor, 20)
    with django_assert_max_num_queries(13) as few:
        reception.get(LIVE, query)
    for number in range(4):
        free(doctor, 40 + 10 * number)
    with django_assert_max_num_queries(len(few)):
        reception.get(LIVE, query)
