"""Who looked at this patient: finding the record without reading patients, and what the page tells."""

import hashlib
import re
import uuid
from datetime import date, timedelta

import pytest
from django.db import connection
from django.db.models import Q
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from appointments.merging import merge
from audit.looking import about
from audit.models import AuditLog
from audit.receivers import write
from booking_site.core.actor import Actor
from booking_site.testing.factories import TESTER, PatientFactory, booked, staff

pytestmark = pytest.mark.django_db
FIND = reverse("admin:audit_patients")


@pytest.fixture
def auditor(client):
    client.force_login(staff("Auditor"))
    return client


@pytest.fixture
def patient():
    return PatientFactory(first_name="Łucja", last_name="O’Hara", dob=date(1980, 2, 29), mrn="M-77")


def page_of(patient) -> str:
    return reverse("admin:audit_patient", args=[patient.pk])


def look(who: str, action: str = "patient.viewed", **more) -> None:
    page = more.pop("page", "patient")
    write(actor=Actor(kind="user", id=who, name=who), action=action, details={"page": page}, **more)


# --- finding ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "sent",
    [
        {"number": "M-77"},
        {"number": " M-77 "},
        {"first_name": "Łucja", "last_name": "O’Hara", "dob": "1980-02-29"},
        {"first_name": "lucja", "last_name": "O’HARA", "dob": "1980-02-29"},
    ],
)
def test_a_patient_is_found_by_what_is_known_exactly(auditor, patient, sent):
    answer = auditor.post(FIND, sent)
    assert (answer.status_code, answer.headers.get("Location")) == (302, page_of(patient))
    assert auditor.post(FIND, {"number": str(patient.pk)})["Location"] == page_of(patient)


@pytest.mark.parametrize(
    "sent",
    [
        {"number": "M-7"},
        {"number": "%"},
        {"first_name": "Łuc", "last_name": "O’Hara", "dob": "1980-02-29"},
        {"last_name": "O’Hara", "dob": "1980-02-29"},
        {"first_name": "Łucja", "last_name": "O’Hara", "dob": "1980-02-28"},
    ],
)
def test_nobody_is_found_by_less(auditor, patient, sent):
    answer = auditor.post(FIND, sent)
    assert "No record is exactly like that." in answer.content.decode()
    row = AuditLog.objects.latest("timestamp", "seq")
    assert (row.action, row.patient_ids, row.details["page"]) == ("patient.listed", [], "audit_patients")


@pytest.mark.parametrize("sent", [{}, {"last_name": "O’Hara"}, {"dob": "1980-02-29"}, {"number": "x", "dob": "never"}])
def test_a_question_that_is_none_is_refused(auditor, patient, sent):
    answer = auditor.post(FIND, sent)
    assert answer.status_code == 200
    assert answer.context["found"] is None
    assert answer.context["errors"]


def test_of_several_the_numbers_are_shown_and_no_names(auditor, patient):
    twin = PatientFactory(first_name="Łucja", last_name="O’Hara", dob=patient.dob, mrn="M-78")
    sent = {"first_name": "Łucja", "last_name": "O’Hara", "dob": "1980-02-29"}
    text = auditor.post(FIND, sent).content.decode()
    found = text.partition('class="audit-found"')[2].partition("</ul>")[0]
    assert ("M-77" in found, "M-78" in found, "Hara" in found) == (True, True, False)
    row = AuditLog.objects.latest("timestamp", "seq")
    assert set(row.patient_ids) == {patient.pk, twin.pk}
    assert "Hara" not in str(row.details)


# --- the page --------------------------------------------------------------------------------------------------------


def lines(client, patient, **query: str) -> list[tuple]:
    found = client.get(page_of(patient), query).context["lines"]
    return [
        (one.looks.who, one.times, one.looks.of_lists, one.looks.refused, [str(way) for way in one.ways])
        for one in found
    ]


def test_looks_are_a_line_for_each_person_and_day_with_times_and_ways(auditor, patient):
    for _ in range(2):
        look("eva", patient_id=patient.pk, object_type="patient", object_id=patient.pk)
    look("eva", "patient.listed", patient_ids={patient.pk, uuid.uuid4()}, page="today_data")
    look("eva", "appointment.viewed", patient_id=patient.pk, page="api")
    look("max", "patient.listed", patient_ids={patient.pk}, page="a_new_page")
    look("max", "patient.listed", patient_ids={uuid.uuid4()}, page="patients_patient_changelist")
    look("joe", "access.denied", patient_id=patient.pk, status="denied", page="")
    assert sorted(lines(auditor, patient)) == [
        ("eva", 3, 1, 0, ["API", "board of the day", "page of the patient"]),
        ("joe", 0, 0, 1, []),
        ("max", 0, 1, 0, ["a_new_page"]),
    ]
    # That the auditor looked is a look as well.
    assert ("auditor", 0, 1, 0, ["audit log"]) in lines(auditor, patient)


