"""The audit log in the console: to be read by those who may, and by nothing to be changed."""

import re
import uuid

import pytest

from audit.models import AuditLog
from booking_site.testing.factories import booked, staff

LIST = "/admin/audit/auditlog/"
pytestmark = pytest.mark.django_db


@pytest.fixture
def auditor(client):
    client.force_login(staff("Auditor"))
    return client


def listed(client, query: str) -> list[str]:
    rows = client.get(f"{LIST}?{query}").context["cl"].result_list
    return sorted(row.action for row in rows if row.action not in ("user.signed_in", "audit.listed"))


def test_the_log_is_read_and_not_written(auditor):
    booked(reason="private matters")
    row = AuditLog.objects.get(action="appointment.booked")
    text = auditor.get(f"{LIST}{row.pk}/change/").content.decode()
    assert "appointment.booked" in text
    assert "[15 characters]" in text
    assert "private matters" not in text
    assert 'name="_save"' not in text
    for page in (f"{LIST}add/", f"{LIST}{row.pk}/delete/"):
        assert auditor.get(page).status_code == 403
    assert auditor.post(f"{LIST}{row.pk}/change/", {"action": "nothing.happened"}).status_code == 403


def test_the_page_of_a_row_names_each_thing_once_and_leads_to_no_log_of_itself(auditor):
    booked()
    row = AuditLog.objects.get(action="appointment.booked")
    text = auditor.get(f"{LIST}{row.pk}/change/").content.decode()
    labels = re.findall(r"<label>(.+?):</label>", text)
    assert {"Who", "Id of the actor"} <= set(labels)
    assert len(set(labels)) == len(labels)
    assert "historylink" not in text


def test_rows_are_found_by_appointment_by_person_by_kind_by_outcome_and_by_day(auditor):
    one, _other = booked(), booked()
    assert listed(auditor, f"q={one.pk}") == ["appointment.booked"]
    assert listed(auditor, "q=tests") == ["appointment.booked"] * 2
    assert listed(auditor, f"q={uuid.uuid4()}") == []
    assert listed(auditor, "kind=appointment") == ["appointment.booked"] * 2
    assert listed(auditor, "kind=slot") == listed(auditor, "status__exact=failure") == []
    assert listed(auditor, "day=past") == listed(auditor, "day=2020-01-01") == []
    assert listed(auditor, "day=today") == listed(auditor, "day=week") == ["appointment.booked"] * 2
