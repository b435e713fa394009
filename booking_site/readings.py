"""Nobody is shown a patient's data unless it has been written down who was."""

import logging
from collections.abc import Callable

from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _

from booking_site.core import shown
from booking_site.errorpages import respond

RETRY_AFTER = "2"  # seconds
logger = logging.getLogger(__name__)


class ShownMiddleware:
    """Announces what the answer shows, before it is sent; when that fails, 503 is sent instead.

    Must come last: next to the page. A redirect shows nothing, nor does an error of ours; "not modified" confirms what
    somebody has already, and the page that gives it says whether that is to be told.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if response.status_code >= 500 or (300 <= response.status_code < 400 and response.status_code != 304):
            return response
        try:
            shown.announce(request)
        except DatabaseError:
            logger.exception("The audit log cannot be written: what it would tell of is not shown.")
            detail = _("What you asked for cannot be shown at the moment: the audit log cannot be written. Try again.")
            response = respond(request, status=503, code="unavailable", detail=detail)
            response["Retry-After"] = RETRY_AFTER
        return response
