from datetime import timedelta
from typing import Any

from allauth.usersessions.models import UserSession
from django.conf import settings
from django.contrib.sessions.models import Session
from django.core.management.base import BaseCommand
from django.utils import timezone
from oauth2_provider.models import clear_expired

from appointments.models import IdempotencyKey
from booking_site.accounts.models import SignInTries
from booking_site.api.models import ThrottleWindow


class Command(BaseCommand):
    help = (
        "Delete what has served its time: idempotency keys, counts of calls and tries, tokens, sessions. Run it daily."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        now = timezone.now()
        minute = int(now.timestamp() // 60)
        forgotten = now - timedelta(hours=settings.IDEMPOTENCY_HOURS)
        keys, _ = IdempotencyKey.objects.filter(last_used_at__lt=forgotten, created_at__lt=forgotten).delete()
        counts, _ = ThrottleWindow.objects.filter(minute__lt=minute).delete()
        sessions, _ = Session.objects.filter(expire_date__lt=now).delete()
        UserSession.objects.exclude(session_key__in=Session.objects.values("session_key")).delete()
        tries, _ = SignInTries.objects.filter(until__lt=now).delete()
        clear_expired()
        self.stdout.write(
            f"Deleted {keys} idempotency keys, {counts} throttle counts, {sessions} sessions, {tries} counts of tries."
        )
