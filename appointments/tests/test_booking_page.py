"""The page that books, by its own requests: who, whose times, when; holding meanwhile; registering on the spot."""

import json
import uuid

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from appointments.models import Appointment, IdempotencyKey
from audit.models import AuditLog
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
from patients.models import Patient
from scheduling.models import AvailableSlot

ADD = "/admin/appointments/appointment/add/"
KEY = "00000000-0000-7000-8000-0000000000aa"
NEW = {"is_new": "yes", "new-first_name": "Ada", "new-last_name": "Byron", "new-dob": "1980-02-29"}
pytestmark = pytest.mark.django_db


@pytest.fixture
def reception(client):
    client.force_login(staff("Reception"))
    return client


def booking(patient, slot, **more) -> dict:
    return {"key": KEY, "patient": patient.pk, "slot": slot.pk, "reason": "Headache, since Monday"} | more


def look(client, **sent):
    """What a script is answered when something has been chosen."""
    return client.post(ADD, {"key": KEY, "look": "yes", **sent}, headers={"X-Part": "yes"})


def times(answer) -> list[uuid.UUID]:
    return [row["id"] for day in answer.context["days"] for row in day.times]


def state(slot) -> str:
    return AvailableSlot.objects.get(pk=slot.pk).state


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


# --- whose times ---------------------------------------------------------------------------------------------


def offered(client, what: str, text: str) -> list[str]:
    answer = client.post(reverse("admin:booking_find"), {"what": what, "q": text})
    assert answer.status_code == 200, answer.content
    return [", ".join([one["name"], *one["about"]]) for one in json.loads(answer.content)["offered"]]


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


# --- holding -------------------------------------------------------------------------------------------------


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
    slot, patient = SlotFactory(), PatientFactory()
    next_one = SlotFactory(doctor=slot.doctor)
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


# --- registering on the spot -------------------------------------------------------------------------------------


def test_a_new_patient_is_registered_and_booked_in_one_press_and_once(reception):
    slot = SlotFactory()
    form = {"key": KEY, "slot": slot.pk, **NEW, "new-phone": "+48 601 234 567"}
    first, second = (reception.post(ADD, form) for _ in range(2))
    assert (first.status_code, second.status_code, first.url) == (302, 302, second.url)
    made = Appointment.objects.get()
    patient = Patient.objects.get()
    assert (made.patient, str(patient), str(patient.dob), patient.phone) == (
        patient, "Ada Byron", "1980-02-29", "+48 601 234 567",
    )  # fmt: skip
    assert list(AuditLog.objects.filter(object_id=str(patient.pk)).values_list("action", flat=True)) == [
        "patient.created"
    ]


def test_one_like_the_new_patient_is_shown_first_and_then_registered_all_the_same_or_chosen(reception):
    slot, known = SlotFactory(), PatientFactory(first_name="Ada", last_name="Byron", dob="1980-02-29")
    form = {"key": KEY, "slot": slot.pk, **NEW}
    answer = reception.post(ADD, form)
    assert [one.patient for one in answer.context["who"].candidates] == [known]
    assert "This person may be registered already" in answer.content.decode()
    assert (Patient.objects.count(), Appointment.objects.count()) == (1, 0)
    other = reception.post(ADD, form | {"all_the_same": str(uuid7())})  # said of somebody else
    assert (other.status_code, Patient.objects.count()) == (200, 1)

    assert reception.post(ADD, form | {"all_the_same": answer.context["who"].shown_candidates}).status_code == 302
    assert set(Patient.objects.values_list("first_name", "last_name")) == {("Ada", "Byron")}
    assert Patient.objects.count() == 2
    chosen = {"key": str(uuid7()), "slot": SlotFactory().pk, **NEW, "found_patient": known.pk}
    assert reception.post(ADD, chosen).status_code == 302
    assert (Patient.objects.count(), known.appointments.count()) == (2, 1)


