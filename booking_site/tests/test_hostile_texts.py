"""Texts of all scripts and kinds, hostile ones too: kept exactly as sent, or refused by name; never a 500."""

import csv
import json

import pytest

from appointments.models import Appointment
from booking_site.core.validators import TURNING
from booking_site.testing.factories import PatientFactory, SlotFactory, booked
from booking_site.testing.problems import NEW_PATIENT, check, post
from patients.models import Patient
from scheduling.models import AvailableSlot

pytestmark = pytest.mark.django_db

OUR_OWN = [
    *(
        "O'Brien-Łuczak",
        "  two  spaces ",
        "李小龍",
        "Ñuñez\u0301",
        "\u202eright to left",
        "a\u0000b",
        "tab\there",
        "\r\n",
        "🤷🏽‍♀️",
    ),
    *(
        "'; DROP TABLE patients; --",
        "<script>alert(1)</script>",
        "%s%d%n",
        "{{7*7}}",
        "${jndi:ldap://x}",
        "\\",
        "%",
        "_",
    ),
    *(
        "\ufeffBOM",
        "\ufffe",
        "\U0010ffff",
        "a" * 200,
        "a" * 201,
        "é" * 200,
        "null",
        "NaN",
        "0",
        "\x01\x1f\x7f",
        "\u2028",
    ),
]

HOSTILE = 560  # texts: all of our own and all naughty strings come before the names of people


@pytest.fixture(scope="module")
def texts():
    """Our own hostile texts, and the real ones where they are there."""
    from booking_site.testing.fixtures import SHARED_DATA

    found = list(OUR_OWN)
    if SHARED_DATA.is_dir():
        found += json.loads((SHARED_DATA / "names" / "blns.json").read_text())
        with (SHARED_DATA / "names" / "faker_names.csv").open(newline="") as file:
            found += [row["full_name"] for row in csv.DictReader(file)]
        with (SHARED_DATA / "names" / "tricky_surname_first.txt").open() as file:
            found += [line.rstrip("\n") for line in file]
    return list(dict.fromkeys(found))


def acceptable(text, longest):
    return "\0" not in text and len(text) <= longest


def test_names_and_numbers_of_patients_come_back_exactly_as_sent(api, texts):
    lengths = {"first_name": 200, "last_name": 200, "insurance_provider": 200, "insurance_id": 100, "mrn": 64}
    patient = PatientFactory()
    count = 1
    for number, text in enumerate(texts):
        body = {**NEW_PATIENT, **dict.fromkeys(lengths, text)}
        refused = {name for name, longest in lengths.items() if not acceptable(text, longest)}
        if TURNING & set(text):
            refused |= {"first_name", "last_name"}
        if text == "":
            refused = {"mrn"}
        answer = post(api, "patients", body)
        if not refused and not text.strip():
            refused = {"last_name"}
        if refused:
            assert {error["field"] for error in check(answer, 400)["errors"]} == refused, text
            body = {name: value for name, value in body.items() if name not in refused} | {"last_name": "Byron"}
            body = {**NEW_PATIENT, **body}
            answer = post(api, "patients", body)
        count += 1
        assert answer.status_code == 201, (text, answer.content)
        saved = answer.json()
        assert {name: saved[name] for name in body} == body, text
        if number % 20 == 0:
            assert api.get(answer["Location"]).json() == saved
            change = {"insurance_provider": body.get("insurance_provider", "") + "!"}
            if len(change["insurance_provider"]) <= 200:
                assert (
                    api.patch(f"/api/v1/patients/{patient.pk}", change).json()["insurance_provider"]
                    == change["insurance_provider"]
                )
    assert Patient.objects.count() == count


def test_e_mail_phone_and_language_are_kept_as_sent_or_refused_by_name(api, texts):
    for text in texts[:700]:
        body = {**NEW_PATIENT, "email": text, "phone": text, "preferred_language": text}
        answer = post(api, "patients", body)
        if answer.status_code == 201:
            assert {name: answer.json()[name] for name in body} == body
            continue
        refused = {error["field"] for error in check(answer, 400)["errors"]}
        assert refused <= {"email", "phone", "preferred_language"}, text
        rest = {name: value for name, value in body.items() if name not in refused}
        answer = post(api, "patients", rest)
        assert answer.status_code == 201, text
        assert {name: answer.json()[name] for name in rest} == rest


