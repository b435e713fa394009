"""What an administrator does for somebody who has lost a device: end their sessions, take their second factors away."""

from collections.abc import Callable
from typing import Any

from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount
from allauth.usersessions.models import UserSession
from django import forms
from django.contrib import messages
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from booking_site.accounts.ending import end_all_sessions, remove_factors
from booking_site.core.actor import Actor, actor_of


def end_sessions_page(model_admin: Any, request: HttpRequest, user_id: int) -> HttpResponse:
    def note(user: User) -> str:
        number = len(UserSession.objects.purge_and_list(user))
        return ngettext(
            "%(user)s is signed in in %(number)d place. What is typed there and not yet sent is lost.",
            "%(user)s is signed in in %(number)d places. What is typed there and not yet sent is lost.",
            number,
        ) % {"user": user, "number": number}

    return _page(model_admin, request, user_id, _("End all sessions"), note, end_all_sessions)


def remove_factors_page(model_admin: Any, request: HttpRequest, user_id: int) -> HttpResponse:
    def note(user: User) -> str:
        factors = [str(factor) for factor in Authenticator.objects.filter(user=user).order_by("pk")]
        factors += [account.provider for account in SocialAccount.objects.filter(user=user)]
        shown = ", ".join(factors) or _("none")
        return _(
            "Second factors, recovery codes and links to another provider of %(user)s: %(factors)s. They are all taken "
            "away, and every session ends. Be sure who asks you for it: from then on the password alone opens the "
            "account, until a new second factor is set up."
        ) % {"user": user, "factors": shown}

    return _page(model_admin, request, user_id, _("Remove second factors"), note, remove_factors)


def _page(
    model_admin: Any,
    request: HttpRequest,
    user_id: int,
    title: str,
    note: Callable[[User], str],
    act: Callable[[Actor, User], int],
) -> HttpResponse:
    """For those who may change the user. One's own are on a page of one's own, which asks for the password."""
    if not model_admin.has_change_permission(request):
        raise PermissionDenied
    user = model_admin.get_object(request, str(user_id))
    if user is None:
        return model_admin.not_found(request)
    if user == request.user or not model_admin.has_change_permission(request, user):
        raise PermissionDenied
    form = forms.Form(request.POST if request.method == "POST" else None)
    back = reverse("admin:auth_user_change", args=[user.pk])
    if form.is_valid():
        number = act(actor_of(request), user)
        messages.success(request, _("%(title)s: %(number)d.") % {"title": title, "number": number})
        return HttpResponseRedirect(back)
    shown = {
        "title": title,
        "button": title,
        "came_from": back,
        "form": form,
        "explanation": note(user),
        "user_concerned": user,
    }
    return model_admin.form_page(request, template="accounts/help.html", **shown)