@pytest.mark.django_db(transaction=True)
def test_one_who_is_registered_but_not_booked_stays_chosen(reception):
    slot, other = booked().slot, SlotFactory()
    answer = reception.post(ADD, {"key": KEY, "slot": slot.pk, **NEW})
    patient = Patient.objects.get(last_name="Byron")
    assert answer.context["who"].patient == patient
    assert set(answer.context["picking"].troubles) == {"slot", "registered"}
    assert "Ada Byron is registered, but not booked yet." in answer.content.decode()
    key = str(answer.context["picking"].key)
    assert key != KEY  # the next to be registered gets a key of their own
    assert reception.post(ADD, booking(patient, other, key=key)).status_code == 302


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"new-first_name": "", "new-last_name": " "}, "A patient needs a first name or a last name."),
        ({"new-dob": "2999-01-01"}, "A date of birth cannot lie in the future."),
        ({"new-dob": "tomorrow"}, "Enter a valid date."),
        ({"new-phone": "call me"}, "Enter a phone number"),
        ({"new-first_name": "a\x00b"}, "Null characters are not allowed."),
        ({"new-last_name": "x" * 201}, "at most 200 characters"),
        ({"slot": ""}, "Choose a time."),
    ],
)
def test_nobody_is_registered_while_something_is_wrong(reception, change, message):
    answer = reception.post(ADD, {"key": KEY, "slot": SlotFactory().pk, **NEW} | change)
    assert answer.status_code == 200
    assert message in answer.content.decode()
    assert not Patient.objects.exists()


def test_those_who_may_not_register_are_not_asked_to(client):
    user = staff("Reception")
    group = user.groups.get()
    group.permissions.remove(group.permissions.get(codename="add_patient"))
    client.force_login(user)
    assert "Register a new patient" not in client.get(ADD).content.decode()
    answer = client.post(ADD, {"key": KEY, "slot": SlotFactory().pk, **NEW})
    assert answer.context["picking"].troubles == {"patient": ["Choose a patient."]}
    assert not Patient.objects.exists()


# --- finding -----------------------------------------------------------------------------------------------------


def test_patients_are_offered_with_what_tells_namesakes_apart(reception):
    PatientFactory(first_name="Łukasz", last_name="Nowak", phone="0171 555-123", mrn="MRN-77")
    PatientFactory(first_name="Lukasz", last_name="Nowak", dob="1990-01-02", is_active=False)
    assert offered(reception, "patient", "nowak lukasz") == [
        "Łukasz Nowak, born 1980-02-29, MRN-77, 0171 555-123",
        "Lukasz Nowak, born 1990-01-02, record closed",
    ]
    assert offered(reception, "patient", "171555123") == ["Łukasz Nowak, born 1980-02-29, MRN-77, 0171 555-123"]
    assert offered(reception, "patient", "") == offered(reception, "patient", "\x00") == []


def test_finding_is_for_those_who_may_book_and_never_by_an_address(client):
    find = reverse("admin:booking_find")
    client.force_login(staff("Auditor"))
    assert client.post(find, {"what": "patient", "q": "a"}).status_code == 403
    client.force_login(staff("Reception"))
    assert client.get(find, {"q": "a"}).status_code == 405


def test_without_a_script_the_found_are_radio_buttons(reception):
    patient, slot = PatientFactory(last_name="Öztürk"), SlotFactory()
    sent = {"key": KEY, "look": "yes", "who": "ozturk", "whose": slot.doctor.name, "patient": "", "of": ""}
    found = reception.post(ADD, sent)
    assert [one for one, _about in found.context["who_choices"]] == [patient]
    assert [one.value for one in found.context["picking"].found] == [slot.doctor_id]
    chosen = {"found_patient": patient.pk, "found_of": f"doctor:{slot.doctor_id}"}
    answer = reception.post(ADD, sent | chosen)
    assert (answer.context["who"].patient, times(answer)) == (patient, [slot.pk])


def test_a_step_asks_the_database_as_often_for_many_as_for_one(reception):
    def queries(slot) -> int:
        with CaptureQueriesContext(connection) as captured:
            look(reception, of=f"department:{slot.department_id}", slot=slot.pk, held=slot.pk)
        return len(captured)

    slot = SlotFactory()
    look(reception, slot=slot.pk)
    before = queries(slot)
    for day in (1, 2, 3):
        SlotFactory(doctor=slot.doctor, starts_at=in_days(day))
        SlotFactory(doctor__department=slot.department, starts_at=in_days(day))
    assert queries(slot) == before
