from datetime import datetime, timedelta
from typing import Any

from allauth.usersessions.models import UserSession
from django.conf import settings
from django.contrib.sessions.models import Session
from django.core.management.base import BaseCommand
from django.db import transaction
from django.utils import timezone
from oauth2_provider.models import clear_expired

from appointments.models import IdempotencyKey
from booking_site.accounts.models import SignInTries
from booking_site.api.models import ThrottleWindow
from booking_site.core import signals
from booking_site.core.actor import command


class Command(BaseCommand):
    help = (
        "Delete what has served its time: idempotency keys, counts of calls and tries, tokens, sessions. Run it daily."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        with transaction.atomic():
            deleted = _delete(timezone.now())
            signals.records_cleared.send(sender=Command, actor=command("clear_expired"), counts=deleted)
        self.stdout.write(
            f"Deleted {deleted['idempotency_keys']} idempotency keys, {deleted['throttle_counts']} throttle counts, "
            f"{deleted['sessions']} sessions, {deleted['tries']} counts of tries."
        )


def _delete(now: datetime) -> dict[str, int]:
    forgotten = now - timedelta(hours=settings.IDEMPOTENCY_HOURS)
    keys, _ = IdempotencyKey.objects.filter(last_used_at__lt=forgotten, created_at__lt=forgotten).delete()
    counts, _ = ThrottleWindow.objects.filter(minute__lt=int(now.timestamp() // 60)).delete()
    sessions, _ = Session.objects.filter(expire_date__lt=now).delete()
    UserSession.objects.exclude(session_key__in=Session.objects.values("session_key")).delete()
    tries, _ = SignInTries.objects.filter(until__lt=now).delete()
    clear_expired()
    return {"idempotency_keys": keys, "throttle_counts": counts, "sessions": sessions, "tries": tries}
