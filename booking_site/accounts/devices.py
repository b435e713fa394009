"""Devices on which somebody has signed in before: a signed cookie says so. It opens nothing by itself; but tries from
such a device are counted apart from those of strangers, so nobody else's failures keep its people out."""

import secrets
from typing import Any

from django.conf import settings
from django.core import signing
from django.http import HttpRequest, HttpResponse
from django.utils.crypto import salted_hmac

SALT = "booking_site.accounts.devices"
AGE = 90 * 24 * 3600  # seconds
PEOPLE = 30  # of one device, the last that signed in


def name_key(username: str) -> str:
    """A username as it is kept: nobody can read it back, and passwords are typed into the wrong field."""
    return salted_hmac(SALT, username.strip().casefold(), algorithm="sha256").hexdigest()[:32]


def known_device(request: HttpRequest, username: str) -> str:
    """The id of the device, if this person has signed in on it before; else the empty string."""
    device, people = _read(request)
    return device if name_key(username) in people else ""


def remember(request: HttpRequest, username: str) -> None:
    """The device is this person's from now on; the middleware gives the cookie to the answer."""
    device, people = _read(request)
    key = name_key(username)
    people = [key, *(other for other in people if other != key)][:PEOPLE]
    request.device_cookie = signing.dumps([device or secrets.token_hex(16), people], salt=SALT)  # type: ignore[attr-defined]


def give(request: HttpRequest, response: HttpResponse) -> None:
    value = getattr(request, "device_cookie", None)
    if value is not None:
        response.set_cookie(
            settings.DEVICE_COOKIE_NAME,
            value,
            max_age=AGE,
            secure=settings.SESSION_COOKIE_SECURE,
            httponly=True,
            samesite="Lax",
        )


def _read(request: HttpRequest) -> tuple[str, list[Any]]:
    try:
        device, people = signing.loads(request.COOKIES.get(settings.DEVICE_COOKIE_NAME, ""), salt=SALT, max_age=AGE)
    except (signing.BadSignature, ValueError, TypeError):
        return "", []
    return device, people
