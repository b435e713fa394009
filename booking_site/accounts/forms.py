"""The forms of signing in. Each try passes the guard, and each that fails is announced, once."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from allauth.core import context
from allauth.mfa.base.forms import AuthenticateForm, ReauthenticateForm
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.forms import ActivateTOTPForm
from allauth.mfa.webauthn.forms import AddWebAuthnForm, AuthenticateWebAuthnForm, ReauthenticateWebAuthnForm
from django import forms
from django.conf import settings
from django.contrib.admin.forms import AdminAuthenticationForm, AdminPasswordChangeForm
from django.contrib.auth.signals import user_login_failed
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from booking_site.accounts import guard, signals
from booking_site.core.actor import actor_of

NO_KEY_SAYS_SO = (AttributeError, KeyError, TypeError, ValueError)  # of the library, for what no browser sends
ONCE_FOR = 30 * (2 * settings.MFA_TOTP_TOLERANCE + 1)  # seconds in which a code of an app is right


class Guarded(forms.Form):
    """``locked_out`` is set when the try was refused without being looked at."""

    locked_out: guard.LockedOut | None = None

    def begin(self, request: Any, username: str, code_of: Any = None) -> guard.Try:
        try:
            return guard.begin(request, username, code_of)
        except guard.LockedOut as error:
            self.locked_out = error
            raise ValidationError(str(error), code="locked_out") from error


class SignInForm(Guarded, AdminAuthenticationForm):
    def clean(self) -> dict[str, Any]:
        username, password = self.cleaned_data.get("username"), self.cleaned_data.get("password")
        if not username or not password:
            return self.cleaned_data
        one = self.begin(self.request, username)
        try:
            cleaned = super().clean()
        except ValidationError:
            one.failed()
            raise
        one.succeeded()
        return cleaned


class OwnPasswordForm(Guarded, AdminPasswordChangeForm):
    """Whoever sits at a session that somebody has left open may not try passwords there either."""

    def clean_old_password(self) -> str:
        request, username = context.request, self.user.get_username()
        one = self.begin(request, username)
        try:
            given = super().clean_old_password()
        except ValidationError:
            user_login_failed.send(sender=type(self), credentials={"username": username}, request=request)
            one.failed()
            raise
        one.succeeded()
        return given


class SecondFactorForm(Guarded):
    user: Any

    @contextmanager
    def looked_at(self, kind: str) -> Iterator[None]:
        request = context.request
        one = self.begin(request, self.user.get_username(), code_of=self.user)
        try:
            yield
        except (ValidationError, *NO_KEY_SAYS_SO) as error:
            named = {"username": self.user.get_username()}
            user_login_failed.send(sender=type(self), credentials=named, request=request)
            signals.second_factor_refused.send(sender=type(self), actor=actor_of(request), user=self.user, kind=kind)
            one.failed()
            if kind == "code":
                raise
            raise ValidationError(_("The security key did not answer as it should.")) from error
        one.succeeded()


def code_field() -> forms.CharField:
    attributes = {"autocomplete": "one-time-code", "inputmode": "numeric", "autofocus": True}
    return forms.CharField(label=gettext_lazy("Code"), max_length=40, widget=forms.TextInput(attrs=attributes))


class OneCode(SecondFactorForm):
    """A code of an app opens once: who has looked over somebody's shoulder cannot use it again."""

    def clean_code(self) -> str:
        with self.looked_at("code"):
            code = super().clean_code()  # type: ignore[misc]
            authenticator = self.authenticator  # type: ignore[attr-defined]
            if authenticator.type == Authenticator.Type.TOTP and not _take(authenticator.user_id, code):
                raise ValidationError(_("This code has been used. Wait for the next one."), code="used_code")
        return code


class CodeForm(OneCode, AuthenticateForm):
    code = code_field()


class CodeAgainForm(OneCode, ReauthenticateForm):
    code = code_field()


class NewAppForm(ActivateTOTPForm):
    code = code_field()

    def clean_code(self) -> str:
        code = super().clean_code()
        _take(self.user.pk, code)
        return code


class OneKey(SecondFactorForm):
    def clean_credential(self) -> Any:
        with self.looked_at("key"):
            return super().clean_credential()  # type: ignore[misc]


class KeyForm(OneKey, AuthenticateWebAuthnForm):
    pass


class KeyAgainForm(OneKey, ReauthenticateWebAuthnForm):
    pass


class NewKeyForm(AddWebAuthnForm):
    name = forms.CharField(label=gettext_lazy("Name"), max_length=60, required=False)

    def clean(self) -> dict[str, Any]:
        try:
            return super().clean()
        except NO_KEY_SAYS_SO as error:
            raise ValidationError(_("The security key did not answer as it should.")) from error


def _take(user: Any, code: str) -> bool:
    return guard.take_once(f"used:{user}:{re.sub(r'[^0-9]', '', code)}", ONCE_FOR)
