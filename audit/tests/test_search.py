"""Searching the log in the console: what is typed, the days, what is told of it, and the file of what is found."""

import csv
import io
import uuid
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from appointments.merging import merge
from audit import criteria, export
from audit.models import AuditLog, AuditSeal
from audit.receivers import write
from booking_site.api.clients import register
from booking_site.core.actor import Actor
from booking_site.core.sheets import as_written
from booking_site.testing.factories import TESTER, DoctorFactory, PatientFactory, booked, staff

pytestmark = pytest.mark.django_db
LIST = reverse("admin:audit_auditlog_changelist")
EXPORT = reverse("admin:audit_export")


@pytest.fixture
def auditor(client):
    client.force_login(staff("Auditor"))
    return client


def actor(name: str = "eva", kind: str = "user", key: str = "7001", **more: str) -> Actor:
    return Actor(kind=kind, id=key, name=name, **more)


def told(action: str, who: Actor | None = None, **more) -> AuditLog:
    write(actor=who or actor(), action=action, **more)
    return AuditLog.objects.latest("timestamp", "seq")


def found(client, text: str, **more: str) -> set:
    context = client.get(LIST, {"q": text, **more}).context
    return {row.pk for row in context["cl"].result_list if not row.action.startswith("audit.")}


# --- what is typed ---------------------------------------------------------------------------------------------------


def test_a_patients_id_finds_what_was_done_and_every_list_and_what_was_merged(auditor):
    patient, old = PatientFactory(), PatientFactory()
    rows = {
        told("patient.viewed", patient_id=patient.pk).pk,
        told("patient.listed", patient_ids={uuid.uuid4(), patient.pk}).pk,
        told("patient.listed", patient_ids={old.pk}).pk,
    }
    told("patient.listed", patient_ids={uuid.uuid4()})
    told("patient.viewed", patient_id=uuid.uuid4())
    merge(actor=TESTER, survivor_id=patient.pk, duplicate_id=old.pk)
    assert rows < found(auditor, str(patient.pk))
    of_merge = found(auditor, str(patient.pk)) - rows
    assert {AuditLog.objects.get(pk=key).action for key in of_merge} == {"patient.merged", "patient.merged_into"}


def test_each_word_is_an_id_an_action_an_address_an_actor_or_a_request(auditor):
    user = staff("Reception")
    application, _secret = register("Patient portal", ["slots:read"])
    by_user = told("slot.held", actor("reception", key=str(user.pk), address="203.0.113.9"), object_type="slot")
    by_client = told("slot.held", actor("Patient portal", "client", application.client_id, request_id="my-request-1"))
    by_command = told("slot.released", actor("generate_slots", "command", "generate_slots"))
    of_doctor = told("doctor.updated", object_type="doctor", object_id="DOC-0042")
    for text, rows in {
        "reception": {by_user},
        "RECEPTION": {by_user},
        str(user.pk): {by_user},
        "Patient portal": {by_client},
        application.client_id: {by_client},
        "generate_slots": {by_command},
        "slot.held": {by_user, by_client},
        "slot.held reception": {by_user},
        "slot.released reception": set(),
        "203.0.113.9": {by_user},
        "my-request-1": {by_client},
        "doctor:DOC-0042": {of_doctor},
        "doctor:DOC-0043": set(),
        "O'Hara": set(),
        "%": set(),
    }.items():
        assert found(auditor, text) == {row.pk for row in rows}, text


def test_the_history_of_any_record_is_found(client):
    administrator = staff("Administrator")
    client.force_login(administrator)
    doctor = DoctorFactory()
    of_doctor = told("doctor.updated", object_type="doctor", object_id=doctor.pk)
    of_user = told("user.updated", object_type="user", object_id=administrator.pk)
    told("doctor.updated", object_type="doctor", object_id="DOC-other")
    for page, key, row in (
        ("doctors_doctor_history", doctor.pk, of_doctor),
        ("auth_user_history", administrator.pk, of_user),
    ):
        listed = client.get(reverse(f"admin:{page}", args=[key]), follow=True).context["cl"].result_list
        assert [one.pk for one in listed if not one.action.startswith(("audit.", "user.signed"))] == [row.pk]