def test_reasons_come_back_exactly_as_sent(api, texts):
    slots = SlotFactory.create_batch(2)
    patient = PatientFactory()
    for number, text in enumerate(texts if len(texts) < 800 else texts[:800]):
        slot, other = slots
        booking = {"patient_id": str(patient.pk), "slot_id": str(slot.pk), "reason": text}
        answer = post(api, "book-appointment", booking)
        if not acceptable(text, 2000):
            check(answer, 400, field="reason")
            continue
        assert answer.status_code == 201, (text, answer.content)
        made = answer.json()
        assert made["reason"] == text
        appointment = {"appointment_id": made["id"]}
        if number < HOSTILE or number % 4 == 0:
            moved = post(api, "reschedule-appointment", {**appointment, "slot_id": str(other.pk), "reason": text})
            assert (moved.status_code, moved.json()["reason"]) == (200, text)
        cancelled = post(api, "cancel-appointment", {**appointment, "reason": text})
        assert (cancelled.status_code, cancelled.json()["cancellation_reason"]) == (200, text)
        assert api.get(f"/api/v1/appointments/{made['id']}").json() == cancelled.json()


def test_hostile_codes_and_tokens_open_nothing(api, texts):
    """As a doctor's code and as a hold token: refused, with nothing written."""
    slot, patient = SlotFactory(), PatientFactory()
    api.post(f"/api/v1/available-slots/{slot.pk}/hold")
    before = AvailableSlot.objects.values().get()
    for text in texts[:HOSTILE]:
        booking = {"patient_id": str(patient.pk), "slot_id": str(slot.pk)}
        answer = post(api, "book-appointment", {**booking, "doctor_id": text})
        check(answer, 400, field="doctor_id")
        shaped = acceptable(text, 200) and text != ""
        expected = {"status": 409, "code": "hold_expired"} if shaped else {"status": 400, "field": "hold_token"}
        check(post(api, "book-appointment", {**booking, "hold_token": text}), **expected)
        check(post(api, f"available-slots/{slot.pk}/hold", {"hold_token": text}), **expected)
        expected = {"status": 403, "code": "hold_not_owned"} if shaped else expected
        check(api.delete(f"/api/v1/available-slots/{slot.pk}/hold", {"hold_token": text}), **expected)
    assert AvailableSlot.objects.values().get() == before
    assert Appointment.objects.count() == 0


LISTS_OF_VALUES = {("available-slots", "doctor"): 32, ("available-slots", "visit_type"): 40}  # each so long at most


def test_hostile_texts_in_filters_find_nothing_that_they_should_not(api, texts):
    appointment = booked(patient=PatientFactory(first_name="Ada", last_name="Byron"))
    SlotFactory(doctor=appointment.doctor)
    filters = {
        "doctors": ("search", "department", "specialization"),
        "patients": ("search", "email", "phone"),
        "available-slots": ("doctor", "department", "specialization", "visit_type"),
        "appointments": ("doctor", "department"),
    }
    turns = [(call, name) for call, names in filters.items() for name in names]
    for number, text in enumerate(texts):
        for call, name in turns if number < HOSTILE else [turns[number % len(turns)]]:
            answer = api.get(f"/api/v1/{call}", {name: text})
            longest = LISTS_OF_VALUES.get((call, name))
            values = text.split(",") if longest else [text]
            fit = all(acceptable(value, longest or 200) and value for value in values)
            if fit and 50 >= len(values) == len(set(values)):
                assert answer.status_code == 200, (call, name, text, answer.content)
                if len(text.strip()) > 3:
                    assert answer.json()["results"] == [], (call, name, text)
            else:
                check(answer, 400, field=name)


def test_a_patient_is_found_by_a_name_of_any_script(api, texts):
    for text in [text for text in texts[-300::3] if acceptable(text, 200) and text.strip()]:
        patient = PatientFactory(first_name="", last_name=text)
        found = api.get("/api/v1/patients", {"search": text, "page_size": "200"})
        assert found.status_code == 200, text
        assert str(patient.pk) in {row["id"] for row in found.json()["results"]}, text
