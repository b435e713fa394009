"""Finding a patient by whatever is known of them."""

import csv
import unicodedata

import pytest

from booking_site.testing.factories import PatientFactory
from patients.models import Patient

pytestmark = pytest.mark.django_db


@pytest.fixture
def found(api):
    """``found("text")``: the last names of those that the API finds."""

    def find(text, by="search"):
        answer = api.get("/api/v1/patients", {by: text})
        assert answer.status_code == 200, answer.content
        return [row["last_name"] for row in answer.json()["results"]]

    return find


SPELLINGS = [
    *("Müller", "muller", "MÜLLER", "üller", "Jürgen Müller", "müller jürgen", "  jur   mul ", "Muller J"),
    *("M-77", "m-77", "jm@example.org", unicodedata.normalize("NFD", "Müller")),
]
NAMES = ["Nguyễn", "Óscar", "Þóra", "김", "Ёлкин", "Ångström", "Łukasz", "O'Hara", "张伟", "محمد"]
ONE_NUMBER = ["+49 30 901820", "+4930901820", "0049 30 901820", "030 901820", "(030) 90 18-20"]


@pytest.mark.parametrize("text", SPELLINGS)
def test_a_name_is_found_in_any_order_case_accent_and_spelling(found, text):
    PatientFactory(first_name="Jürgen", last_name="Müller", mrn="M-77", email="jm@example.org")
    PatientFactory(first_name="Anna", last_name="Schmidt")
    assert found(text) == ["Müller"]


@pytest.mark.parametrize("text", ["Mr Müller", "frau MULLER", "Herr Prof. Dr. Jürgen Müller", "M. Müller"])
def test_titles_are_left_out(found, text):
    PatientFactory(first_name="Jürgen", last_name="Müller")
    PatientFactory(first_name="Anna", last_name="Schmidt")
    assert found(text) == ["Müller"]


@pytest.mark.parametrize(
    ("first", "last", "text"),
    [("Ana", "Frau", "Ana Frau"), ("Ana", "Frau", "frau"), ("Ana", "Frau", "Frau Ana"), ("Miss", "Lee", "miss lee")],
)
def test_a_name_that_is_like_a_title_is_found(found, first, last, text):
    PatientFactory(first_name=first, last_name=last)
    PatientFactory(first_name="Zoe", last_name="Anderson")
    assert found(text) == [last]


@pytest.mark.parametrize("form", ["NFC", "NFD", "NFKC"])
@pytest.mark.parametrize(
    "name", ["Nguyễn", "Óscar", "Þóra", "김", "Ёлкин", "Ångström", "Łukasz", "O'Hara", "张伟", "محمد"]
)
def test_names_of_every_script_are_found_however_they_are_spelt(found, form, name):
    PatientFactory(first_name="", last_name=unicodedata.normalize("NFC", name))
    PatientFactory(first_name="Somebody", last_name="Else")
    assert found(unicodedata.normalize(form, name)) == [name]
    assert found(name.upper()) == [name]
    Patient.objects.filter(last_name=name).update(last_name=unicodedata.normalize("NFD", name))
    assert found(unicodedata.normalize(form, name)) == [unicodedata.normalize("NFD", name)]  # kept as it was typed


@pytest.mark.parametrize("text", ["%", "_", "\\", "100%", "a_b", "'", '"', "--", "%%%"])
def test_wildcards_are_letters_like_others(found, text):
    PatientFactory(last_name="Nobody")
    assert found(text) == []
    PatientFactory(last_name=f"x{text}y")
    assert found(text) == [f"x{text}y"]


@pytest.mark.parametrize("kept", ONE_NUMBER)
@pytest.mark.parametrize("text", [*ONE_NUMBER, "0049 30/901820", "30901820", "901820"])
def test_a_phone_number_is_found_in_any_format(found, kept, text):
    PatientFactory(last_name="Called", phone=kept)
    PatientFactory(last_name="Other", phone="+49 40 901821")
    assert found(text) == ["Called"]
    assert found(text, by="phone") == ["Called"]


def test_numbers_of_every_country_are_found_by_their_international_and_their_national_form(shared_data):
    """Of 612 numbers, as kept in one form and asked for in another. Some countries write a number at home with digits
    that it does not have abroad (Argentina's 15, Hungary's 06): no rule of digits finds those."""
    with open(shared_data / "phones" / "phone_examples.csv", encoding="utf-8") as file:
        numbers = [row for row in csv.DictReader(file) if row["valid"] == "True"]
    missed = {}
    for kept, asked in (
        ("international", "e164"),
        ("e164", "international"),
        ("e164", "national"),
        ("national", "e164"),
    ):
        Patient.objects.all().delete()
        Patient.objects.bulk_create(Patient(last_name=row["e164"], phone=row[kept]) for row in numbers)
        missed[kept, asked] = [
            row["e164"]
            for row in numbers
            if not Patient.objects.by_phone(row[asked]).filter(last_name=row["e164"]).exists()
        ]
    assert missed["international", "e164"] == missed["e164", "international"] == []
    assert len(missed["e164", "national"]) <= 12
    assert len(missed["national", "e164"]) <= 30


def test_a_record_number_is_found_by_its_beginning(found):
    PatientFactory(last_name="One", mrn="00417")
    PatientFactory(last_name="Two", mrn="99417")
    assert found("004") == ["One"]
    assert found("00417") == ["One"]


def test_filters_keep_and_drop(api):
    PatientFactory(last_name="Kept", email="Eva@Example.org", dob="1990-02-03", phone="+49 30 901820")
    PatientFactory(last_name="Dropped", is_active=False)

    def listed(**filters):
        return [row["last_name"] for row in api.get("/api/v1/patients", filters).json()["results"]]

    for filters in ({"email": "eva@example.ORG"}, {"dob": "1990-02-03"}, {"phone": "901820"}, {"is_active": "true"}):
        assert listed(**filters) == ["Kept"]
    assert listed(is_active="false") == ["Dropped"]
    assert listed(email="eva@example") == listed(dob="1990-02-04") == listed(phone="999") == []
    assert listed(ordering="last_name") == ["Dropped", "Kept"]
    assert listed(ordering="-last_name") == ["Kept", "Dropped"]