def test_the_id_of_a_request_finds_its_entries(auditor):
    answer = auditor.get(reverse("admin:index"))
    request_id = answer["X-Request-ID"]
    row = told("slot.held", actor(request_id=request_id))
    assert found(auditor, request_id) == {row.pk}


def test_what_has_no_index_is_looked_for_in_the_days_that_are_chosen(auditor):
    row = told("slot.held", actor(address="203.0.113.9"))
    answer = auditor.get(LIST, {"q": "203.0.113.9"})
    assert "Looked for within the last 31 days." in answer.content.decode()
    assert row.pk in {one.pk for one in answer.context["cl"].result_list}
    answer = auditor.get(LIST, {"q": "203.0.113.9", "day": "week"})
    assert "Looked for within" not in answer.content.decode()
    long_ago = f"{timezone.now().date() - timedelta(days=400)}"
    assert found(auditor, "203.0.113.9", **{"from": long_ago, "to": long_ago}) == set()


@pytest.mark.parametrize(
    ("query", "is_found"),
    [
        ({}, True),
        ({"from": "today"}, True),
        ({"from": "today", "to": "today"}, True),
        ({"from": "tomorrow"}, False),
        ({"to": "yesterday"}, False),
        ({"from": "yesterday", "to": "tomorrow", "day": "2020-01-01"}, True),
        ({"from": "nonsense"}, True),
        ({"to": "9999-12-31"}, True),
        ({"from": "0001-01-01"}, True),
    ],
)
def test_a_span_of_days(auditor, query, is_found):
    today = timezone.now().date()
    days = {"yesterday": today - timedelta(days=1), "today": today, "tomorrow": today + timedelta(days=1)}
    told("slot.held")
    answer = auditor.get(LIST, {name: f"{days.get(value, value)}" for name, value in query.items()})
    assert answer.status_code == 200
    assert ("slot.held" in {row.action for row in answer.context["cl"].result_list}) == is_found


def test_the_list_takes_the_same_queries_however_long_it_is_and_counts_no_further_than_it_must(auditor):
    def queries(**query: str) -> list[str]:
        with CaptureQueriesContext(connection) as captured:
            auditor.get(LIST, query)
        return [one["sql"] for one in captured]

    told("slot.held")
    before = len(queries(day="all"))
    for _ in range(5):
        told("slot.held")
    after = queries(day="all")
    assert len(after) == before
    (counting,) = [sql for sql in after if "COUNT(" in sql and '"audit_logs"' in sql]
    assert "LIMIT 10001" in counting


# --- what is told of it ----------------------------------------------------------------------------------------------


def test_reading_the_log_is_in_the_log_with_those_whom_it_was_about(auditor):
    one, other = uuid.uuid4(), uuid.uuid4()
    row = told("patient.viewed", patient_id=one)
    listed = told("patient.listed", patient_ids={one, other})
    auditor.get(LIST, {"q": str(one), "day": "all"})
    auditor.get(reverse("admin:audit_auditlog_change", args=[row.pk]))
    auditor.get(reverse("admin:audit_auditlog_change", args=[listed.pk]))
    search, view, view_of_list = AuditLog.objects.filter(action__startswith="audit.").order_by("seq")
    assert (search.action, search.patient_ids, search.user_name) == ("audit.listed", [one], "auditor")
    assert search.details["filters"] == {"q": "...", "day": "all"}
    assert (view.action, view.patient_id, view.object_id) == ("audit.viewed", one, str(row.pk))
    assert (view_of_list.action, set(view_of_list.patient_ids)) == ("audit.viewed", {one, other})


# --- can it be believed ----------------------------------------------------------------------------------------------


def glance(client) -> dict[str, tuple[str, str]]:
    return {line.label: (line.state, str(line.text)) for line in client.get(LIST).context["integrity"]}


