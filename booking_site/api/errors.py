"""Every error of the API is a problem document (RFC 9457), made here and nowhere else."""

import logging
import math
from http import HTTPStatus
from typing import Any

import orjson
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.encoding import escape_uri_path
from rest_framework import exceptions
from rest_framework.response import Response

from booking_site.core import signals
from booking_site.core.actor import actor_of
from booking_site.core.errors import DATABASE_ERRORS, Busy, DomainError, PreconditionFailed, Unavailable, from_database

STALE = "It has changed since you read it. Read it again, then repeat your change."
CONTENT_TYPE = "application/problem+json"
logger = logging.getLogger(__name__)


def problem(
    *, status: int, code: str, detail: str, instance: str, errors: list[dict[str, str]] | None = None
) -> dict[str, Any]:
    """The document. ``type`` is about:blank, so ``title`` is the phrase of the status; programs go by ``code``."""
    return {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "code": code,
        "instance": escape_uri_path(instance),
        "errors": errors or [],
    }


def problem_response(request: HttpRequest, *, status: int, code: str, detail: str) -> HttpResponse:
    """A problem outside DRF: middleware, unknown addresses, crashes."""
    body = problem(status=status, code=code, detail=detail, instance=request.path)
    return HttpResponse(orjson.dumps(body), status=status, content_type=CONTENT_TYPE)


def exception_handler(error: Exception, context: dict[str, Any]) -> Response | None:
    """DRF's hook. None for what is a bug of ours: it becomes a logged 500 without a trace for the client."""
    request = context["request"]
    headers: dict[str, str] = {}
    if isinstance(error, DATABASE_ERRORS):
        translated = from_database(error)
        if translated is None:
            return None
        error = translated
        if isinstance(error, Busy) and request.method == "GET":
            error = Unavailable("The answer took too long. Ask for less, or try again in a moment.")
    if isinstance(error, DomainError):
        status, code, detail, errors = error.status_code, error.code, error.detail, error.errors
        if isinstance(error, PreconditionFailed):
            detail = STALE
        if error.retry_after is not None:
            headers["Retry-After"] = str(error.retry_after)
    else:
        if isinstance(error, Http404):
            error = exceptions.NotFound()
        elif isinstance(error, PermissionDenied):
            error = exceptions.PermissionDenied()
        if not isinstance(error, exceptions.APIException):
            return None
        status, code, detail, errors = _from_drf(error)
        if (challenge := getattr(error, "auth_header", None)) is not None:
            headers["WWW-Authenticate"] = f'{challenge}, error="{code}"' if code == "invalid_token" else challenge
        if (wait := getattr(error, "wait", None)) is not None:
            headers["Retry-After"] = str(math.ceil(wait))
        if status in (401, 403, 404):
            _announce(context["view"], request, status, code)
    body = problem(status=status, code=code, detail=detail, instance=request.path, errors=errors)
    return Response(body, status=status, headers=headers, content_type=CONTENT_TYPE)


def _announce(view: Any, request: Any, status: int, code: str) -> None:
    """Tell who was refused. What is out of somebody's reach is told of as what is nowhere is: neither takes longer."""
    actor = actor_of(request)
    if status == 404:
        if actor.reach.is_everything or code == "invalid_page":
            return
        code = "out_of_reach"
    signals.access_denied.send(sender=type(view), actor=actor, method=request.method, path=request.path, code=code)


def _from_drf(error: exceptions.APIException) -> tuple[int, str, str, list[dict[str, str]]]:
    if isinstance(error, exceptions.ValidationError):
        errors = list(_flatten(error.detail))
        detail = "; ".join(f"{e['field']}: {e['detail']}" if e["field"] else e["detail"] for e in errors[:3])
        code = errors[0]["code"] if len(errors) == 1 and not errors[0]["field"] else "invalid"
        return error.status_code, code, detail, errors
    return error.status_code, str(error.get_codes()), str(error.detail), []


def _flatten(detail: Any, path: str = "") -> Any:
    if isinstance(detail, dict):
        for name, inner in detail.items():
            name = "" if name == "non_field_errors" else str(name)
            yield from _flatten(inner, ".".join(filter(None, [path, name])))
    elif isinstance(detail, list):
        for inner in detail:
            yield from _flatten(inner, path)
    else:
        yield {"field": path, "code": getattr(detail, "code", None) or "invalid", "detail": str(detail)}
