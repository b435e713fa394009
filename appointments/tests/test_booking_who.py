"""Who is booked: found by what is typed, or registered on the spot."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from appointments.models import Appointment
from appointments.tests.booking_form import ADD, KEY, NEW, booking, look, offered, times
from audit.models import AuditLog
from booking_site.core.ids import uuid7
from booking_site.testing.factories import (
    PatientFactory,
    SlotFactory,
    booked,
    in_days,
    staff,
)
from patients.models import Patient

pytestmark = pytest.mark.django_db


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


def test_the_sentence_says_that_somebody_new_is_booked(reception):
    slot = SlotFactory()
    unnamed = look(reception, slot=slot.pk, is_new="yes", **{"new-first_name": " ", "new-last_name": ""})
    assert "a new patient" in unnamed.content.decode()
    assert "<bdi>Ada Byron</bdi></b>" in look(reception, slot=slot.pk, held=slot.pk, **NEW).content.decode()
    assert "nobody chosen yet" in look(reception, slot=slot.pk, held=slot.pk).content.decode()


def test_one_of_the_very_same_name_is_shown_though_nothing_else_is_given(reception):
    slot, known = SlotFactory(), PatientFactory(first_name="Áda", last_name="Byron")
    PatientFactory(first_name="Ada", last_name="Byronova")
    form = {"key": KEY, "slot": slot.pk, **NEW, "new-dob": ""}
    answer = reception.post(ADD, form)
    assert [one.patient for one in answer.context["who"].candidates] == [known]
    assert Patient.objects.count() == 2
    assert reception.post(ADD, form | {"all_the_same": answer.context["who"].shown_candidates}).status_code == 302
    assert Patient.objects.count() == 3


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
