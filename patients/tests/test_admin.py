"""Patients in the console: finding them, and saving them so that the audit log knows."""

import re

import pytest
from django.urls import reverse

from audit.models import AuditLog
from booking_site.testing.factories import PatientFactory, staff
from patients.models import Patient

LIST = "/admin/patients/patient/"
pytestmark = pytest.mark.django_db


@pytest.fixture
def reception(client):
    client.force_login(staff("Reception"))
    return client


def form(**values) -> dict:
    return {"first_name": "Núria", "last_name": "Puig", "dob": "1990-05-17", "is_active": "on"} | values


def change(patient) -> str:
    return reverse("admin:patients_patient_change", args=[patient.pk])


def found(client, text: str) -> list:
    return [row.pk for row in client.post(LIST, {"q": text}, follow=True).context["cl"].result_list]


def test_a_patient_is_found_by_words_in_any_order_accents_phone_and_record_number(reception):
    nuria = PatientFactory(
        first_name="Núria", last_name="Puig i Ferrer", phone="+34 (93) 123 45-67", mrn="MRN-0815", email="n@example.org"
    )
    PatientFactory.create_batch(3)
    for text in ("nuria puig", "FERRER núria", "93 1234567", "mrn-0815", "n@example.org"):
        assert found(reception, text) == [nuria.pk], text
    assert found(reception, "nuria nobody") == []
    assert len(found(reception, "")) == 4


def test_reception_registers_a_patient_and_the_audit_log_knows_by_whom(reception):
    answer = reception.post(f"{LIST}add/", form(phone="+34 93 1234567"))
    assert answer.status_code == 302, answer.content
    patient = Patient.objects.get()
    assert (patient.first_name, patient.mrn) == ("Núria", None)
    row = AuditLog.objects.get(action="patient.created")
    assert (row.user_name, row.object_id) == ("reception", str(patient.pk))
    assert row.details["new"]["phone"] == "+***67"


def typed(client, patient) -> dict:
    """What a browser would send back of the patient's page, nothing touched."""
    context = client.get(change(patient)).context
    values = {name: value for name, value in context["adminform"].form.initial.items() if value not in (None, False)}
    return values | {"version": context["record_version"]}


def test_only_what_was_touched_is_written_and_audited_with_old_and_new(reception):
    patient = PatientFactory(first_name=" Ana ", last_name="Lima", insurance_provider="Old")
    assert reception.post(change(patient), typed(reception, patient) | {"insurance_provider": "New"}).status_code == 302
    patient.refresh_from_db()
    assert (patient.first_name, patient.insurance_provider) == (" Ana ", "New")
    row = AuditLog.objects.get(action="patient.updated")
    assert row.details == {"old": {"insurance_provider": "Old"}, "new": {"insurance_provider": "New"}}


def test_a_page_that_somebody_else_has_overtaken_changes_nothing_and_says_so(reception):
    patient = PatientFactory(phone="1111")
    mine, theirs = typed(reception, patient), typed(reception, patient)
    assert reception.post(change(patient), theirs | {"phone": "2222"}).status_code == 302
    answer = reception.post(change(patient), mine | {"email": "mine@example.org"})
    assert "Somebody else has changed this meanwhile" in answer.content.decode()
    assert "mine@example.org" in answer.content.decode()
    patient.refresh_from_db()
    assert (patient.phone, patient.email) == ("2222", "")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"first_name": " ", "last_name": ""}, "A patient needs a first name or a last name."),
        ({"dob": "1849-01-01"}, "A date of birth cannot lie before 1850."),
        ({"dob": "2999-01-01"}, "A date of birth cannot lie in the future."),
        ({"phone": "call me"}, "Enter a phone number"),
        ({"mrn": "MRN-1"}, "Another patient has this record number."),
        ({"last_name": "a\x00b"}, "Null characters are not allowed."),
    ],
)
def test_what_cannot_be_is_said_and_nothing_is_written(reception, values, message):
    PatientFactory(mrn="MRN-1")
    answer = reception.post(f"{LIST}add/", form(**values))
    assert answer.status_code == 200
    assert message in answer.content.decode()
    assert Patient.objects.count() == 1
    assert not AuditLog.objects.filter(action="patient.created").exists()


@pytest.mark.parametrize("language", ["en", "de"])
def test_the_date_of_birth_is_asked_for_by_the_browser(reception, language):
    """Without Django's shortcuts: nobody was born "today" by the clock of the server."""
    patient = PatientFactory(dob="1990-05-17")
    spoken = {"Accept-Language": language}
    text = reception.get(change(patient), headers=spoken).content.decode()
    field = next(tag for tag in re.findall("<input[^>]*>", text) if 'name="dob"' in tag)
    assert ('type="date"' in field, 'value="1990-05-17"' in field, "vDateField" in text) == (True, True, False)
    answer = reception.post(change(patient), typed(reception, patient) | {"dob": "1991-13-01"}, headers=spoken)
    assert list(answer.context["adminform"].form.errors) == ["dob"]
    answer = reception.post(change(patient), typed(reception, patient) | {"dob": "1991-12-01"}, headers=spoken)
    assert answer.status_code == 302
    assert str(Patient.objects.get().dob) == "1991-12-01"


