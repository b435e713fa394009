"""Who is registered already: the same person twice is noticed, two people of one name are not."""

import uuid
from datetime import date

import pytest

from booking_site.testing.factories import PatientFactory
from patients.duplicates import similar_to
from patients.models import Patient

pytestmark = pytest.mark.django_db
BORN = date(1980, 3, 9)


@pytest.fixture
def lucja():
    for number in range(20):
        PatientFactory(first_name=f"Anna{number}", last_name="Wójcik", dob="1970-01-01", phone=f"60199988{number:02d}")
    return PatientFactory(
        first_name="Łucja", last_name="Wójcik", dob=BORN, phone="+48 601 234 567", email="L@example.org", mrn="M-1"
    )


def reasons(*arguments, **others) -> list[list[str]]:
    return [[str(why) for why in candidate.reasons] for candidate in similar_to(*arguments, **others)]


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("Łucja", "Wójcik", BORN), ["same name", "same date of birth"]),
        (("Wojcik", "Lucja", BORN), ["same name, first and last swapped", "same date of birth"]),
        (("Lucia", "Wojczik", BORN), ["same date of birth", "name alike"]),
        (("Lucja", "Wojcik", date(1980, 9, 3)), ["same name", "date of birth alike"]),
        (("Lucja", "Wojcik", date(1989, 3, 9)), ["same name", "date of birth alike"]),
        (("Lucja", "Wojcik", date(1944, 1, 1), "601234567"), ["same name", "same phone"]),
        (("Lucja", "Nowak", BORN, "0048 601 234 567"), ["same date of birth", "same phone", "one of the names alike"]),
        (("Łucja", "Wójcik", None, "601 234 567"), ["same name", "same phone"]),
        (("ŁUCJA", "wojcik"), ["same name"]),
        (("wójcik", "Lucja", None, "12"), ["same name, first and last swapped"]),
        (("", "", None, "", "l@EXAMPLE.org", "m-1"), ["same record number", "same e-mail"]),
    ],
)
def test_the_same_person_is_noticed_and_the_reasons_said(lucja, arguments, why):
    candidates = similar_to(*arguments)
    assert [candidate.patient for candidate in candidates] == [lucja]
    assert sorted(map(str, candidates[0].reasons)) == sorted(why)
    assert 50 <= candidates[0].score <= 100


@pytest.mark.parametrize(
    "arguments",
    [
        ("Barbara", "Wójcik"),
        ("Barbara", "Wójcik", date(1951, 7, 30)),
        ("Łucja", "Wójcik", date(1951, 7, 30)),
        ("Łucja", "Wójcik", None, "600 111 222"),
        ("Lucia", "Wojczik"),
        ("Łucja", "Wójcik Nowak"),
        ("", "Wójcik"),
        ("Barbara", "Wójcik", BORN),
        ("Barbara", "Nowak", BORN),
        ("Marek", "Wójcik", date(2010, 5, 5), "601234567"),
        ("", ""),
        ("%", "'"),
        ("\x00", "\ud800", BORN),
    ],
)
def test_people_who_share_no_more_than_a_name_a_birthday_or_a_phone_raise_no_alarm(lucja, arguments):
    assert similar_to(*arguments) == []


def test_of_many_with_the_same_name_and_no_more_a_few_are_shown(lucja, django_assert_num_queries):
    PatientFactory.create_batch(80, first_name="Łucja", last_name="Wójcik", dob="1970-01-01")
    with django_assert_num_queries(5):
        assert len(similar_to("Lucja", "Wojcik")) == 5


def test_the_patient_themselves_and_merged_records_are_left_out(lucja):
    assert similar_to("Łucja", "Wójcik", BORN, exclude=lucja.pk) == []
    twin = PatientFactory(first_name="Łucja", last_name="Wójcik", dob=BORN)
    assert [candidate.patient for candidate in similar_to("Łucja", "Wójcik", BORN, exclude=twin.pk)] == [lucja]
    Patient.objects.filter(pk=lucja.pk).update(merged_into=twin, is_active=False)
    assert [candidate.patient for candidate in similar_to("Łucja", "Wójcik", BORN)] == [twin]
    assert [candidate.patient for candidate in similar_to("Łucja", "Wójcik", BORN, exclude=uuid.uuid4())] == [twin]


def test_the_most_alike_come_first_and_no_more_than_asked_for(lucja):
    alike = PatientFactory(first_name="Lucia", last_name="Wojczik", dob=BORN)
    for number in range(6):
        PatientFactory(first_name="Łucja", last_name=f"Wojcik-{number}", dob=BORN)
    found = similar_to("Łucja", "Wójcik", BORN, "601234567")
    assert found[0].patient == lucja
    assert len(found) == 5
    assert len(similar_to("Łucja", "Wójcik", BORN, limit=20)) == 8
    assert alike in [candidate.patient for candidate in similar_to("Łucja", "Wójcik", BORN, limit=20)]


def test_the_number_of_queries_does_not_grow_with_the_candidates(lucja, django_assert_num_queries):
    for _ in range(2):
        with django_assert_num_queries(5):
            assert similar_to("Łucja", "Wójcik", BORN, "601234567", "l@example.org", "M-1")
        PatientFactory.create_batch(5, first_name="Łucja", last_name="Wójcik", dob=BORN)
