"""The audit log through the API: whose entries, in which order, page by page, and that reading it is an entry."""

import uuid
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from appointments.merging import merge
from audit.models import AuditLog
from audit.receivers import write
from booking_site.core.actor import Actor
from booking_site.testing.factories import TESTER, PatientFactory, booked
from booking_site.testing.fixtures import api_client
from booking_site.testing.problems import check

pytestmark = pytest.mark.django_db
LOGS = "/api/v1/audit-logs"


@pytest.fixture
def auditor(make_token):
    return api_client(make_token("audit:read"))


def told(action: str = "slot.held", *, name: str = "eva", request_id: str = "", **more) -> str:
    write(actor=Actor(kind="user", id=f"id-{name}", name=name, request_id=request_id), action=action, **more)
    return str(AuditLog.objects.latest("timestamp", "seq").pk)


def ids(client, **query: str) -> list[str]:
    answer = client.get(LOGS, query)
    assert answer.status_code == 200, answer.content
    return [row["id"] for row in answer.json()["results"] if not row["action"].startswith("audit.")]


def test_entries_come_newest_first_with_all_that_is_kept(auditor):
    visit = booked(reason="private")
    told()
    first, second = (row for row in auditor.get(LOGS).json()["results"])
    assert (first["action"], second["action"]) == ("slot.held", "appointment.booked")
    assert (second["patient_id"], second["appointment_id"]) == (str(visit.patient_id), str(visit.pk))
    assert second["details"]["new"]["reason"] == "[7 characters]"
    one = auditor.get(f"{LOGS}/{second['id']}")
    assert (one.status_code, one.json()) == (200, second)
    check(auditor.get(f"{LOGS}/{uuid.uuid4()}"), 404, code="not_found")


def test_each_filter_finds_its_own(auditor):
    patient, other, old = PatientFactory(), PatientFactory(), PatientFactory()
    appointment = uuid.uuid4()
    by_max = told(name="max", object_type="slot", object_id="abc", request_id="a-request")
    viewed = told("patient.viewed", patient_id=patient.pk, appointment_id=appointment)
    listed = told("patient.listed", patient_ids={patient.pk, other.pk})
    failed = told("slot.held", status="failure", patient_id=other.pk)
    for query, expected in (
        ({"user": "id-max"}, [by_max]),
        ({"user_kind": "client"}, []),
        ({"user_kind": "user"}, [failed, listed, viewed, by_max]),
        ({"action": "patient.viewed"}, [viewed]),
        ({"status": "failure"}, [failed]),
        ({"object_type": "slot", "object_id": "abc"}, [by_max]),
        ({"object_id": "abcd"}, []),
        ({"request_id": "a-request"}, [by_max]),
        ({"appointment": str(appointment)}, [viewed]),
        ({"patient": str(patient.pk)}, [listed, viewed]),
        ({"patient": str(other.pk)}, [failed, listed]),
        ({"patient": str(patient.pk), "action": "patient.listed"}, [listed]),
        ({"patient": str(uuid.uuid4())}, []),
    ):
        assert ids(auditor, **query) == expected, query
    of_old = told("patient.viewed", patient_id=old.pk)
    merge(actor=TESTER, survivor_id=patient.pk, duplicate_id=old.pk)
    assert of_old in ids(auditor, patient=str(patient.pk))


def test_days_are_those_of_the_hospital_and_both_included(auditor, settings):
    row = told()
    moment = AuditLog.objects.get(pk=row).timestamp
    settings.TIME_ZONE = "Pacific/Kiritimati"  # 14 hours ahead
    there = (moment + timedelta(hours=14)).date()
    for query, is_found in (
        ({"date_from": f"{there}"}, True),
        ({"date_to": f"{there}"}, True),
        ({"date_from": f"{there}", "date_to": f"{there}"}, True),
        ({"date_from": f"{there + timedelta(days=1)}"}, False),
        ({"date_to": f"{there - timedelta(days=1)}"}, False),
        ({"date_from": "0001-01-01", "date_to": "9999-12-31"}, True),
    ):
        assert (row in ids(auditor, **query)) == is_found, query


@pytest.mark.parametrize(
    ("query", "field", "code"),
    [
        ({"patient": "nobody"}, "patient", "invalid"),
        ({"status": "fine"}, "status", "invalid_choice"),
        ({"user_kind": "robot"}, "user_kind", "invalid_choice"),
        ({"date_from": "yesterday"}, "date_from", "invalid"),
        ({"patients": "x"}, "patients", "unknown_filter"),
        ({"ordering": "starts_at"}, "ordering", "invalid"),
        ({"cursor": "x"}, "cursor", "invalid_cursor"),
    ],
)
def test_what_is_no_filter_is_a_400(auditor, query, field, code):
    problem = check(auditor.get(LOGS, query), 400)
    assert [(error["field"], error["code"]) for error in problem["errors"]] == [(field, code)]


def test_pages_follow_each_other_both_ways_and_repeat_nothing(auditor):
    rows = [told() for _ in range(7)]
    query = {"page_size": "3", "action": "slot.held", "count": "true"}
    answer = auditor.get(LOGS, query).json()
    assert answer["count"] == 7
    seen, pages = [], []
    while True:
        pages.append([row["id"] for row in answer["results"]])
        seen += pages[-1]
        if answer["next"] is None:
            break
        answer = auditor.get(answer["next"]).json()
    assert seen == rows[::-1]
    assert [row["id"] for row in auditor.get(answer["previous"]).json()["results"]] == pages[-2]
    oldest = auditor.get(LOGS, {"action": "slot.held", "ordering": "timestamp", "page_size": "2"}).json()
    assert [row["id"] for row in oldest["results"]] == rows[:2]
    assert "count" not in oldest


def test_reading_the_log_is_one_entry_with_those_whom_it_was_about(auditor):
    one, other = uuid.uuid4(), uuid.uuid4()
    told("patient.viewed", patient_id=one)
    row = told("patient.listed", patient_ids={other, one})
    auditor.get(LOGS, {"patient": str(one), "date_from": f"{timezone.now().date()}"})
    auditor.get(f"{LOGS}/{row}")
    listed, viewed = AuditLog.objects.filter(action__startswith="audit.").order_by("seq")
    assert (listed.action, listed.patient_ids, listed.user_kind) == ("audit.listed", [one], "client")
    assert listed.details["filters"] == {"patient": str(one), "date_from": f"{timezone.now().date()}"}
    assert (viewed.action, viewed.object_id, set(viewed.patient_ids)) == ("audit.viewed", row, {one, other})


def test_only_with_the_scope(make_token, api_of_staff):
    row = told()
    others = api_client(make_token("patients:read", "appointments:read"))
    for client, code in ((others, "insufficient_scope"), (api_of_staff, "not_allowed")):
        for address in (LOGS, f"{LOGS}/{row}"):
            check(client.get(address), 403, code=code)
    for method in ("post", "patch", "put", "delete"):
        assert getattr(others, method)(LOGS).status_code == 405


def test_a_list_takes_the_same_queries_however_long_it_is(auditor):
    counts = []
    for _ in range(3):
        told(patient_id=uuid.uuid4())
        with CaptureQueriesContext(connection) as queries:
            auditor.get(LOGS)
        counts.append(len(queries))
    assert counts[0] == counts[1] == counts[2] <= 5, counts