def test_the_form_names_the_language_beside_its_code(reception):
    patient = PatientFactory(preferred_language="id")
    assert "Indonesian" in reception.get(change(patient)).content.decode()
    Patient.objects.update(preferred_language="pt-<b>")
    text = reception.get(change(patient)).content.decode()
    assert "Portuguese (pt-&lt;b&gt;)" in text
    assert "pt-<b>" not in text


def test_a_refusal_by_the_database_is_said_in_the_form_with_all_that_was_typed(reception, monkeypatch):
    """Two receptionists register the same record number in the same moment: the form has checked, the other was
    faster. Here the check is left out instead."""
    PatientFactory(mrn="MRN-1")
    monkeypatch.setattr(Patient, "validate_constraints", lambda self, exclude=None: None)
    answer = reception.post(f"{LIST}add/", form(mrn="MRN-1"))
    assert answer.status_code == 200
    text = answer.content.decode()
    assert "Another patient has this record number." in text
    assert 'value="Núria"' in text
    assert Patient.objects.count() == 1


def test_a_patient_leads_to_booking_and_to_the_appointments(reception):
    patient = PatientFactory()
    text = reception.get(change(patient)).content.decode()
    assert f"/admin/appointments/appointment/add/?patient={patient.pk}" in text
    assert f"patient__id__exact={patient.pk}" in text
    closed = PatientFactory(is_active=False)
    assert "appointment/add/?" not in reception.get(change(closed)).content.decode()


def options(client, text: str) -> list[str]:
    query = {"app_label": "appointments", "model_name": "appointment", "field_name": "patient", "term": text}
    return [one["id"] for one in client.post("/admin/autocomplete/", query).json()["results"]]


def test_the_autocomplete_writes_dates_as_the_reader_does(reception):
    PatientFactory(first_name="Zoe", last_name="Hanse", dob="1990-05-17")
    query = {"app_label": "appointments", "model_name": "appointment", "field_name": "patient", "term": "hanse"}
    answer = reception.post("/admin/autocomplete/", query, headers={"Accept-Language": "de"})
    assert [one["text"] for one in answer.json()["results"]] == ["Zoe Hanse, geboren 17.05.1990"]


def test_the_list_and_the_autocomplete_show_the_best_first(reception):
    begins = PatientFactory(first_name="Aaron", last_name="Hansemann")
    whole = PatientFactory(first_name="Zoe", last_name="Hanse")
    closed = PatientFactory(first_name="Ada", last_name="Hanse", is_active=False)
    PatientFactory(first_name="Bo", last_name="Hanse", is_active=False, merged_into=whole)
    assert found(reception, "hanse") == [whole.pk, begins.pk, closed.pk]
    assert options(reception, "hanse") == [str(whole.pk), str(begins.pk)]
    assert set(options(reception, "")) == {str(whole.pk), str(begins.pk)}


def test_a_search_that_finds_nobody_says_what_to_try(reception):
    PatientFactory()
    text = reception.post(LIST, {"q": "qqxz"}, follow=True).content.decode()
    assert "No patient is like that." in text
    assert "No patient is like that." not in reception.post(LIST, {"q": "last"}, follow=True).content.decode()


def test_the_list_says_when_it_shows_only_the_best(reception, django_assert_max_num_queries):
    PatientFactory.create_batch(105, last_name="Silva")
    with django_assert_max_num_queries(20):
        text = reception.post(LIST, {"q": "silva"}, follow=True).content.decode()
    assert "The 100 best are shown." in text


def test_who_seems_to_be_registered_already_is_shown_before_anybody_is_registered_twice(reception):
    known = PatientFactory(first_name="Nuria", last_name="Puig", dob="1990-05-17", mrn="M-7", phone="+34 93 1234567")
    typed_in = form(insurance_provider="Kept as typed")
    answer = reception.post(f"{LIST}add/", typed_in)
    text = answer.content.decode()
    assert answer.status_code == 200
    assert "This person may be registered already." in text
    for shown in (change(known), "M-7", "+34 93 1234567", "1990-05-17", "same date of birth", 'value="Kept as typed"'):
        assert shown in text
    assert Patient.objects.count() == 1
    confirmed = reception.post(f"{LIST}add/", typed_in | {"another_person": str(known.pk)})
    assert confirmed.status_code == 302
    assert Patient.objects.count() == 2


def test_a_confirmation_holds_for_the_candidates_that_were_shown(reception):
    PatientFactory(first_name="Nuria", last_name="Puig", dob="1990-05-17")
    shown = PatientFactory(first_name="Somebody", last_name="Else")
    answer = reception.post(f"{LIST}add/", form(another_person=str(shown.pk)))
    assert "This person may be registered already." in answer.content.decode()
    assert Patient.objects.count() == 2


def test_a_page_of_a_patient_who_has_a_double_can_be_saved(reception):
    patient, _ = PatientFactory.create_batch(2, first_name="Nuria", last_name="Puig", dob="1990-05-17")
    assert reception.post(change(patient), typed(reception, patient) | {"phone": "123456"}).status_code == 302