def test_changes_are_apart_with_the_fields_that_changed(auditor, patient):
    booked(patient=patient, reason="private")
    details = {"old": {"phone": "***"}, "new": {"phone": "***"}}
    write(actor=TESTER, action="patient.updated", patient_id=patient.pk, details=details)
    answer = auditor.get(page_of(patient))
    assert [(row.action, fields) for _when, row, fields in answer.context["done"]] == [
        ("patient.updated", "phone"),
        ("appointment.booked", ""),
    ]
    assert "private" not in answer.content.decode()


def test_merged_records_count_and_names_are_for_those_who_see_patients(client, patient):
    old = PatientFactory(last_name="Byron")
    look("eva", patient_id=old.pk)
    merge(actor=TESTER, survivor_id=patient.pk, duplicate_id=old.pk)
    client.force_login(staff("Auditor"))
    answer = client.get(page_of(patient))
    text = answer.content.decode()
    assert [one.looks.who for one in answer.context["lines"]] == ["eva"]
    assert (str(old.pk) in text, "M-77" in text, "Hara" in text) == (True, True, False)
    row = AuditLog.objects.latest("timestamp", "seq")
    assert (row.action, set(row.patient_ids)) == ("audit.listed", {patient.pk, old.pk})
    client.force_login(staff("Administrator"))
    assert "Hara" in client.get(page_of(patient)).content.decode()


def test_days_bound_the_looks_and_the_changes(auditor, patient):
    look("eva", patient_id=patient.pk)
    write(actor=TESTER, action="patient.updated", patient_id=patient.pk)
    today = timezone.now().date()
    for query, is_there in (
        ({"from": f"{today}", "to": f"{today}"}, True),
        ({"to": f"{today - timedelta(days=1)}"}, False),
        ({"from": f"{today + timedelta(days=1)}"}, False),
    ):
        context = auditor.get(page_of(patient), query).context
        assert ([one.looks.who for one in context["lines"] if one.looks.who == "eva"] == ["eva"]) == is_there
        assert bool(context["done"]) == is_there


def test_the_log_outlives_the_record_and_an_id_of_nobody_is_not_found(auditor):
    gone, nobody = uuid.uuid4(), uuid.uuid4()
    look("eva", patient_id=gone)
    assert auditor.get(reverse("admin:audit_patient", args=[gone])).status_code == 200
    assert auditor.get(reverse("admin:audit_patient", args=[nobody])).status_code == 302


def test_many_looks_have_pages(auditor, patient):
    for number in range(55):
        look(f"user{number}", patient_id=patient.pk)
    first, second = lines(auditor, patient), lines(auditor, patient, page="2")
    assert len(first) == 50
    assert len({line[0] for line in first + second} - {"auditor"}) == 55
    assert lines(auditor, patient, page="nonsense")


def test_the_page_takes_the_same_queries_however_much_there_is(auditor, patient):
    counts = []
    for number in range(3):
        look(f"user{number}", patient_id=patient.pk)
        booked(patient=patient)
        with CaptureQueriesContext(connection) as queries:
            auditor.get(page_of(patient))
        counts.append(len(queries))
    assert counts[1] == counts[2] <= 14, counts


BY_TIME = re.compile(r"Backward using audit_logs_[0-9a-z_]+?_timestamp_idx")


def plan_of(where) -> str:
    return AuditLog.objects.filter(where).order_by("-timestamp", "-id")[:51].explain()


def test_the_newest_entries_about_a_patient_are_found_by_the_indexes_of_patients():
    """Not by walking through all entries, newest first, in the hope of some."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO audit_logs (action, status, user_kind, user_id, user_name, object_type, patient_ids) "
            "SELECT 'patient.listed', 'success', 'user', '1', 'eva', 'patient', "
            "ARRAY(SELECT md5(((i * 31 + k * 17) % 500)::text)::uuid FROM generate_series(1, 25) k) "
            "FROM generate_series(1, 10000) i"
        )
        cursor.execute("ANALYZE audit_logs")
    plan = plan_of(about([uuid.uuid4()]))
    assert "patient_id_timestamp_idx" in plan
    assert "patient_ids_idx" in plan
    assert not BY_TIME.search(plan), plan
    # The control: of somebody who seems to be in many lists, put together by OR.
    known = [uuid.UUID(hashlib.md5(b"1").hexdigest())]
    assert BY_TIME.search(plan_of(Q(patient_id__in=known) | Q(patient_ids__overlap=known)))


def test_the_page_of_a_patient_leads_there(client, patient):
    client.force_login(staff("Administrator"))
    page = client.get(reverse("admin:patient", args=[patient.pk])).content.decode()
    assert f'href="{page_of(patient)}"' in page
