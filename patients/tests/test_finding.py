"""Finding a patient as people type: in part, in any order, misspelt, by date, phone or record number."""

import json
import unicodedata
from collections import Counter
from datetime import date

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from booking_site.testing.clerks import answers, population, questions
from booking_site.testing.factories import PatientFactory
from patients.finding import find
from patients.models import Patient
from patients.names import TypedName, one_of_each
from patients.typed import read

pytestmark = pytest.mark.django_db


def names(text: str, limit: int = 10) -> list[str]:
    return [str(patient) for patient in find(text, limit)]


@pytest.fixture
def others():
    for number in range(30):
        PatientFactory(first_name=f"Maria {number}", last_name="Silva", phone=f"+351 21 555 0{number:03d}")


SPELLINGS = {
    ("Jürgen", "Müller"): [
        "muller",
        "MÜLLER",
        "mueller jürgen",
        "Muler",
        "Jurgen Mülelr",
        "müllr",
        "jur mul",
        "myller",
    ],
    ("Łucja", "Wójcik"): ["lucja wojcik", "Wojcik, Lucja", "wojczik lucia", "wójick", "woj luc", "vojcik"],
    ("Seán", "O'Brien"): ["obrien", "o brien", "O’Brien", "o`brien sean", "brien", "O'Brein", "Sean OBrian"],
    ("Anna-Maria", "De la Cruz"): ["annamaria", "anna maria", "anna–maria cruz", "delacruz", "de la cruz", "delacrus"],
    ("Işıl", "Yıldızlı"): ["isil yildizli", "IŞIL", "yildzli", "yildizly"],
    ("Søren", "Strauß"): ["soren strauss", "straus", "STRAUSS Sören", "strausss"],
    ("Philip", "Smyth"): ["filip smith", "phillip", "smith", "Smythe", "smtyh"],
    ("伟", "张"): ["张伟", "伟张", "张", "张 伟"],
    ("健太郎", "山田"): ["山田健太", "健太郎山田", "山田 健太郎"],
    ("Γεώργιος", "Παπαδόπουλος"): ["ΓΕΩΡΓΙΟΣ", "παπαδοπουλος", "παπαδοπουλοσ γεωργιος", "παπαδοπολος"],
    ("أحمد", "الحدّاد"): ["احمد الحداد", "الحداد"],
    ("कृष्ण", "क्षत्रिय"): ["कृष्ण", "क्षत्रिय कृष्ण"],
}


@pytest.mark.parametrize(("name", "text"), [(name, text) for name, texts in SPELLINGS.items() for text in texts])
def test_a_name_is_found_however_it_is_typed(others, name, text):
    PatientFactory(first_name=name[0], last_name=name[1])
    for form in ("NFC", "NFD"):
        assert names(unicodedata.normalize(form, text)) == [" ".join(name)], form


@pytest.mark.parametrize(
    "text",
    [
        *("1980-02-29", "29.02.1980", "29/2/80", "29 Feb 1980", "Feb 29, 1980", "29021980", "19800229"),
        *("wojcik 1980", "1980 wojczik", "29.2.1980 lucja", "lucja 601234567", "+48 601 234 567", "0048601234567"),
        *("601-234-567", "0601234567", "601234567 ext. 12", "٦٠١٢٣٤٥٦٧", "MRN-0815", "mrn-08", "l.w@example.org"),
        *("wojcik mrn-0815", "wojcik 29/2/80 601 234 567", "kowalska 29.2.1980 lucja"),
    ],
)
def test_dates_numbers_and_mixtures_find_the_person(others, text):
    PatientFactory(
        first_name="Łucja",
        last_name="Wójcik",
        phone="+48 601 234 567",
        mrn="MRN-0815",
        email="L.W@example.org",
        dob=date(1980, 2, 29),
    )
    Patient.objects.filter(last_name="Silva").update(dob=date(1971, 7, 30))
    PatientFactory(first_name="Zofia", last_name="Wójcik", dob=date(1955, 5, 5))
    assert names(text)[0] == "Łucja Wójcik"


@pytest.mark.parametrize(
    ("text", "days"),
    [
        ("3/4/1980", [date(1980, 4, 3), date(1980, 3, 4)]),
        ("1/2/05", [date(2005, 2, 1), date(1905, 2, 1), date(2005, 1, 2), date(1905, 1, 2)]),
        ("2 December 1980", [date(1980, 12, 2)]),
        ("12-34-56", []),
        ("30.02.1980", []),
        ("1.1.2999", []),
        ("01 23 45 67 89", []),
        ("+1 900-212-3456", []),
    ],
)
def test_a_date_is_every_day_that_it_may_mean(text, days):
    assert list(read(text).dates) == days


@pytest.mark.parametrize(
    "text",
    [
        *("Mr Falcão", "mrs. falcao", "Frau Falcão", "Dr. Falcão", "Herr Prof. Dr. Falcao", "Sra Falcão", "M. Falcão"),
        *("Prof.Dr.Falcão", "Falcão, Dr.", "falcao ana, Frau", "Mme Ana Falcon", "Miss Falcão 1980"),
        "Dr 29.2.1980 falcao",
    ],
)
def test_titles_are_left_out(others, text):
    PatientFactory(first_name="Ana", last_name="Falcão", dob=date(1980, 2, 29))
    assert names(text) == ["Ana Falcão"]


