"""What the log holds of a reading and of a refusal; and that nothing is shown which cannot be written down.

That every page and call is told of is in booking_site/tests/test_readings.py.
"""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from audit.models import AuditLog
from audit.tests.full_disk import full_disk
from booking_site.core import shown
from booking_site.testing.factories import PatientFactory, SlotFactory, booked, staff
from booking_site.testing.fixtures import api_client

pytestmark = pytest.mark.django_db
NAME = "Zilpzalp"


@pytest.fixture
def reception(client):
    client.force_login(staff("Reception"))
    return client


def test_a_list_is_one_row_with_its_patients_and_without_what_was_typed(api, reception):
    patients = [PatientFactory(last_name="Zilpzalp") for _ in range(3)]
    PatientFactory(last_name="Other")
    api.get("/api/v1/patients", {"search": "Zilpzalp", "is_active": "true", "dob": f"{patients[0].dob}"})
    api.get("/api/v1/patients", {"search": "Zilpzalp", "page_size": "2"})
    query = {"q": "Zilpzalp", "is_active__exact": "1"}
    reception.get(reverse("admin:patients_patient_changelist"), query, follow=True)
    one, two, three = AuditLog.objects.filter(action="patient.listed").order_by("seq")
    assert {patients[0].pk} <= set(one.patient_ids) <= {patient.pk for patient in patients}
    filters = {"search": "...", "is_active": "true", "dob": "..."}
    assert one.details == {"page": "api", "patients": len(one.patient_ids), "filters": filters}
    assert (one.user_kind, one.user_name, one.object_type) == ("client", "test client", "patient")
    assert (two.details["filters"], len(two.patient_ids)) == ({"search": "...", "page_size": "2"}, 2)
    assert set(three.patient_ids) == {patient.pk for patient in patients}
    filters = {"found": "...", "is_active__exact": "1"}
    assert three.details == {"page": "patients_patient_changelist", "patients": 3, "filters": filters}


@pytest.mark.parametrize(
    ("query", "kept"),
    [
        ({"patient": "0198c5f2-7d1a-7c3e-9a51-2b6f0d8e4c77"}, {"patient": "0198c5f2-7d1a-7c3e-9a51-2b6f0d8e4c77"}),
        ({"patient": "Zilpzalp"}, {"patient": "..."}),
        ({"day": "2026-11-23", "q": "1980-01-01"}, {"day": "2026-11-23", "q": "..."}),
        ({"doctor": "Dr Zilpzalp, Kanarie"}, {"doctor": "..."}),
        ({"Kanarie Zilpzalp": "", "status": "booked"}, {"status": "booked"}),
    ],
)
def test_what_is_kept_of_a_query(rf, query, kept):
    assert shown.filters_of(rf.get("/", query)) == kept


def test_an_appointment_names_its_patient(api, reception):
    visit = booked()
    api.get(f"/api/v1/appointments/{visit.pk}")
    reception.get(reverse("admin:patient", args=[visit.patient_id]))
    api_row, page_row = AuditLog.objects.filter(action__endswith=".viewed").order_by("seq")
    assert (api_row.action, api_row.appointment_id, api_row.patient_id) == (
        *("appointment.viewed", visit.pk, visit.patient_id),
    )
    assert (page_row.action, page_row.object_id, page_row.patient_ids) == (
        "patient.viewed",
        str(visit.patient_id),
        None,
    )
    assert page_row.details == {"page": "patient"}


def test_the_answer_to_a_change_is_told_by_the_change_and_that_to_none_by_itself(api):
    visit = booked()
    sent = {"appointment_id": str(visit.pk)}
    key = {"HTTP_IDEMPOTENCY_KEY": "once"}

    def told(call) -> list[str]:
        before = set(AuditLog.objects.values_list("pk", flat=True))
        assert call().status_code == 200
        return list(AuditLog.objects.exclude(pk__in=before).order_by("seq").values_list("action", flat=True))

    assert told(lambda: api.post("/api/v1/cancel-appointment", sent, **key)) == ["appointment.cancelled"]
    assert told(lambda: api.post("/api/v1/cancel-appointment", sent, **key)) == ["appointment.viewed"]
    assert told(lambda: api.post("/api/v1/cancel-appointment", sent)) == ["appointment.viewed"]
    page = f"/api/v1/patients/{visit.patient_id}"
    assert told(lambda: api.patch(page, {"phone": "030 1"})) == ["patient.updated"]
    assert told(lambda: api.patch(page, {"phone": "030 1"})) == ["patient.viewed"]
    same = {"HTTP_X_REQUEST_ID": "the-same-id"}
    assert told(lambda: api.patch(page, {"phone": "030 2"}, **same)) == ["patient.updated"]
    assert told(lambda: api.patch(page, {"phone": "030 2"}, **same)) == ["patient.viewed"]


