"""What Django itself answers when something is wrong: a problem document for programs, a plain page for people."""

import sys
from collections.abc import Callable

from django.contrib import admin
from django.contrib.sessions.exceptions import SessionInterrupted
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from booking_site.api.errors import problem_response
from booking_site.console.signing_in import go_on
from booking_site.core.errors import DATABASE_ERRORS, from_database

TITLES = {
    400: gettext_lazy("Bad request"),
    403: gettext_lazy("Not allowed"),
    404: gettext_lazy("Not found"),
    409: gettext_lazy("Not possible right now"),
    500: gettext_lazy("Something went wrong"),
    503: gettext_lazy("Not reachable right now"),
}


def respond(request: HttpRequest, *, status: int, code: str, detail: str) -> HttpResponse:
    if request.path.startswith(("/api/", "/oauth/", "/health")) or "text/html" not in request.headers.get("Accept", ""):
        return problem_response(request, status=status, code=code, detail=detail)
    page = {"title": TITLES[status], "detail": detail, "request_id": getattr(request, "request_id", "")}
    return HttpResponse(render_to_string("error.html", page), status=status)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """A session that cannot be saved is one that somebody has ended, for Django, also where the database is away."""
    if isinstance(exception, SessionInterrupted) and (answer := _outside_of_pages(request, exception)):
        return answer
    return respond(request, status=400, code="bad_request", detail=_("The request cannot be understood."))


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    detail = str(exception) or _("Your account may not do this.")
    return respond(request, status=403, code="not_allowed", detail=detail)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """A form of ours that is older than the last sign-in is sent again with one click, and nothing typed is lost. The
    browser says that it is ours: ``Origin`` cannot be forged by a page from elsewhere."""
    ours = f"{request.scheme}://{request.get_host()}"
    if (
        request.headers.get("Origin") == ours
        and request.path.startswith(reverse("admin:index"))
        and request.path != reverse("admin:login")
    ):
        return go_on(admin.site, request)
    detail = _("The form has expired or came from elsewhere. Go back, load the page again and repeat.")
    return respond(request, status=403, code="csrf_failed", detail=detail)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    return respond(request, status=404, code="not_found", detail=_("There is nothing at this address."))


def server_error(request: HttpRequest) -> HttpResponse:
    if answer := _outside_of_pages(request, sys.exc_info()[1]):
        return answer
    detail = _("Something went wrong on our side. It has been logged under the request id.")
    return respond(request, status=500, code="internal_error", detail=detail)


class DatabaseErrorMiddleware:
    """A page that meets a lock or a database that is away answers 409 or 503 with Retry-After, like the API."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        return database_error(request, exception)


def _outside_of_pages(request: HttpRequest, error: BaseException | None) -> HttpResponse | None:
    """The answer to what has met the database before or after the page, where no middleware is told."""
    while error is not None:
        if isinstance(error, DATABASE_ERRORS) and (answer := database_error(request, error)):
            return answer
        error = error.__cause__ or error.__context__
    return None


def database_error(request: HttpRequest, exception: Exception) -> HttpResponse | None:
    """The answer to an error of the database that passes; None to any other."""
    error = from_database(exception) if isinstance(exception, DATABASE_ERRORS) else None
    if error is None:
        return None
    response = respond(request, status=error.status_code, code=error.code, detail=error.detail)
    if error.retry_after is not None:
        response["Retry-After"] = str(error.retry_after)
    return response