def test_the_list_says_how_far_the_log_is_sealed_and_verified(auditor):
    lines = glance(auditor)
    assert {label: state for label, (state, _text) in lines.items()} == {
        "Sealed": "warning", "Not sealed yet": "good", "Verified": "warning",
    }  # fmt: skip
    told("audit.verified", details={"rows": 9, "seals": 2, "findings": 0})
    state, text = glance(auditor)["Verified"]
    assert state == "good"
    assert "nothing was changed, removed or added" in text
    told("audit.verified", status="failure", details={"rows": 9, "seals": 2, "findings": 3})
    state, text = glance(auditor)["Verified"]
    assert state == "bad"
    assert "3 findings: look into them at once" in text
    page = auditor.get(LIST).content.decode()
    assert '<span class="sign" aria-hidden="true">✕</span> Verified' in page


def test_what_is_sealed_does_not_wait_any_more(auditor):
    last = AuditLog.objects.latest("xid")
    AuditSeal.objects.create(
        number=1, kind="rows", epoch=last.epoch, xid_from=0, xid_to=last.xid + 1, rows=1234, members=b"", root="",
        previous="", sealed_at=timezone.now(), details={}, digest="", key_id="", mac="",
    )  # fmt: skip
    state, text = glance(auditor)["Sealed"]
    assert (state, "1,234 entries" in text) == ("good", True)


# --- the file --------------------------------------------------------------------------------------------------------


def exported(client, **query: str) -> list[dict[str, str]]:
    address = EXPORT + "?" + "&".join(f"{name}={value}" for name, value in query.items())
    answer = client.post(address)
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    return list(csv.DictReader(io.StringIO(b"".join(answer.streaming_content).decode())))


def test_the_file_holds_what_the_list_finds_newest_first(auditor, monkeypatch):
    monkeypatch.setattr(export, "PIECE", 3)
    patient = uuid.uuid4()
    rows = [told("patient.viewed", patient_id=patient) for _ in range(7)]
    told("patient.viewed", patient_id=uuid.uuid4())
    lines = exported(auditor, q=str(patient), day="all")
    assert [line["id"] for line in lines] == [str(row.pk) for row in reversed(rows)]
    assert lines[0]["patient_id"] == str(patient)
    row = AuditLog.objects.get(action="audit.exported")
    assert (row.user_name, row.details["entries"]) == ("auditor", 7)
    assert row.details["filters"] == {"q": "...", "day": "all", "id": str(patient)}


def test_no_cell_of_the_file_is_a_formula_and_all_of_it_is_there(auditor):
    text = '=HYPERLINK("http://evil.example")'
    told("slot.held", actor(text), object_type="slot", object_id="@SUM(A1)", details={"note": "Zażółć, 患者\n"})
    (line,) = exported(auditor, q="slot:@SUM(A1)", day="all")
    assert line["user_name"].startswith("'=")
    assert as_written(line["user_name"]) == text
    assert as_written(line["object_id"]) == "@SUM(A1)"
    assert line["details"] == '{"note": "Zażółć, 患者\\n"}'


def test_too_many_entries_for_a_file_are_refused_and_nothing_is_handed_out(auditor, monkeypatch):
    monkeypatch.setattr(export, "MOST", 2)
    for _ in range(3):
        told("slot.held")
    answer = auditor.post(f"{EXPORT}?q=slot.held&day=all", follow=True)
    assert "More than 2 entries are too many for a file." in answer.content.decode()
    assert not AuditLog.objects.filter(action="audit.exported").exists()


def test_a_file_comes_by_post_only_and_to_those_who_read_the_log(client):
    client.force_login(staff("Reception"))
    assert client.post(EXPORT).status_code == 403
    client.force_login(staff("Auditor"))
    assert client.get(EXPORT).status_code == 405
    assert client.post(f"{EXPORT}?nonsense=1").status_code == 400
    assert client.post(f"{EXPORT}?status__exact=nonsense&day=9").status_code == 200
    assert AuditLog.objects.filter(action="audit.exported").count() == 1


def test_a_list_of_actions_knows_all_kinds_of_objects():
    """So that the id of any object finds its entries."""
    assert set(AuditLog.objects.values_list("object_type", flat=True)) <= {*criteria.OBJECTS, "audit", ""}
    booked()
    assert set(AuditLog.objects.values_list("object_type", flat=True)) <= {*criteria.OBJECTS, "audit", ""}
