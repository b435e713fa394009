"""Who needs a second factor, and whether the session at hand has seen one."""

from typing import Any

from allauth.mfa.models import Authenticator
from django.conf import settings
from django.http import HttpRequest

from booking_site.core.permissions import roles_of

PASSED = "second_factor_of"  # in a session: whose second factor it has seen
ADMINISTRATOR = "Administrator"


def is_required(user: Any) -> bool:
    """By role, as MFA_ROLES says. Superusers may do all that administrators may."""
    if user.is_superuser:
        return ADMINISTRATOR in settings.MFA_ROLES
    return bool(settings.MFA_ROLES) and not roles_of(user).isdisjoint(settings.MFA_ROLES)


def is_missing(request: HttpRequest) -> bool:
    """The signed-in person needs one, and the session has not seen it. Costs no query where the permissions of the
    person are known, or asked for next."""
    user = request.user
    return user.is_authenticated and not has_passed(request) and is_required(user)


def has_passed(request: HttpRequest) -> bool:
    return request.session.get(PASSED) == str(request.user.pk)


def passed(request: HttpRequest, user: Any) -> None:
    request.session[PASSED] = str(user.pk)


def factors_of(user: Any) -> Any:
    """The factors proper: recovery codes only stand in for one of them."""
    return Authenticator.objects.filter(user=user).exclude(type=Authenticator.Type.RECOVERY_CODES)


def may_go(authenticator: Authenticator) -> bool:
    """Whether the person may do without this factor."""
    others = factors_of(authenticator.user).exclude(pk=authenticator.pk)
    return others.exists() or not is_required(authenticator.user)
