import logging
import os
import socket
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from django.core.exceptions import DisallowedHost
from django.db import IntegrityError, OperationalError

from booking_site.logs import PrivateFormatter
from booking_site.server_log import ServerFormatter
from booking_site.testing.canaries import FOLDER
from booking_site.testing.factories import PatientFactory, staff


def logged(error: BaseException) -> str:
    record = logging.LogRecord("django.request", logging.ERROR, __file__, 1, "Internal Server Error: %s", ("/x",), None)
    record.exc_info = (type(error), error, error.__traceback__)
    return PrivateFormatter("%(levelname)s %(message)s").format(record)


@pytest.mark.django_db
def test_a_row_of_the_database_is_not_logged():
    patient = PatientFactory(mrn=f"SECRET-{17}")
    with pytest.raises(IntegrityError) as caught:
        PatientFactory(mrn=patient.mrn)
    assert "SECRET-17" in str(caught.value)  # the control: the error itself tells
    text = logged(caught.value)
    assert "SECRET-17" not in text
    assert "psycopg.errors.UniqueViolation: SQLSTATE 23505: constraint patient_mrn_unique" in text
    assert text.startswith("ERROR Internal Server Error: /x\n  File ")
    assert text.endswith("django.db.utils.IntegrityError")


def test_a_value_that_a_client_sent_is_not_logged():
    sent = "Ada" + "Lovelace"
    with pytest.raises(ValueError, match=sent) as caught:
        int(sent)
    text = logged(caught.value)
    assert sent not in text
    assert text.endswith("builtins.ValueError")


def test_what_strangers_try_takes_one_line():
    text = logged(DisallowedHost("Invalid HTTP_HOST header"))
    assert text == "ERROR Internal Server Error: /x"


@pytest.mark.django_db
def test_what_a_refused_request_sent_is_not_logged(client, caplog):
    client.force_login(staff("Administrator"))
    with caplog.at_level("ERROR", logger="django.security"):
        assert client.get("/admin/doctors/doctor/?_to_field=Lovelace").status_code == 400
    [record] = [record for record in caplog.records if record.name.startswith("django.security.")]
    assert "Lovelace" in record.getMessage()  # the control: the record itself tells
    line = PrivateFormatter("%(levelname)s %(name)s %(message)s").format(record)
    assert line == "ERROR django.security.DisallowedModelAdminToField A request was refused."
    assert "Lovelace" in record.getMessage()  # for other handlers it is as it was


def test_a_host_that_is_not_ours_is_logged():
    """For it may be a name that ALLOWED_HOSTS lacks."""
    record = logging.makeLogRecord({"name": "django.security.DisallowedHost", "msg": "Invalid HTTP_HOST header: 'x'"})
    assert PrivateFormatter("%(message)s").format(record) == "Invalid HTTP_HOST header: 'x'"


def test_an_error_of_the_installation_is_told_in_full():
    try:
        try:
            raise ConnectionRefusedError(111, "Connection refused")
        except OSError as cause:
            raise OperationalError("Cannot connect to PostgreSQL at db.example") from cause
    except OperationalError as error:
        text = logged(error)
    assert "builtins.ConnectionRefusedError: [Errno 111] Connection refused" in text
    assert text.endswith("django.db.utils.OperationalError: Cannot connect to PostgreSQL at db.example")


def test_no_logger_sends_mail():
    """A report by mail would hold the request with all that it sent."""
    known = [logging.getLogger(), *(logging.getLogger(name) for name in logging.root.manager.loggerDict)]
    handlers = {type(handler).__name__ for logger in known for handler in logger.handlers}
    assert "StreamHandler" in handlers  # the control: those of the settings are there
    assert "AdminEmailHandler" not in handlers


SENT = [
    b"GET /api/v1/patients?search=Quillfeather-Moss and more HTTP/1.1\r\nHost: x\r\n\r\n",
    b"QUILLFEATHER-MOSS'?! /api/v1/patients HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: x\r\nQuillfeather-Moss(: 'x'\r\n\r\n",
    b"GET /?name=Quillfeather-Moss HTTP/9.x\r\n\r\n",
]


def test_the_server_does_not_quote_requests_that_it_cannot_read(server):
    for sent in SENT:
        with socket.create_connection(("127.0.0.1", urlsplit(server).port), timeout=10) as connection:
            connection.sendall(sent)
            assert connection.recv(64).startswith(b"HTTP/1.1 4")
    text = "".join(path.read_text() for path in Path(os.environ[FOLDER]).glob(f"{os.getpid()}.stderr"))
    assert text.count("Invalid request from ip=127.0.0.1: ") >= len(SENT)  # the control: it does speak of them
    assert "quillfeather" not in text.lower()


def test_the_server_tells_of_a_failed_request_by_its_path():
    try:
        raise ValueError("Quillfeather")
    except ValueError as error:
        record = logging.LogRecord(
            *("gunicorn.error", logging.ERROR, __file__, 1, "Error handling request %s %s"),
            ("GET", "/api/v1/patients?search=Quillfeather"),
            (type(error), error, error.__traceback__),
        )
    text = ServerFormatter("%(levelname)s %(message)s").format(record)
    assert text.startswith("ERROR Error handling request GET /api/v1/patients?...\n")
    assert text.endswith("builtins.ValueError")
