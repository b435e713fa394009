"""Ending sessions and taking factors away: of oneself, or of somebody else by an administrator. What a new password
ends."""

from collections.abc import Collection
from typing import Any

from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount
from allauth.usersessions.adapter import get_adapter
from allauth.usersessions.models import UserSession
from django.contrib.auth.models import User
from django.db import transaction
from django.http import HttpRequest

from booking_site.accounts import guard, signals
from booking_site.core.actor import Actor, actor_of
from booking_site.core.signals import record_saved


@transaction.atomic
def end_sessions(actor: Actor, user: Any, sessions: Collection[UserSession]) -> int:
    """Whoever works in one of them is signed out at once."""
    get_adapter().end_sessions(sessions)
    if sessions:
        signals.sessions_ended.send(sender=UserSession, actor=actor, user=user, count=len(sessions))
    return len(sessions)


def end_all_sessions(actor: Actor, user: Any, but: str | None = None) -> int:
    """``but``: the key of the one that goes on."""
    living = UserSession.objects.purge_and_list(user)
    return end_sessions(actor, user, [session for session in living if session.session_key != but])


@transaction.atomic
def remove_factors(actor: Actor, user: Any) -> int:
    """All of them, recovery codes and links to the provider too, and every session: whoever has the lost device may be
    in one."""
    factors = [*Authenticator.objects.filter(user=user), *SocialAccount.objects.filter(user=user)]
    for factor in factors:
        factor.delete()
    end_all_sessions(actor, user)
    return len(factors)


def password_changed(request: HttpRequest, user: Any) -> None:
    """By oneself or by an administrator: from now on the user is signed in nowhere but in the session that did it. What
    failed before is forgotten."""
    actor = actor_of(request)
    changes = {"password": ("***", "***")}
    record_saved.send(sender=User, actor=actor, instance=user, changes=changes, created=False)
    request.session.save()  # it has a new key
    UserSession.objects.create_from_request(request)
    end_all_sessions(actor, user, but=request.session.session_key)
    guard.forget(user)
