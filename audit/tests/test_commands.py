"""What commands leave in the log: the command, and the user of the operating system who has started it."""

import os
import pwd
from datetime import timedelta

import pytest
from django.contrib.auth.management.commands import changepassword
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import DatabaseError
from django.utils import timezone

from audit.models import AuditLog
from audit.tests.full_disk import full_disk
from booking_site.testing.factories import PASSWORD, SlotFactory, booked_before

pytestmark = pytest.mark.django_db
ME = pwd.getpwuid(os.getuid()).pw_name


def last(action: str) -> AuditLog:
    row = AuditLog.objects.filter(action=action).latest("timestamp", "seq")
    assert (row.user_kind, row.on_behalf_of) == ("command", ME)
    return row


def test_a_new_superuser_is_told_of_without_the_password(monkeypatch):
    monkeypatch.setenv("DJANGO_SUPERUSER_PASSWORD", PASSWORD)
    monkeypatch.setenv("LOGNAME", "somebody-else")
    call_command("createsuperuser", interactive=False, username="root", email="root@hospital.example", verbosity=0)
    row = last("user.created")
    assert (row.user_id, row.object_id) == ("createsuperuser", str(User.objects.get(username="root").pk))
    assert (row.details["new"]["username"], row.details["new"]["is_superuser"]) == ("root", True)
    assert PASSWORD not in str(row.details)
    assert "pbkdf2" not in str(row.details)


def test_a_password_that_is_changed_by_command_is_told_of(monkeypatch):
    user = User.objects.create_user("eva", password="something else before")
    monkeypatch.setattr(changepassword.Command, "_get_pass", lambda self, prompt="": PASSWORD)
    call_command("changepassword", "eva", verbosity=0)
    row = last("user.updated")
    assert (row.user_id, row.object_id) == ("changepassword", str(user.pk))
    assert row.details == {"old": {"password": "***"}, "new": {"password": "***"}}
    user.refresh_from_db()
    assert user.check_password(PASSWORD)
    # Outside these commands nobody listens.
    before = AuditLog.objects.count()
    User.objects.create_user("max")
    assert AuditLog.objects.count() == before


@pytest.mark.django_db(transaction=True)
def test_an_account_that_cannot_be_told_of_is_not_made(monkeypatch):
    monkeypatch.setenv("DJANGO_SUPERUSER_PASSWORD", PASSWORD)
    with full_disk(), pytest.raises(DatabaseError):
        call_command("createsuperuser", interactive=False, username="root", email="", verbosity=0)
    assert not User.objects.exists()
    call_command("createsuperuser", interactive=False, username="root", email="", verbosity=0)
    assert User.objects.exists()


def test_clearing_what_has_expired_is_told_of():
    call_command("clear_expired", verbosity=0)
    row = last("expired.cleared")
    assert row.user_id == "clear_expired"
    assert row.details == {"new": {"idempotency_keys": 0, "throttle_counts": 0, "sessions": 0, "tries": 0}}


def test_missed_appointments_are_marked_on_behalf_of_who_runs_the_command():
    visit = booked_before(SlotFactory(starts_at=timezone.now() - timedelta(hours=3)))
    call_command("mark_no_shows", after=0, verbosity=0)
    assert last("appointment.no_show").appointment_id == visit.pk
