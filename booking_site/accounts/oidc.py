"""Signing in through the hospital's OpenID Connect provider (OIDC_ISSUER). It proves who somebody is, and no more: the
account and its roles are here already, and the second factor is asked for here.

The first time the provider's claim OIDC_MATCH says whose account it is: the username, or an e-mail address that the
provider has verified. From then on the provider's own key of the person (``sub``) does, and no claim changes it.
"""

from typing import Any

import requests
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from allauth.socialaccount.internal import jwtkit
from allauth.socialaccount.models import SocialAccount, SocialApp
from allauth.socialaccount.providers.oauth2.client import OAuth2Error
from allauth.socialaccount.providers.oauth2.views import OAuth2CallbackView, OAuth2LoginView
from allauth.socialaccount.providers.openid_connect.views import OpenIDConnectOAuth2Adapter
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.models import User
from django.contrib.auth.signals import user_login_failed
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _

from booking_site.accounts import signals
from booking_site.core.actor import actor_of

NOT_AN_ANSWER = (requests.RequestException, OAuth2Error, KeyError, ValueError, TypeError)


class ProviderAdapter(DefaultSocialAccountAdapter):
    def is_open_for_signup(self, request: HttpRequest, sociallogin: Any) -> bool:
        return False

    def pre_social_login(self, request: HttpRequest, sociallogin: Any) -> None:
        account = sociallogin.account
        claims, account.extra_data = _claims(account.extra_data), {}
        if sociallogin.is_existing:
            user = sociallogin.user
            account.save(update_fields=["extra_data"])  # nothing of it is kept
        else:
            user = _user_named_by(claims)
        if user is None or not (user.is_active and user.is_staff) or _is_somebody_elses(account, user):
            raise _refused(request, str(claims.get(_claim_name(), "")))
        with transaction.atomic():
            known = {"actor": actor_of(request), "user": user, "provider": settings.OIDC_ISSUER}
            if not sociallogin.is_existing:
                sociallogin.connect(request, user)
                signals.provider_linked.send(sender=SocialAccount, **known)
            signals.provider_used.send(sender=SocialAccount, **known)

    def on_authentication_error(self, request: HttpRequest, provider: Any, *args: Any, **kwargs: Any) -> None:
        raise ImmediateHttpResponse(_not_answered(request))


class VerifyingAdapter(OpenIDConnectOAuth2Adapter):
    """The library believes what comes over TLS; here the issuer and the signature are checked all the same."""

    @property
    def openid_config(self) -> Any:
        config = super().openid_config
        if str(config["issuer"]).rstrip("/") != settings.OIDC_ISSUER:
            raise OAuth2Error("Another issuer than OIDC_ISSUER.")
        return config

    def _decode_id_token(self, app: Any, id_token: str) -> dict[str, Any]:
        return jwtkit.verify_and_decode(
            credential=id_token,
            keys_url=self.openid_config["jwks_uri"],
            issuer=self.openid_config["issuer"],
            audience=app.client_id,
            lookup_kid=jwtkit.lookup_kid_jwk,
        )


def login(request: HttpRequest, provider_id: str) -> HttpResponse:
    if request.method != "GET" or "process" in request.GET:
        raise Http404
    return _run(OAuth2LoginView, request, provider_id)


def callback(request: HttpRequest, provider_id: str) -> HttpResponse:
    return _run(OAuth2CallbackView, request, provider_id)


def _run(view: Any, request: HttpRequest, provider_id: str) -> HttpResponse:
    try:
        return view.adapter_view(VerifyingAdapter(request, provider_id))(request)
    except SocialApp.DoesNotExist as error:
        raise Http404 from error
    except NOT_AN_ANSWER:
        return _not_answered(request)


def _claims(data: dict[str, Any]) -> dict[str, Any]:
    """What the provider says, of one and the same person (OpenID Connect Core, 5.3.2)."""
    token, info = data.get("id_token"), data.get("userinfo")
    if not isinstance(token, dict) or not isinstance(info, dict) or token["sub"] != info["sub"]:
        raise OAuth2Error("The answers of the provider are not of one person.")
    return token | info


def _claim_name() -> str:
    return {"username": "preferred_username", "email": "email"}[settings.OIDC_MATCH]


def _user_named_by(claims: dict[str, Any]) -> User | None:
    value = claims.get(_claim_name())
    if not isinstance(value, str) or not value or "\x00" in value:
        return None
    if settings.OIDC_MATCH == "username":
        return User.objects.filter(username=value).first()
    if claims.get("email_verified") is not True:
        return None
    found = User.objects.filter(email__iexact=value)[:2]
    return found[0] if len(found) == 1 else None


def _is_somebody_elses(account: SocialAccount, user: User) -> bool:
    """Whether the user is linked to another person of the provider: who got the name of somebody who has left."""
    return SocialAccount.objects.filter(user=user, provider=account.provider).exclude(uid=account.uid).exists()


def _refused(request: HttpRequest, claim: str) -> ImmediateHttpResponse:
    user_login_failed.send(sender=ProviderAdapter, credentials={"username": claim}, request=request)
    text = _("%s knows you, but no account here is yours. Ask an administrator.") % settings.OIDC_NAME
    messages.error(request, text)
    return ImmediateHttpResponse(HttpResponseRedirect(reverse("admin:login")))


def _not_answered(request: HttpRequest) -> HttpResponse:
    text = _("%s did not confirm who you are. Try again, or sign in with your password.") % settings.OIDC_NAME
    messages.error(request, text)
    return HttpResponseRedirect(reverse("admin:login"))
