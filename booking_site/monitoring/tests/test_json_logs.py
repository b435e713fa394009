"""Logs as JSON: a line is an object, with the id of its request, and tells no more than the text does."""

import json
import logging

import psycopg
import pytest
from django.db import IntegrityError, OperationalError, connection
from django.test import Client

from booking_site import logs
from booking_site.logs import JsonFormatter, PrivateFormatter
from booking_site.server_log import ServerJsonFormatter
from booking_site.testing.factories import PatientFactory
from booking_site.testing.fixtures import test_database_url


def record_of(error: BaseException | None = None, **given) -> logging.LogRecord:
    usual = {"name": "django.request", "levelname": "ERROR", "levelno": logging.ERROR, "msg": "Failed:\n%s"}
    record = logging.makeLogRecord(usual | {"args": ("/x",)} | given)
    if error is not None:
        record.exc_info = (type(error), error, error.__traceback__)
    return record


def logged(*args, **given) -> dict:
    text = JsonFormatter().format(record_of(*args, **given))
    assert "\n" not in text
    return json.loads(text)


def test_a_line_has_what_machines_look_for():
    line = logged(created=1_700_000_000.25, process=17)
    assert line == {
        "time": "2023-11-14T22:13:20.250+00:00",
        "level": "ERROR",
        "logger": "django.request",
        "message": "Failed:\n/x",
        "process": 17,
    }


def test_what_is_logged_within_a_request_has_its_id():
    with logs.of_request("0197-abc"):
        assert logged()["request_id"] == "0197-abc"
        text = PrivateFormatter("%(request_id)s %(message)s").format(record_of(msg="Failed", args=()))
    assert text == "0197-abc Failed"
    assert "request_id" not in logged()


@pytest.mark.django_db
def test_a_row_of_the_database_is_not_logged():
    patient = PatientFactory(mrn="SECRET-18")
    with pytest.raises(IntegrityError) as caught:
        PatientFactory(mrn=patient.mrn)
    assert "SECRET-18" in str(caught.value)  # the control: the error itself tells
    line = logged(caught.value)
    assert "SECRET-18" not in json.dumps(line)
    first, last = line["errors"]
    assert (first["kind"], first["sqlstate"], first["constraint"]) == (
        "psycopg.errors.UniqueViolation",
        "23505",
        "patient_mrn_unique",
    )
    assert (last["kind"], "message" in last) == ("django.db.utils.IntegrityError", False)
    assert any("test_json_logs.py" in place for place in last["places"])


def test_what_another_handler_has_told_is_not_told_here():
    """Handlers share a record, and the text of its error: Python's own formatter leaves the whole trace there."""
    try:
        int("Love" + "lace")
    except ValueError as error:
        record = record_of(error)
    assert "Lovelace" in logging.Formatter().format(record)  # the control
    assert "Lovelace" in record.exc_text
    assert "Lovelace" not in PrivateFormatter().format(record) + JsonFormatter().format(record)


def test_a_refused_request_and_an_error_of_the_installation():
    assert logged(name="django.security.Lovelace", args=("Lovelace",))["message"] == "A request was refused."
    [told] = logged(OperationalError("Cannot connect"))["errors"]
    assert told["message"] == "Cannot connect"


def test_the_server_quotes_nothing_in_json_either():
    record = record_of(name="gunicorn.error", msg="Invalid request: %s", args=("'Lovelace'",))
    assert json.loads(ServerJsonFormatter().format(record))["message"] == "Invalid request: ..."


@pytest.fixture
def lines(settings):
    """What the access log says, as objects."""
    settings.MIDDLEWARE = ["booking_site.monitoring.access_log.AccessLogMiddleware", *settings.MIDDLEWARE]
    said: list[dict] = []
    handler = logging.Handler()
    handler.emit = lambda record: said.append(json.loads(JsonFormatter().format(record)))
    logger = logging.getLogger("booking_site.access")
    logger.addHandler(handler)
    yield said
    logger.removeHandler(handler)


@pytest.mark.django_db
def test_the_access_log_names_patterns_and_apps_and_no_patients(lines, make_token):
    patient = PatientFactory(last_name="Quillfeather")
    asked = Client(raise_request_exception=False)
    headers = {"Authorization": f"Bearer {make_token()}", "X-Request-ID": "request-0001"}
    assert asked.get("/api/v1/patients?search=Quillfeather", headers=headers).status_code == 200
    assert asked.get(f"/api/v1/patients/{patient.pk}", headers=headers).status_code == 200
    assert asked.get("/Quillfeather/").status_code == 404
    assert asked.generic("QUILLFEATHER", "/").status_code == 405
    assert [(line["method"], line["route"], line["status"]) for line in lines] == [
        ("GET", "api/v1/patients", 200),
        ("GET", "api/v1/patients/<pk>", 200),
        ("GET", "unmatched", 404),
        ("other", "unmatched", 405),
    ]
    assert lines[0]["request_id"] == lines[1]["request_id"] == "request-0001"
    assert lines[0]["client"] == lines[1]["client"] != lines[2]["client"] == "-"
    assert all(0 < line["duration_ms"] < 60_000 for line in lines)
    said = json.dumps(lines).lower()
    assert not any(secret in said for secret in ("quillfeather", str(patient.pk), "127.0.0.1", "?"))


@pytest.mark.django_db(transaction=True)
def test_a_failed_answer_is_logged_with_the_id_of_its_request(api):
    """Django tells of it when the request is over for all middleware."""
    records: list[logging.LogRecord] = []
    handler = logging.Handler()
    handler.emit = records.append
    logging.getLogger("django.request").addHandler(handler)
    try:
        with psycopg.connect(test_database_url()) as other, connection.cursor() as cursor:
            other.execute("LOCK TABLE appointments")
            cursor.execute("SET lock_timeout = '50ms'")
            answer = api.get("/api/v1/appointments", headers={"X-Request-ID": "request-0002"})
            cursor.execute("SET lock_timeout = '3s'")
    finally:
        logging.getLogger("django.request").removeHandler(handler)
    assert answer.status_code == 503
    assert [json.loads(JsonFormatter().format(record))["request_id"] for record in records] == ["request-0002"]
