"""Names that look like others: found as what they look like, and never the other way round what they say."""

from datetime import date

import pytest
from django.core.exceptions import ValidationError

from booking_site.core.validators import validate_name
from booking_site.testing.factories import PatientFactory, staff
from booking_site.testing.problems import NEW_PATIENT, check, post
from patients.duplicates import similar_to
from patients.finding import find
from patients.lookalikes import ALIKE, unmixed
from patients.models import Patient

A, E, ROUND = "аео"  # Cyrillic
MIXED = f"P{A}m{E}l{A}"
PURE = "Pamela"


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        (MIXED, PURE),
        (f"Ann{A} B{ROUND}ro", "Anna Boro"),
        ("Ιvanov", "Ivanov"),  # a Greek capital Iota
        ("Петрoв", "Петров"),  # a Latin o in a Cyrillic name
        ("Анна", "Анна"),
        ("Άννα Παππά", "Άννα Παππά"),
        ("Anna Петрова", "Anna Петрова"),  # each word in an alphabet of its own
        ("José Łuczak", "José Łuczak"),
        ("Iщenko", "Iщenko"),  # no alphabet has all of it
        ("张无忌", "张无忌"),
        ("", ""),
    ],
)
def test_a_word_of_two_alphabets_is_brought_into_one(typed, meant):
    assert unmixed(typed) == meant
    assert unmixed(meant) == meant


def test_each_letter_looks_like_one_of_the_same_case():
    assert len(ALIKE) == 59
    assert all(other.isupper() == latin.isupper() and not other.isascii() for other, latin in ALIKE.items())


@pytest.mark.django_db
def test_search_finds_who_is_meant_and_who_is_kept_so(api):
    patient = PatientFactory(first_name=PURE, last_name="Boro")
    odd = PatientFactory(first_name=MIXED, last_name="Zarko")
    other = PatientFactory(first_name="Ruth", last_name="Quist")
    for typed in (f"{MIXED} B{ROUND}r{ROUND}", PURE):
        assert patient in find(typed), typed
        rows = api.get("/api/v1/patients", {"search": typed}).json()["results"]
        assert str(patient.pk) in {row["id"] for row in rows}, typed
    assert odd in find(f"{MIXED} Zarko")
    assert odd in Patient.objects.search(MIXED)
    assert other not in find(MIXED)


@pytest.mark.django_db
def test_nobody_is_registered_twice_behind_letters_that_look_alike():
    patient = PatientFactory(first_name=PURE, last_name="Boro", dob=date(1980, 2, 29))
    [candidate] = similar_to(MIXED, f"B{ROUND}r{ROUND}", dob=patient.dob)
    assert (candidate.patient, candidate.score) == (patient, similar_to(PURE, "Boro", dob=patient.dob)[0].score)
    assert similar_to("Ruth", "Quist", dob=patient.dob) == []


TURNING = ["\u202eanna", "a\u202dnna", "\u2067anna\u2069", "anna\u202c"]
KEPT = ["می\u200cخواهم", "क्\u200dष", "\u200fשרה", "Anna\u200b", "D'\u00adArc", "Nguyễn"]


@pytest.mark.django_db
def test_what_turns_letters_around_is_refused_by_name(api, client):
    client.force_login(staff("Reception"))
    for text in TURNING:
        with pytest.raises(ValidationError):
            validate_name(text)
        for field in ("first_name", "last_name"):
            body = check(post(api, "patients", {**NEW_PATIENT, field: text}), 400, field=field)
            assert body["errors"][0]["code"] == "turns_letters_around"
        page = client.post("/admin/patients/patient/add/", {"last_name": text, "dob": "1980-02-29"})
        assert "turn the order of letters around" in page.content.decode()
    assert Patient.objects.count() == 0
    for text in KEPT:
        answer = post(api, "patients", {**NEW_PATIENT, "last_name": text})
        assert (answer.status_code, answer.json()["last_name"]) == (201, text)
