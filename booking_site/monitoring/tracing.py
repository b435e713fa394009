"""Traces by OpenTelemetry (TRACING): a span for each request and one for each statement in it, sent by OTLP over HTTP
to where the standard variables say (OTEL_EXPORTER_OTLP_ENDPOINT and others).

The instrumentations that there are for Django and psycopg write down addresses with their queries, clients and the
messages of errors. Here nothing is written down that tells of patients: patterns, not addresses; the text of
statements, not their parameters; kinds of errors, not what they say.
"""

import os
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.db import DatabaseError
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created
from django.http import HttpRequest, HttpResponse
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanKind, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from booking_site.monitoring.routes import method, route
from booking_site.monitoring.statements import told

# Neither the message of an error nor where it was: see the log.
QUIET: dict[str, Any] = {"record_exception": False, "set_status_on_exception": False}
propagator = TraceContextTextMapPropagator()


def _tracer() -> trace.Tracer:
    service = {"service.name": os.environ.get("OTEL_SERVICE_NAME") or "hospital-booking"}
    provider = TracerProvider(resource=Resource.create(service | {"service.version": settings.VERSION}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return provider.get_tracer("booking_site")


class TracingMiddleware:
    """Must come first: all others are within its span. A trace that a client or a proxy has begun is gone on with."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response
        self.tracer = _tracer()
        connection_created.connect(self._watch, weak=False, dispatch_uid="tracing")

    def __call__(self, request: HttpRequest) -> HttpResponse:
        outer = propagator.extract({"traceparent": request.headers.get("traceparent", "")})
        with self.tracer.start_as_current_span("request", outer, SpanKind.SERVER, **QUIET) as span:
            response = self.get_response(request)
            span.update_name(f"{method(request)} {route(request)}")
            span.set_attributes(
                {
                    "http.request.method": method(request),
                    "http.route": route(request),
                    "http.response.status_code": response.status_code,
                    "request_id": getattr(request, "request_id", ""),
                }
            )
            if response.status_code >= 500:
                span.set_status(StatusCode.ERROR)
            return response

    def _watch(self, connection: BaseDatabaseWrapper, **kwargs: Any) -> None:
        if self._statement not in connection.execute_wrappers:
            connection.execute_wrappers.append(self._statement)

    def _statement(self, execute: Callable[..., Any], sql: Any, params: Any, many: bool, context: Any) -> Any:
        if not trace.get_current_span().is_recording():
            return execute(sql, params, many, context)
        text = told(sql)
        with self.tracer.start_as_current_span(text.split(" ", 1)[0], kind=SpanKind.CLIENT, **QUIET) as span:
            span.set_attributes({"db.system.name": "postgresql", "db.query.text": text})
            try:
                return execute(sql, params, many, context)
            except DatabaseError as error:
                span.set_attribute("db.response.status_code", getattr(error.__cause__, "sqlstate", None) or "")
                span.set_status(StatusCode.ERROR)
                raise
