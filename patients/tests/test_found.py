"""Searches of people: nothing that was typed stands in an address; leafing, filters and the way back still work."""

import re
from urllib.parse import parse_qs, urlsplit

import pytest
from django.contrib.admin.views.main import SEARCH_VAR
from django.urls import reverse

from booking_site.core.found import FOUND, KEPT
from booking_site.testing.factories import PatientFactory, booked, staff

pytestmark = pytest.mark.django_db
PATIENTS, APPOINTMENTS = "/admin/patients/patient/", "/admin/appointments/appointment/"
USERS = "/admin/auth/user/"
NAME = "Quillfeather"


@pytest.fixture
def administrator(client):
    client.force_login(staff("Administrator"))
    return client


def search(client, page: str, text: str) -> str:
    """The address that a search leads to."""
    answer = client.post(page, {SEARCH_VAR: text})
    assert answer.status_code == 302
    return answer.headers["Location"]


def rows(answer) -> list:
    return [row.pk for row in answer.context["cl"].result_list]


@pytest.mark.parametrize("page", [PATIENTS, APPOINTMENTS, USERS])
def test_a_search_leads_to_an_address_without_a_word_of_it(administrator, page):
    for text in (NAME, "0171 5550199", "quill@mail.example", "1980-02-29"):
        address = search(administrator, page, text)
        assert re.fullmatch(rf"{page}\?found=[\w-]{{8}}", address)
        shown = administrator.get(address)
        assert (shown.status_code, shown.context["cl"].query) == (200, text)
        for link in re.findall(r'(?:href|action|src)="([^"]*)"', shown.content.decode()):
            assert text not in link
    assert administrator.get(f"{page}?q={NAME}").headers["Location"].startswith(f"{page}?found=")


def test_the_search_of_every_page_sends_no_name_in_an_address(administrator):
    for page in ("/admin/", PATIENTS, APPOINTMENTS):
        text = administrator.get(page).content.decode()
        forms = re.findall(r'<form[^>]*role="search"[^>]*>(?:(?!</form>).)*type="search"', text, re.DOTALL)
        assert [form for form in forms if 'method="post"' not in form or "csrfmiddlewaretoken" not in form] == []
    assert len(forms) == 2  # the list's own, and that of every page


def test_leafing_and_filters_keep_the_search_and_a_filter_is_kept_by_a_search(administrator):
    PatientFactory.create_batch(60, last_name=NAME)
    closed = PatientFactory(last_name=NAME, is_active=False)
    PatientFactory()
    shown = administrator.get(search(administrator, PATIENTS, NAME))
    links = [link.replace("&amp;", "&") for link in re.findall(r'href="(\?[^"]*)"', shown.content.decode())]
    leaf = next(link for link in links if "p=2" in link)
    assert len(rows(administrator.get(PATIENTS + leaf))) == 11
    narrowed = next(link for link in links if "is_active__exact=0" in link)
    assert rows(administrator.get(PATIENTS + narrowed)) == [closed.pk]
    again = search(administrator, f"{PATIENTS}{narrowed}&p=2", "nobody at all")
    assert parse_qs(urlsplit(again).query).keys() == {"is_active__exact", FOUND}
    assert search(administrator, again, "  ") == f"{PATIENTS}?is_active__exact=0"


def test_the_way_back_finds_the_same_and_the_same_search_has_the_same_address(administrator):
    first, second = (search(administrator, PATIENTS, text) for text in ("one", "two"))
    assert search(administrator, PATIENTS, "one") == first != second
    assert administrator.get(second).context["cl"].query == "two"
    for number in range(KEPT):
        search(administrator, PATIENTS, f"other {number}")
    assert "not kept any more" in administrator.get(second).content.decode()


def test_a_search_is_nobody_elses(administrator, client):
    address = search(administrator, PATIENTS, NAME)
    client.logout()
    client.force_login(staff("Reception"))
    shown = client.get(address)
    assert NAME not in shown.content.decode()
    assert "not kept any more" in shown.content.decode()


def test_a_search_is_for_those_who_see_the_list(client):
    client.force_login(staff("Auditor"))
    assert client.post(PATIENTS, {SEARCH_VAR: NAME}).status_code == 403
    assert FOUND not in client.session


def test_a_search_of_appointments_looks_on_every_day(administrator):
    appointment = booked(patient=PatientFactory(last_name=NAME))
    assert rows(administrator.get(search(administrator, APPOINTMENTS, NAME))) == [appointment.pk]


def test_people_are_offered_by_post_only(administrator):
    patient = PatientFactory(last_name=NAME)
    query = {"app_label": "appointments", "model_name": "appointment", "field_name": "patient", "term": NAME}
    url = reverse("admin:autocomplete")
    assert administrator.get(url, query).status_code == 405
    assert [one["id"] for one in administrator.post(url, query).json()["results"]] == [str(patient.pk)]
    assert administrator.post(url, query | {"term": "a\x00"}).status_code == 400


def test_the_page_that_books_takes_no_name_from_an_address(administrator):
    PatientFactory(last_name=NAME)
    who = administrator.get(f"{APPOINTMENTS}add/?who={NAME}").context["who"]
    assert (who.text, who.found, who.is_searched) == ("", [], False)
    assert administrator.post(f"{APPOINTMENTS}add/", {"look": "1", "who": NAME}).context["who"].found  # the control
