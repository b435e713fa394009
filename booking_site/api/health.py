"""Is it up? For load balancers, orchestrators and people. No authentication, nothing to learn from."""

from django.conf import settings
from django.http import HttpRequest, JsonResponse

from booking_site.api.methods import read_only
from booking_site.postgres import probe


@read_only
def live(request: HttpRequest) -> JsonResponse:
    """The process answers."""
    return JsonResponse({"status": "ok", "version": settings.VERSION})


@read_only
def ready(request: HttpRequest) -> JsonResponse:
    """The process can do its work: the database answers. 503 within two seconds when it does not, and how it does not:
    ``unavailable``, ``slow`` or ``exhausted``."""
    finding = probe.ask()
    if finding != probe.OK:
        body = {"status": "unavailable", "database": finding, "version": settings.VERSION}
        return JsonResponse(body, status=503, headers={"Retry-After": "2"})
    return JsonResponse({"status": "ok", "database": "ok", "version": settings.VERSION})
