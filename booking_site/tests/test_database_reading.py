"""How rows are read: moments by psycopg's own loader, and queries whose SQL is kept."""

from datetime import UTC, datetime

import pytest
from django.db import connection
from django.db.models import QuerySet
from psycopg.postgres import types
from psycopg.pq import Format

from booking_site.core.scope import Scope
from booking_site.core.sql import compiled
from booking_site.postgres.base import UtcLoader
from booking_site.testing.factories import DepartmentFactory
from doctors.models import Department

pytestmark = pytest.mark.django_db


def test_moments_come_in_utc_whatever_offset_they_were_written_with():
    with connection.cursor() as cursor:
        assert cursor.connection.adapters.get_loader(types["timestamptz"].oid, Format.TEXT) is UtcLoader
        cursor.execute("SELECT timestamptz '2026-10-25 02:30:00.000001+02', NULL::timestamptz")
        found, nothing = cursor.fetchone()
    assert (found, found.tzinfo, nothing) == (datetime(2026, 10, 25, 0, 30, 0, 1, tzinfo=UTC), UTC, None)


@compiled
def _names_in(scope: Scope, text: str) -> QuerySet:
    return Department.objects.filter(scope.q(department="pk"), name__contains=text).order_by("name").values_list("name")


def test_a_kept_query_finds_what_has_come_since_and_what_its_arguments_say():
    everything = Scope(everything=True)
    DepartmentFactory(name="Kept one")
    assert _names_in(everything, "Kept") == [("Kept one",)]
    DepartmentFactory(name="Kept 100%")
    assert _names_in(everything, "Kept") == [("Kept 100%",), ("Kept one",)]
    assert _names_in(everything, "%") == [("Kept 100%",)]


def test_a_kept_query_that_can_find_nothing_asks_nothing(django_assert_num_queries):
    with django_assert_num_queries(0):
        assert _names_in(Scope(), "") == []
