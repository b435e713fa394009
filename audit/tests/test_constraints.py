import pytest

from booking_site.testing.constraints import accepted, refused_by

pytestmark = pytest.mark.django_db


def test_an_outcome_is_one_of_three():
    row = """
    INSERT INTO audit_logs (id, timestamp, action, status, user_id, user_kind, user_name, on_behalf_of, object_type,
        object_id, request_id, address, details)
    VALUES (gen_random_uuid(), now(), 'x', %s, '', 'command', '', '', '', '', '', '', '{}')
    """
    assert refused_by(row, "maybe") == "audit_status_known"
    for status in ("success", "failure", "denied"):
        accepted(row, status)
