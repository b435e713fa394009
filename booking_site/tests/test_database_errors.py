import psycopg
import pytest
from django.db import IntegrityError, connection, transaction

from booking_site.core.errors import from_database
from booking_site.testing.factories import DepartmentFactory, DoctorFactory
from booking_site.testing.fixtures import test_database_url


@pytest.mark.django_db(transaction=True)
def test_a_list_that_waits_too_long_for_a_lock_says_try_again(api):
    with psycopg.connect(test_database_url()) as other, connection.cursor() as cursor:
        other.execute("LOCK TABLE appointments")
        cursor.execute("SET lock_timeout = '100ms'")
        try:
            answer = api.get("/api/v1/appointments")
        finally:
            cursor.execute("SET lock_timeout = '3s'")
    assert (answer.status_code, answer.json()["code"], answer["Retry-After"]) == (503, "unavailable", "2")


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("factory", "taken", "code"),
    [
        (DepartmentFactory, {"name": "Surgery"}, "duplicate_name"),
        (DepartmentFactory, {"code": "S-1"}, "duplicate_code"),
        (DoctorFactory, {"id": "DOC-1"}, "duplicate"),
    ],
)
def test_a_name_that_two_give_at_once_is_a_conflict(factory, taken, code):
    factory(**taken)
    made = factory.build(**taken)
    if factory is DoctorFactory:
        made.department.save()
    with pytest.raises(IntegrityError) as caught, transaction.atomic():
        made.save(force_insert=True)
    error = from_database(caught.value)
    assert (error.status_code, error.code) == (409, code)
