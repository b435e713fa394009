"""Numbers for Prometheus (METRICS): what all workers have done since the server was started, and how things stand now.

Nothing in them is about a patient: requests are counted by the pattern of their address, refusals by their code.
"""

import contextlib
import hmac
import os
import time
from collections.abc import Callable, Iterator
from typing import Any

from django.conf import settings
from django.db import DatabaseError, connection, transaction
from django.http import Http404, HttpRequest, HttpResponse
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from appointments.signals import appointment_booked, appointment_cancelled, appointment_rescheduled
from booking_site.api.methods import read_only
from booking_site.core.addresses import parsed
from booking_site.core.signals import figures_wanted, refused
from booking_site.monitoring.routes import method, route
from booking_site.postgres import probe

Numbers = dict[str, tuple[str, float]]  # by name: what it is, and how much

REGISTRY = CollectorRegistry()
SECONDS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10)

requests = Counter("hospital_http_requests", "Answered.", ["method", "route", "status"], registry=REGISTRY)
durations = Histogram(
    "hospital_http_request_seconds", "Until answered.", ["method", "route"], buckets=SECONDS, registry=REGISTRY
)
in_progress = Gauge(
    "hospital_http_requests_in_progress", "Being worked at.", registry=REGISTRY, multiprocess_mode="livesum"
)
appointments = Counter("hospital_appointments", "Changes that were committed.", ["change"], registry=REGISTRY)
refusals = Counter("hospital_refusals", "Operations that were refused.", ["action", "code"], registry=REGISTRY)

# How long a scrape may wait for each figure, whatever the limit of requests is.
PATIENCE = "SET LOCAL statement_timeout = '1s'"
FIGURES = {
    "hospital_database_connections": (
        "Of all databases of the server.",
        "SELECT count(*) FROM pg_stat_activity WHERE datname IS NOT NULL",
    ),
    "hospital_database_connections_max": (
        "As many as the server takes.",
        "SELECT current_setting('max_connections')::int",
    ),
    "hospital_database_lock_waits": (
        "Who waits for a lock right now.",
        "SELECT count(*) FROM pg_locks WHERE NOT granted",
    ),
    "hospital_held_seats": (
        "Held while somebody fills in a form.",
        "SELECT count(*) FROM available_slots WHERE status = 'held' AND held_until > statement_timestamp()",
    ),
}


class MetricsMiddleware:
    """Must come first: it measures all others."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response
        for change, signal in CHANGES.items():
            signal.connect(_counts(change), weak=False, dispatch_uid=f"metrics.{change}")
        refused.connect(_refused, dispatch_uid="metrics.refused")

    def __call__(self, request: HttpRequest) -> HttpResponse:
        began = time.perf_counter()
        with in_progress.track_inprogress():
            response = self.get_response(request)
        names = method(request), route(request)
        durations.labels(*names).observe(time.perf_counter() - began)
        requests.labels(*names, str(response.status_code)).inc()
        return response


CHANGES = {
    "booked": appointment_booked,
    "cancelled": appointment_cancelled,
    "rescheduled": appointment_rescheduled,
}


def _counts(change: str) -> Callable[..., None]:
    def count(**kwargs: Any) -> None:
        transaction.on_commit(appointments.labels(change).inc)

    return count


def _refused(action: str, error: Any, **kwargs: Any) -> None:
    refusals.labels(action, error.code).inc()


class Figures(Collector):
    """How things stand, asked of the database when somebody wants to know. Of one that does not answer: that."""

    def collect(self) -> Iterator[GaugeMetricFamily]:
        finding = probe.ask()
        yield GaugeMetricFamily("hospital_database_up", "Whether it answers.", finding == probe.OK)
        if finding != probe.OK:
            return
        for ask in (_figures, _of_others):
            with contextlib.suppress(DatabaseError):  # what takes too long is missing
                for name, (text, value) in _in_time(ask).items():
                    yield GaugeMetricFamily(name, text, value)


def _in_time(ask: Callable[[], Numbers]) -> Numbers:
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(PATIENCE)
        return ask()


def _figures() -> Numbers:
    figures = {}
    with connection.cursor() as cursor:
        for name, (text, query) in FIGURES.items():
            cursor.execute(query)
            figures[name] = text, cursor.fetchone()[0]
    return figures


def _of_others() -> Numbers:
    figures: Numbers = {}
    answers: list[Any] = figures_wanted.send(sender=None)
    for _receiver, more in answers:
        figures |= more
    return figures


@read_only
def page(request: HttpRequest) -> HttpResponse:
    if not _may_read(request):
        raise Http404
    registry = CollectorRegistry()
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        MultiProcessCollector(registry)
    else:
        registry.register(REGISTRY)
    registry.register(Figures())
    try:
        return HttpResponse(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)
    finally:
        if not connection.in_atomic_block:
            connection.close()  # asked for seldom, by a thread that does nothing else


def _may_read(request: HttpRequest) -> bool:
    """With the token. A local installation that has none asks for it from itself alone, and through no proxy."""
    if token := settings.METRICS_TOKEN:
        return hmac.compare_digest(request.headers.get("Authorization", "").encode(), f"Bearer {token}".encode())
    address = parsed(request.META.get("REMOTE_ADDR", ""))
    return address is not None and address.is_loopback and "X-Forwarded-For" not in request.headers
