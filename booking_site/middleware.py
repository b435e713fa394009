"""What every request gets: an id, the true address of the client, a method that we have, a limit on its body."""

import ipaddress
import re
from collections.abc import Callable
from functools import cache, lru_cache

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from booking_site import logs
from booking_site.api.errors import problem_response
from booking_site.chunked import DRAIN
from booking_site.core.addresses import parsed
from booking_site.core.ids import uuid7

REQUEST_ID = re.compile(r"\A[A-Za-z0-9._-]{8,64}\Z")

Respond = Callable[[HttpRequest], HttpResponse]
Networks = tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]


class RequestContextMiddleware:
    """``request.request_id`` (the client's X-Request-ID when it looks like one) and ``request.client_address``.

    Must come first: that a request came in over HTTPS is believed of trusted proxies only.
    """

    def __init__(self, get_response: Respond) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        given = request.META.get("HTTP_X_REQUEST_ID", "")
        request.request_id = given if REQUEST_ID.match(given) else str(uuid7())  # type: ignore[attr-defined]
        request.client_address = client_address(request)  # type: ignore[attr-defined]
        if not _trusted(request.META.get("REMOTE_ADDR", "")):
            request.META.pop("HTTP_X_FORWARDED_PROTO", None)
        with logs.of_request(request.request_id):  # type: ignore[attr-defined]
            response = self.get_response(request)
        response["X-Request-ID"] = request.request_id  # type: ignore[attr-defined]
        return response


def client_address(request: HttpRequest) -> str:
    """The nearest address that is no trusted proxy. X-Forwarded-For counts only as far as trusted proxies wrote it."""
    address = request.META.get("REMOTE_ADDR", "")
    hops = [hop.strip() for hop in request.META.get("HTTP_X_FORWARDED_FOR", "").split(",") if hop.strip()]
    while hops and _trusted(address):
        address = hops.pop()
    return _kept(address)


@lru_cache(4096)
def _kept(address: str) -> str:
    return str(parsed(address) or "")


def _trusted(text: str) -> bool:
    return bool(_proxies()) and _is_within(text, _proxies())


@lru_cache(4096)
def _is_within(text: str, networks: Networks) -> bool:
    address = parsed(text)
    return address is not None and any(address in network for network in networks)


@cache
def _proxies() -> Networks:
    return tuple(ipaddress.ip_network(entry, strict=False) for entry in settings.TRUSTED_PROXIES)


class MethodMiddleware:
    """Others than those that anything here answers are refused at once: what takes a form would show its page."""

    KNOWN = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")

    def __init__(self, get_response: Respond) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.method in self.KNOWN:
            return self.get_response(request)
        detail = "There is no such method here."
        response = problem_response(request, status=405, code="method_not_allowed", detail=detail)
        response["Allow"] = ", ".join(self.KNOWN)
        return response


class BodyLimitMiddleware:
    """A body over the limit is 413, whatever reads it later."""

    def __init__(self, get_response: Respond) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        try:
            length = int(request.META.get("CONTENT_LENGTH") or 0)
        except ValueError:
            length = 0
        if length > settings.API_MAX_BODY:
            left = min(length, DRAIN)
            while left > 0 and (chunk := request.read(min(left, 65536))):
                left -= len(chunk)
            return problem_response(
                request,
                status=413,
                code="body_too_large",
                detail=f"The body is larger than the {settings.API_MAX_BODY} bytes that are accepted.",
            )
        return self.get_response(request)
