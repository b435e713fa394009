"""What piles up is cleared away, and nothing that is still needed."""

import time
from datetime import timedelta

import pytest
from allauth.usersessions.models import UserSession
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session
from django.core.management import call_command
from django.utils import timezone
from oauth2_provider.models import get_access_token_model

from appointments.models import IdempotencyKey
from booking_site.accounts.models import SignInTries
from booking_site.api.clients import issue_token, register
from booking_site.api.models import ThrottleWindow
from booking_site.testing.factories import staff

pytestmark = pytest.mark.django_db


def test_what_is_old_goes_and_what_is_needed_stays(settings):
    now, minute = timezone.now(), int(time.time() // 60)
    hours = settings.IDEMPOTENCY_HOURS
    for key, made, used in (("old", hours + 1, hours + 1), ("new", hours - 1, hours - 1), ("used", hours + 9, 1)):
        IdempotencyKey.objects.create(client="c", key=key, fingerprint="f")
        IdempotencyKey.objects.filter(key=key).update(
            created_at=now - timedelta(hours=made), last_used_at=now - timedelta(hours=used)
        )
    for past in (0, 1, 1000):
        ThrottleWindow.objects.create(client="c", minute=minute - past, requests=1)
    client, _ = register("portal", ["slots:read"])
    issue_token(client, days=1)
    issue_token(client, days=-1)
    user = staff("Reception")
    for days in (1, -1):
        session = SessionStore()
        session.create()
        Session.objects.filter(pk=session.session_key).update(expire_date=now + timedelta(days=days))
        UserSession.objects.create(user=user, session_key=session.session_key, ip="192.0.2.1")
        SignInTries.objects.create(key=f"account:{days}", tries=5, most=5, until=now + timedelta(days=days))

    call_command("clear_expired", verbosity=0)

    assert set(IdempotencyKey.objects.values_list("key", flat=True)) == {"new", "used"}
    assert ThrottleWindow.objects.get().minute >= minute  # a minute may have turned meanwhile
    assert get_access_token_model().objects.get().expires > now
    assert Session.objects.get().expire_date > now
    assert UserSession.objects.get().session_key == Session.objects.get().session_key
    assert SignInTries.objects.get().until > now
