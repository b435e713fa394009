"""What the API answers for a record that has been merged into another one."""

import pytest

from appointments.merging import merge
from audit.models import AuditLog
from booking_site.testing.factories import TESTER, PatientFactory, SlotFactory, booked
from booking_site.testing.problems import check
from patients.finding import find

pytestmark = pytest.mark.django_db


@pytest.fixture
def pair():
    """The record that answers, and the one that was merged into it."""
    survivor = PatientFactory(first_name="Ada", last_name="Byron")
    old = PatientFactory(first_name="Ada", last_name="Lovelace", mrn="OLD-1")
    merge(actor=TESTER, survivor_id=survivor.pk, duplicate_id=old.pk, choices={"mrn": "survivor"})
    return survivor, old


def test_the_old_id_answers_with_the_survivor(api, pair):
    survivor, old = pair
    answer = api.get(f"/api/v1/patients/{old.pk}")
    assert (answer.status_code, answer.json()["id"]) == (200, str(survivor.pk))
    assert answer["Content-Location"] == f"/api/v1/patients/{survivor.pk}"
    same = api.get(f"/api/v1/patients/{survivor.pk}")
    assert (same.json(), same["ETag"]) == (answer.json(), answer["ETag"])
    assert api.get(f"/api/v1/patients/{old.pk}", HTTP_IF_NONE_MATCH=answer["ETag"]).status_code == 304
    viewed = AuditLog.objects.filter(action="patient.viewed").values_list("object_id", flat=True)
    assert list(viewed) == [str(survivor.pk)] * 3


def test_notes_and_merges_are_no_part_of_the_answer(api, pair):
    assert {"notes", "merged_into", "merged_into_id"} & set(api.get(f"/api/v1/patients/{pair[0].pk}").json()) == set()


def test_the_old_record_is_not_changed_and_the_error_names_the_survivor(api, pair):
    survivor, old = pair
    answer = api.patch(f"/api/v1/patients/{old.pk}", {"phone": "030 1"}, format="json")
    problem = check(answer, 409, code="patient_merged", field="survivor_id")
    assert problem["errors"][0]["detail"] == str(survivor.pk)


def test_booking_with_the_old_id_books_for_the_survivor(api, pair):
    body = {"patient_id": str(pair[1].pk), "slot_id": str(SlotFactory().pk)}
    answer = api.post("/api/v1/book-appointment", body, format="json")
    assert (answer.status_code, answer.json()["patient_id"]) == (201, str(pair[0].pk))


def test_appointments_of_the_old_id_are_the_survivors(api, pair):
    visit = booked(patient=pair[0])
    booked()
    for record in pair:
        found = api.get(f"/api/v1/appointments?patient={record.pk}").json()["results"]
        assert [row["id"] for row in found] == [str(visit.pk)]


@pytest.mark.parametrize("text", ["OLD-1", "ada", "byron"])
def test_lists_hold_the_survivor_only(api, pair, text):
    found = api.get(f"/api/v1/patients?search={text}").json()["results"]
    assert [row["id"] for row in found] == [str(pair[0].pk)]


@pytest.mark.parametrize("text", ["OLD-1", "Lovelace", "Ada"])
def test_people_who_search_find_the_survivor_once(pair, text):
    assert find(text) == [pair[0]]