def test_whoever_is_called_like_a_title_is_found_and_first():
    for number in range(20):
        PatientFactory(first_name="Ana", last_name=f"Falcão {number}")
        PatientFactory(first_name=f"Dora {number}", last_name="Falcão")
    for first, last in (("Ana", "Frau"), ("Ana", "Miss-Herr"), ("Mira", "Falcão"), ("Ana", "Drobny")):
        PatientFactory(first_name=first, last_name=last)
    assert names("ana frau") == names("Frau, Ana") == ["Ana Frau"]  # no titles, where they stand
    for text in ("frau", "Frau Ana"):
        assert names(text)[0] == "Ana Frau", text
    for text in ("miss", "Miss Herr", "ana miss-herr", "Herr Ana"):
        assert names(text)[0] == "Ana Miss-Herr", text
    assert names("M. Falcão")[0] == "Mira Falcão"
    assert "Ana Falcão 7" in names("Frau Ana", 40)
    assert names("Dr") == ["Ana Drobny"]


def test_a_title_costs_two_queries_more():
    PatientFactory(last_name="Falcão")

    def queries(text: str) -> int:
        with CaptureQueriesContext(connection) as captured:
            assert find(text)
        return len(captured)

    assert queries("Mr Falcão") - queries("Falcão") == 2


def test_whole_words_come_before_beginnings_and_those_before_words_alike():
    for last in ("Hansemann", "Hensen", "Hansen"):
        PatientFactory(first_name="Ida", last_name=last)
    assert names("hansen") == ["Ida Hansen", "Ida Hensen"]
    assert names("hanse") == ["Ida Hansemann", "Ida Hansen"]


def test_open_records_come_before_closed_ones_and_merged_ones_not_at_all():
    closed = PatientFactory(first_name="A", last_name="Hansen", is_active=False)
    kept = PatientFactory(first_name="Z", last_name="Hansen")
    PatientFactory(first_name="Z", last_name="Hansen", is_active=False, merged_into=kept)
    assert find("hansen") == [kept, closed]


def test_people_of_one_name_do_not_crowd_out_another_that_fits_as_well():
    PatientFactory.create_batch(20, first_name="Corinne", last_name="Blin")
    PatientFactory(first_name="Corinne", last_name="Bodin")
    assert "Corinne Bodin" in names("corinne boin", 5)


def test_whoever_has_the_number_itself_comes_first():
    PatientFactory(last_name="Beginning", mrn="00417")
    PatientFactory(last_name="Whole", mrn="0041")
    assert [patient.last_name for patient in find("0041")] == ["Whole", "Beginning"]


def test_a_word_that_is_like_nothing_finds_nobody(others):
    assert names("silva nobody") == names("xqzw") == names("maria 1850-01-01 xqzw") == []


def test_no_more_than_asked_for_are_found(others):
    assert len(find("silva", 5)) == 5
    assert len(find("silva")) == 10
    assert find("") == find("   ") == find("\x00") == []


def test_at_least_95_of_100_slips_of_clerks_are_forgiven(shared_data):
    """A sample of what ``bench/patient_search.py`` asks among 200,000."""
    people = population(shared_data, 2000)
    Patient.objects.bulk_create(
        Patient(
            id=person.key,
            first_name=person.first,
            last_name=person.last,
            dob=person.dob,
            phone=person.phone,
            mrn=person.mrn,
        )
        for person in people
    )
    asked, missed = Counter[str](), Counter[str]()
    for question in questions(people, each=12):
        asked[question.kind] += 1
        missed[question.kind] += not answers(question, find(question.text, 5))
    assert len(asked) == 21
    assert missed.total() <= 0.05 * asked.total(), missed


def test_hostile_texts_are_no_error(others, shared_data):
    texts = json.loads((shared_data / "names" / "blns.json").read_text("utf-8"))
    for text in [*texts, "\ud800", "a\x00b", "'" * 500, "\\", "':*", "&|!()<->", "9" * 300, "ﷺ" * 200, "a " * 300]:
        assert len(find(text)) <= 10


def test_names_of_any_length_and_kind_can_be_kept_and_found():
    for name in ("ﷺ" * 200, "x" * 200, "a " * 100, "%", "'", "-", "\\", "´"):
        PatientFactory(first_name=name, last_name="")
        assert name in [patient.first_name for patient in find(name)]


def test_the_number_of_queries_does_not_grow_with_those_found(others):
    def count(text: str) -> int:
        with CaptureQueriesContext(connection) as queries:
            assert find(text)
        return len(queries)

    before = {text: count(text) for text in ("silva", "maria silv", "marria sliva", "maria 1980")}
    for number in range(30, 200):
        PatientFactory(first_name=f"Maria {number}", last_name="Silva")
    for text, many in before.items():
        assert many <= 6
        assert count(text) <= many + 1  # whole words are asked for by themselves when there are too many


def test_names_and_numbers_are_found_by_their_indexes():
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
    name = TypedName.of("wojczik lucja")
    plan = Patient.objects.filter(one_of_each(name.near, name.begun)).order_by().explain()
    assert "idx_patient_name_keys" in plan
    plan = Patient.objects.search("00417").order_by().explain()
    assert "idx_patient_mrn" in plan
    assert "idx_patient_phone" in plan
