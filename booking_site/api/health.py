"""Is it up? For load balancers, orchestrators and people. No authentication, nothing to learn from."""

from django.conf import settings
from django.db import DatabaseError, connection
from django.http import HttpRequest, JsonResponse

from booking_site.api.methods import read_only


@read_only
def live(request: HttpRequest) -> JsonResponse:
    """The process answers."""
    return JsonResponse({"status": "ok", "version": settings.VERSION})


@read_only
def ready(request: HttpRequest) -> JsonResponse:
    """The process can do its work: the database answers. 503 when it does not."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
        body = {"status": "unavailable", "database": "unavailable", "version": settings.VERSION}
        return JsonResponse(body, status=503, headers={"Retry-After": "2"})
    return JsonResponse({"status": "ok", "database": "ok", "version": settings.VERSION})
