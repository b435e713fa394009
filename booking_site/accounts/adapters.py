"""What the sign-in library asks of this site: nobody registers, addresses are those that our proxies vouch for, secrets
of authenticator apps are stored encrypted."""

import base64
from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.core import context
from allauth.mfa.adapter import DefaultMFAAdapter
from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings
from django.contrib.auth import authenticate
from django.core.exceptions import ImproperlyConfigured, ValidationError
from django.http import HttpRequest
from django.utils.encoding import force_bytes
from django.utils.functional import cached_property
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _

from booking_site.accounts import devices, guard, second_factor, sessions

FRESH = 300  # seconds after a sign-in or a proof in which nobody is asked to prove themselves again


class AccountAdapter(DefaultAccountAdapter):
    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def get_client_ip(self, request: HttpRequest) -> str:
        return getattr(request, "client_address", "") or "::"

    def is_safe_url(self, url: str) -> bool:
        """Of this site, and over HTTPS if this page is."""
        request = context.request
        return url_has_allowed_host_and_scheme(url, {request.get_host()}, require_https=request.is_secure())

    def login(self, request: HttpRequest, user: Any) -> None:
        """All steps are passed."""
        super().login(request, user)
        guard.signed_in(request, user)
        devices.remember(request, user.get_username())

    def reauthenticate(self, user: Any, password: str) -> bool:
        request = context.request
        try:
            one = guard.begin(request, user.get_username())
        except guard.LockedOut as error:
            raise ValidationError(str(error), code="locked_out") from error
        if authenticate(request, username=user.get_username(), password=password) == user:
            one.succeeded()
            return True
        one.failed()
        return False

    def is_reauthentication_required(self, *, app: str, **kwargs: Any) -> bool:
        return sessions.age(context.request) > FRESH and super().is_reauthentication_required(app=app, **kwargs)


class SecondFactorAdapter(DefaultMFAAdapter):
    def get_totp_label(self, user: Any) -> str:
        return user.get_username()

    def get_totp_issuer(self) -> str:
        return self._get_site_name()

    def can_delete_authenticator(self, authenticator: Any) -> bool:
        return second_factor.may_go(authenticator)

    def encrypt(self, text: str) -> str:
        return self._keys.encrypt(text.encode()).decode()

    def decrypt(self, encrypted_text: str) -> str:
        try:
            return self._keys.decrypt(encrypted_text.encode()).decode()
        except InvalidToken as error:
            raise ImproperlyConfigured(
                "The secret of a second factor was stored under another SECRET_KEY. Put that key back, or name it in "
                "SECRET_KEY_FALLBACKS."
            ) from error

    @cached_property
    def _keys(self) -> MultiFernet:
        """Of the secret key, and of those that it has replaced."""
        return MultiFernet([_fernet(key) for key in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)])

    def _get_site_name(self) -> str:
        return _("Hospital reception")

    def _get_user_identifier(self, user: Any) -> str:
        return user.get_username()


def _fernet(key: str | bytes) -> Fernet:
    derived = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"booking_site.accounts.second_factor")
    return Fernet(base64.urlsafe_b64encode(derived.derive(force_bytes(key))))