def test_a_list_takes_one_write_however_long_it_is(api, reception):
    def writes(ask) -> list[str]:
        with CaptureQueriesContext(connection) as queries:
            ask()
        return [one["sql"] for one in queries if one["sql"].startswith("INSERT")]

    doctor = SlotFactory().doctor
    for _ in range(3):
        booked(slot=SlotFactory(doctor=doctor))
        assert len(writes(lambda: api.get("/api/v1/appointments"))) == 1
        assert len(writes(lambda: reception.get(reverse("admin:patients_patient_changelist")))) == 1


# --- nothing is shown that cannot be told ----------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_what_cannot_be_written_down_is_not_shown(client, make_token):
    visit = booked(patient=PatientFactory(last_name=NAME))
    client.force_login(staff("Administrator"))
    api = api_client(make_token())
    asked = [
        (api, "/api/v1/patients"),
        (api, f"/api/v1/patients/{visit.patient_id}"),
        (api, "/api/v1/appointments"),
        (api, f"/api/v1/appointments/{visit.pk}"),
        (client, reverse("admin:patients_patient_changelist")),
        (client, reverse("admin:patient", args=[visit.patient_id])),
        (client, reverse("admin:appointments_appointment_slip_pdf", args=[visit.pk])),
    ]
    assert [one.get(url).status_code for one, url in asked] == [200] * 7
    with full_disk():
        answers = [one.get(url) for one, url in asked]
    assert [answer.status_code for answer in answers] == [503] * 7
    assert not any(NAME in answer.content.decode() for answer in answers)
    assert {answer["Retry-After"] for answer in answers} == {"2"}
    assert {answer.json()["code"] for answer in answers} == {"unavailable"}
    assert [one.get(url).status_code for one, url in asked] == [200] * 7


# --- refusals --------------------------------------------------------------------------------------------------------


def test_refused_access_names_the_patient_and_the_appointment(client, make_token):
    visit = booked()
    client.force_login(staff("Auditor"))
    api = api_client(make_token("slots:read"))
    for one, url in (
        (client, reverse("admin:patient", args=[visit.patient_id])),
        (client, reverse("admin:appointments_appointment_slip", args=[visit.pk])),
        (client, reverse("admin:today_panel", args=[visit.pk])),
        (api, f"/api/v1/patients/{visit.patient_id}"),
        (api, f"/api/v1/appointments/{visit.pk}"),
    ):
        assert one.get(url).status_code == 403
        row = AuditLog.objects.latest("timestamp", "seq")
        is_visit = str(visit.pk) in url
        assert (row.action, row.status) == ("access.denied", "denied")
        assert (row.patient_id, row.appointment_id) == (visit.patient_id, visit.pk if is_visit else None), url


def test_a_token_that_is_not_known_is_a_row(client):
    for headers in ({}, {"Authorization": "Bearer wrong"}):
        answer = client.get("/api/v1/patients", headers=headers, REMOTE_ADDR="203.0.113.9")
        assert answer.status_code == 401
    rows = AuditLog.objects.filter(action="access.denied").order_by("seq")
    assert [(row.details["code"], row.address, row.user_kind) for row in rows] == [
        ("not_authenticated", "203.0.113.9", "anonymous"),
        ("invalid_token", "203.0.113.9", "anonymous"),
    ]


def test_a_refused_operation_names_the_patient(api):
    visit = booked()
    answer = api.post(f"/api/v1/appointments/{visit.pk}/complete", {})
    assert answer.status_code == 409
    row = AuditLog.objects.get(action="appointment.completed")
    assert (row.status, row.appointment_id, row.patient_id) == ("failure", visit.pk, visit.patient_id)
