"""What the libraries tell of signing in, told on in the words of this site."""

from typing import Any

from allauth.core import context
from allauth.mfa.models import Authenticator
from allauth.mfa.signals import authenticator_used
from allauth.socialaccount.models import SocialAccount
from django.conf import settings
from django.contrib.auth.signals import user_logged_in
from django.db.models.signals import post_delete, post_save
from django.dispatch import receiver
from django.http import HttpRequest

from booking_site.accounts import second_factor, sessions, signals
from booking_site.core.actor import Actor, actor_of, command


@receiver(user_logged_in)
def begin_session(request: HttpRequest, **kwargs: Any) -> None:
    sessions.begin(request)


@receiver(authenticator_used)
def factor_used(request: HttpRequest, user: Any, authenticator: Authenticator, **kwargs: Any) -> None:
    second_factor.passed(request, user)
    if authenticator.type == Authenticator.Type.RECOVERY_CODES:
        left = len(Authenticator.objects.get(pk=authenticator.pk).wrap().get_unused_codes())
        signals.recovery_code_used.send(sender=Authenticator, actor=_actor(), user=user, left=left)


@receiver(post_save, sender=Authenticator)
def factor_saved(instance: Authenticator, created: bool, **kwargs: Any) -> None:
    if created:
        signals.second_factor_added.send(sender=Authenticator, actor=_actor(), user=instance.user, kind=instance.type)


@receiver(post_delete, sender=Authenticator)
def factor_deleted(instance: Authenticator, **kwargs: Any) -> None:
    signals.second_factor_removed.send(sender=Authenticator, actor=_actor(), user=instance.user, kind=instance.type)


@receiver(post_delete, sender=SocialAccount)
def provider_unlinked(instance: SocialAccount, **kwargs: Any) -> None:
    signals.provider_unlinked.send(
        sender=SocialAccount, actor=_actor(), user=instance.user, provider=settings.OIDC_ISSUER
    )


def _actor() -> Actor:
    """Whoever sends the request; outside of one, a command or the shell."""
    request = context.request
    return command("shell") if request is None else actor_of(request)
