"""Traces as a collector receives them: which requests, which statements, and nothing of patients."""

import contextlib
import gzip
import http.server
import subprocess
import sys
import threading
import time
import urllib.request

import pytest
from django.conf import settings
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from booking_site.testing.factories import PatientFactory, SlotFactory
from booking_site.testing.fixtures import serving
from booking_site.testing.racing import HttpClient

TRACE = "0af7651916cd43dd8448eb211c80319c"


class Collector(http.server.BaseHTTPRequestHandler):
    received: list[bytes]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.received.append(gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body)
        self.send_response(200)
        self.end_headers()

    def log_message(self, *args: object) -> None:
        pass


@contextlib.contextmanager
def collecting():
    handler = type("Handler", (Collector,), {"received": []})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as collector:
        threading.Thread(target=collector.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{collector.server_port}", handler.received
        collector.shutdown()


def spans_of(bodies: list[bytes]) -> list:
    return [
        span
        for body in bodies
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    ]


def attributes(span) -> dict[str, object]:
    return {pair.key: pair.value.string_value or pair.value.int_value for pair in span.attributes}


@pytest.mark.django_db(transaction=True)
def test_a_collector_gets_requests_and_statements_and_no_patients(make_token):
    patient = PatientFactory(first_name="Zebulon", last_name="Quillfeather", mrn="MRN-998877")
    slot, token = SlotFactory(), make_token()
    with collecting() as (endpoint, bodies):
        with serving(TRACING="on", OTEL_EXPORTER_OTLP_ENDPOINT=endpoint, OTEL_BSP_SCHEDULE_DELAY="100") as address:
            client = HttpClient(address, token)
            book = {"patient_id": str(patient.pk), "slot_id": str(slot.pk), "reason": "Quillfeather's knee"}
            again = {"first_name": "Zoe", "last_name": "Quillfeather", "mrn": "MRN-998877", "dob": "1980-05-17"}
            assert client.get("/api/v1/patients?search=Quillfeather", X_Request_ID="request-0003").status == 200
            parent = f"00-{TRACE}-b7ad6b7169203331-01"
            assert client.post("/api/v1/book-appointment", book, traceparent=parent).status == 201
            assert client.post("/api/v1/patients", again).status == 409  # an error of the database that quotes the row
            page = f"{address}/admin/login/?next=/admin/patients/patient/{patient.pk}/"
            assert urllib.request.urlopen(page, timeout=10).status == 200
            deadline = time.monotonic() + 10
            while len(requests := _requests(bodies)) < 4 and time.monotonic() < deadline:
                time.sleep(0.05)
    spans = spans_of(bodies)
    assert {"GET api/v1/patients", "POST api/v1/book-appointment", "POST api/v1/patients"} <= set(requests)
    assert attributes(requests["GET api/v1/patients"])["request_id"] == "request-0003"
    assert attributes(requests["POST api/v1/patients"])["http.response.status_code"] == 409
    booked = requests["POST api/v1/book-appointment"]
    assert booked.trace_id.hex() == TRACE
    within = [span for span in spans if span.trace_id == booked.trace_id and span is not booked]
    statements = [attributes(span)["db.query.text"] for span in within if "db.query.text" in attributes(span)]
    assert any(text.startswith("INSERT INTO audit_logs") for text in statements)
    assert any(attributes(span).get("db.response.status_code") == "23505" for span in spans)  # the control
    assert not any(span.events for span in spans)
    sent = b"".join(bodies)
    assert b"hospital-booking" in sent
    for secret in ("Quillfeather", "Zebulon", "998877", "1980-05-17", str(patient.pk), "127.0.0.1:", token):
        assert secret.encode() not in sent, secret


def _requests(bodies: list[bytes]) -> dict:
    return {span.name: span for span in spans_of(list(bodies)) if "http.route" in attributes(span)}


EXTRAS = ("prometheus_client", "opentelemetry", "google.protobuf", "booking_site.monitoring")
LOADED = (
    "import sys; import booking_site.gunicorn, booking_site.wsgi, booking_site.urls; "
    f"print(sorted(name for name in sys.modules if name.startswith({EXTRAS!r})))"
)


def loaded(tmp_path, **environment: str) -> set[str]:
    result = subprocess.run(
        [sys.executable, "-c", LOADED],
        env={"VAR_DIR": str(tmp_path), "PATH": ""} | environment,
        cwd=settings.BASE_DIR,
        capture_output=True,
        text=True,
        check=True,
    )
    return set(eval(result.stdout))


def test_what_is_off_is_not_imported(tmp_path):
    modest = {f"booking_site.monitoring{name}" for name in ("", ".apps", ".shared")}
    assert loaded(tmp_path) == modest
    on = loaded(tmp_path, METRICS="on", TRACING="on", ACCESS_LOG="on", SLOW_QUERY_MS="100")
    assert {"prometheus_client", "opentelemetry.sdk.trace", "booking_site.monitoring.access_log"} <= on  # the control
