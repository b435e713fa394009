import logging

import pytest
from django.core.exceptions import DisallowedHost
from django.db import IntegrityError, OperationalError

from booking_site.logs import PrivateFormatter
from booking_site.testing.factories import PatientFactory


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
