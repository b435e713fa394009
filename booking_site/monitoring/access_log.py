"""A line of the log for each request (ACCESS_LOG): what was asked for by pattern, how it went, how long it took, which
app asked. Who did what with which record is in the audit log."""

import logging
import time
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from booking_site.monitoring.routes import method, route

logger = logging.getLogger("booking_site.access")


class AccessLogMiddleware:
    """Must come first: it measures all others."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        began = time.perf_counter()
        response = self.get_response(request)
        fields = {
            "method": method(request),
            "route": route(request),
            "status": response.status_code,
            "duration_ms": round((time.perf_counter() - began) * 1000, 1),
            "client": getattr(getattr(request, "auth", None), "client_id", "-"),
        }
        logger.info(" ".join(["%s"] * len(fields)), *fields.values(), extra={"fields": fields, "request": request})
        return response
