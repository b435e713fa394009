"""The pages of signing in: the library's steps, in the frame of the console."""

from typing import Any

from allauth.account.utils import perform_login
from allauth.account.views import ReauthenticateView
from allauth.mfa.base.views import AuthenticateView, IndexView
from allauth.mfa.base.views import ReauthenticateView as CodeAgainView
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.views import GenerateRecoveryCodesView, ViewRecoveryCodesView
from allauth.mfa.totp.views import ActivateTOTPView, DeactivateTOTPView
from allauth.mfa.webauthn.views import AddWebAuthnView, ReauthenticateWebAuthnView, RemoveWebAuthnView
from allauth.usersessions.models import UserSession
from django.conf import settings
from django.contrib import admin, messages
from django.contrib.auth.decorators import login_required
from django.contrib.auth.views import LoginView, PasswordChangeView
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse, reverse_lazy
from django.utils.decorators import method_decorator
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.generic import TemplateView

from booking_site.accounts import second_factor
from booking_site.accounts.ending import end_sessions, password_changed
from booking_site.accounts.forms import NewKeyForm, OwnPasswordForm
from booking_site.accounts.sessions import seen_at
from booking_site.core.actor import actor_of
from booking_site.core.wallclock import moment_label


class SignInView(LoginView):
    """Name and password. The library leads on to the second factor, and signs in when all is passed."""

    def form_valid(self, form: Any) -> HttpResponse:
        return perform_login(self.request, form.get_user(), redirect_url=self.get_success_url())

    def form_invalid(self, form: Any) -> HttpResponse:
        return refused(super().form_invalid(form), form)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(**kwargs) | {"provider": settings.OIDC_ISSUER and settings.OIDC_NAME}


class OwnPasswordView(PasswordChangeView):
    """Whoever has changed their password is signed in here, and nowhere else."""

    form_class = OwnPasswordForm
    template_name = "registration/password_change_form.html"

    def form_valid(self, form: Any) -> HttpResponse:
        with transaction.atomic():
            response = super().form_valid(form)
            password_changed(self.request, form.user)
        return response

    def form_invalid(self, form: Any) -> HttpResponse:
        return refused(super().form_invalid(form), form)


def refused(response: HttpResponse, form: Any) -> HttpResponse:
    """The answer to a try that was not looked at: 429, and when to come back."""
    locked_out = getattr(form, "locked_out", None)
    if locked_out is not None:
        response.status_code = 429
        response["Retry-After"] = str(locked_out.seconds)
    return response


class Framed:
    """In the frame of the console, and kept by no browser."""

    title: Any
    request: HttpRequest

    @method_decorator(never_cache)
    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        return super().dispatch(request, *args, **kwargs)  # type: ignore[misc]

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context = super().get_context_data(**kwargs)  # type: ignore[misc]
        return {**admin.site.each_context(self.request), **context, "title": self.title}

    def form_invalid(self, form: Any) -> HttpResponse:
        return refused(super().form_invalid(form), form)  # type: ignore[misc]


class ConfirmView(Framed, AuthenticateView):
    """The second step of a sign-in."""

    template_name = "accounts/confirm.html"
    title = gettext_lazy("Second factor")

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        factors = second_factor.factors_of(self.stage.login.user)
        has_key = factors.filter(type=Authenticator.Type.WEBAUTHN).exists()
        return super().get_context_data(**kwargs) | {"has_key": has_key}


class SecondFactorView(Framed, IndexView):
    template_name = "accounts/second_factor.html"
    title = gettext_lazy("Signing in")

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        shown = super().get_context_data(**kwargs)
        codes = shown["authenticators"].get(Authenticator.Type.RECOVERY_CODES)
        return shown | {
            "factors": second_factor.factors_of(self.request.user).order_by("pk"),
            "codes_left": len(codes.get_unused_codes()) if codes else None,
            "is_required": second_factor.is_required(self.request.user),
            "is_missing": second_factor.is_missing(self.request),
        }


class AddFactor(Framed):
    """Whoever has just set a factor up has shown it."""

    def form_valid(self, form: Any) -> HttpResponse:
        with transaction.atomic():
            response = super().form_valid(form)  # type: ignore[misc]
        second_factor.passed(self.request, self.request.user)
        return response


class AddAppView(AddFactor, ActivateTOTPView):
    template_name = "accounts/add_app.html"
    title = gettext_lazy("Set up an authenticator app")


class AddKeyView(AddFactor, AddWebAuthnView):
    template_name = "accounts/add_key.html"
    title = gettext_lazy("Add a security key")

    def get_form_class(self) -> type[NewKeyForm]:
        return NewKeyForm


class RemoveFactor(Framed):
    template_name = "accounts/remove.html"
    success_url = reverse_lazy("mfa_index")

    def form_valid(self, form: Any) -> HttpResponse:
        with transaction.atomic():
            return super().form_valid(form)  # type: ignore[misc]


class RemoveAppView(RemoveFactor, DeactivateTOTPView):
    title = gettext_lazy("Remove the authenticator app")


class RemoveKeyView(RemoveFactor, RemoveWebAuthnView):
    title = gettext_lazy("Remove a security key")

    def form_valid(self, form: Any) -> HttpResponse:
        if not second_factor.may_go(self.object):
            raise PermissionDenied(_("Your role needs a second factor: add another before you remove this one."))
        return super().form_valid(form)


class CodesView(Framed, ViewRecoveryCodesView):
    template_name = "accounts/codes.html"
    title = gettext_lazy("Recovery codes")


class NewCodesView(Framed, GenerateRecoveryCodesView):
    template_name = "accounts/new_codes.html"
    title = gettext_lazy("New recovery codes")

    def form_valid(self, form: Any) -> HttpResponse:
        with transaction.atomic():
            return super().form_valid(form)


class PasswordAgainView(Framed, ReauthenticateView):
    template_name = "accounts/again.html"
    title = gettext_lazy("Confirm that it is you")


class CodeAgain(Framed, CodeAgainView):
    template_name = "accounts/again.html"
    title = gettext_lazy("Confirm that it is you")


class KeyAgainView(Framed, ReauthenticateWebAuthnView):
    template_name = "accounts/again.html"
    title = gettext_lazy("Confirm that it is you")

    def form_invalid(self, form: Any) -> HttpResponse:
        """The page anew: the key is asked with another challenge."""
        for error in form.errors.get("credential", []):
            messages.error(self.request, error)
        return HttpResponseRedirect(self.request.get_full_path())


@method_decorator(login_required, name="dispatch")
class SessionsView(Framed, TemplateView):
    """Where one is signed in. One session is ended, or all but this one."""

    template_name = "accounts/sessions.html"
    title = gettext_lazy("Where you are signed in")

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        living = UserSession.objects.purge_and_list(self.request.user)
        shown = [(session, moment_label(session.created_at), moment_label(seen_at(session))) for session in living]
        return super().get_context_data(**kwargs) | {"living": shown}

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        others = UserSession.objects.filter(user=request.user).exclude(session_key=request.session.session_key)
        asked = request.POST.get("session", "")
        if asked != "others":
            others = others.filter(pk=int(asked) if asked.isascii() and asked.isdigit() and len(asked) < 19 else 0)
        if count := end_sessions(actor_of(request), request.user, list(others)):
            messages.success(request, _("Ended: %d.") % count)
        return HttpResponseRedirect(reverse("usersessions_list"))
