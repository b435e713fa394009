import psycopg
import pytest
from django.db import connection

from booking_site.errorpages import respond
from booking_site.testing.fixtures import test_database_url


@pytest.mark.django_db
def test_an_unknown_address_is_a_problem_for_programs_and_a_page_for_people(client):
    for path in ("/api/v1/nothing", "/nothing"):
        answer = client.get(path)
        assert (answer.status_code, answer["Content-Type"]) == (404, "application/problem+json")
    page = client.get("/nothing", headers={"Accept": "text/html"})
    assert page.status_code == 404
    assert b"nothing at this address" in page.content
    assert client.get("/api/v1/nothing", headers={"Accept": "text/html"})["Content-Type"] == "application/problem+json"


def test_a_page_for_people_needs_no_database_and_leads_home(rf):
    """(pytest-django refuses the database to a test that does not ask for it.)"""
    page = respond(rf.get("/x", headers={"Accept": "text/html"}), status=503, code="away", detail="It is away.")
    assert '<a href="/">Hospital reception</a>' in page.content.decode()


@pytest.mark.django_db(transaction=True)
def test_a_page_that_waits_too_long_for_a_lock_says_try_again(admin_client):
    with psycopg.connect(test_database_url()) as other, connection.cursor() as cursor:
        other.execute("LOCK TABLE django_session, auth_user")
        cursor.execute("SET lock_timeout = '100ms'")
        try:
            page = admin_client.get("/admin/", headers={"Accept": "text/html"})
        finally:
            cursor.execute("SET lock_timeout = '3s'")
    assert (page.status_code, page["Retry-After"]) == (409, "1")
    assert b"Somebody else is changing this" in page.content
