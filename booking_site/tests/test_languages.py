"""In which language who is answered."""

import re

import pytest
from django.conf import settings

from booking_site.languages import language_of

PAGE = {"Accept": "text/html"}


@pytest.mark.parametrize(
    ("cookie", "header", "language"),
    [
        ("", "", "en"),
        ("", "de-AT,de;q=0.9,en;q=0.8", "de"),
        ("", "fr, de;q=0.5", "de"),
        ("", "fr;q=0.9, *;q=0.1", "en"),
        ("", "en-GB,de;q=0.5", "en"),
        ("de", "en", "de"),
        ("en", "de", "en"),
        ("tlh", "de", "de"),
        ("x" * 5000, "\x00,;;q=", "en"),
    ],
)
def test_language_of_a_request(rf, cookie, header, language):
    request = rf.get("/admin/", headers={"Accept-Language": header})
    request.COOKIES[settings.LANGUAGE_COOKIE_NAME] = cookie
    assert language_of(request) == language


def test_language_of_a_site_where_browsers_ask_for_others(rf, settings):
    settings.CONSOLE_LANGUAGE = "de"
    assert language_of(rf.get("/admin/", headers={"Accept-Language": "fr"})) == "de"
    assert language_of(rf.get("/admin/", headers={"Accept-Language": "en"})) == "en"


@pytest.mark.django_db
def test_language_chosen_on_a_page_stays_chosen_in_this_browser(client):
    page = client.get("/admin/login/", headers=PAGE)
    assert '<html lang="en"' in page.text
    assert 'name="language" value="de" lang="de">Deutsch</button>' in page.text

    chosen = client.post("/admin/language/", {"language": "de", "next": "/admin/login/?next=/admin/"})
    assert (chosen.status_code, chosen["Location"]) == (302, "/admin/login/?next=/admin/")
    cookie = chosen.cookies["django_language"]
    assert (cookie.value, cookie["max-age"], cookie["httponly"], cookie["samesite"]) == ("de", 31536000, True, "Lax")

    page = client.get(chosen["Location"], headers=PAGE | {"Accept-Language": "en"})
    assert '<html lang="de"' in page.text
    assert "Benutzername" in page.text
    assert page["Content-Language"] == "de"
    assert {"Accept-Language", "Cookie"} <= {word.strip() for word in page["Vary"].split(",")}


@pytest.mark.parametrize(
    "goal", ["https://elsewhere.example/", "//elsewhere.example", "\x00", "javascript:alert(1)", ""]
)
def test_choosing_a_language_leads_nowhere_else(client, goal):
    answer = client.post("/admin/language/", {"language": "de", "next": goal}, headers=PAGE)
    assert (answer.status_code, answer["Location"]) == (302, "/")


@pytest.mark.parametrize("language", ["", "tlh", "../../etc", "\x00", "de\r\nSet-Cookie: a=b", "x" * 5000])
def test_choosing_a_language_that_is_none_chooses_nothing(client, language):
    answer = client.post("/admin/language/", {"language": language, "next": "/admin/login/"})
    assert answer.status_code == 302
    assert "django_language" not in answer.cookies


@pytest.mark.django_db
def test_error_pages_speak_the_language_of_the_person(client):
    page = client.get("/nothing", headers=PAGE | {"Accept-Language": "de"})
    assert page.status_code == 404
    assert '<html lang="de">' in page.text
    assert "Unter dieser Adresse gibt es nichts." in page.text


@pytest.mark.django_db
def test_programs_are_answered_in_english_whatever_they_ask_for(api, client, settings):
    settings.CONSOLE_LANGUAGE = "de"
    asked = [
        (api.get, "/api/v1/appointments/0", {}),
        (api.post, "/api/v1/patients", {"dob": "x"}),
        (api.get, "/api/v1/available-slots", {"date": "x"}),
        (client.get, "/api/v1/doctors", {}),
        (client.post, "/oauth/token", {}),
        *((client.get, path, {}) for path in ("/openapi.json", "/docs", "/redoc", "/health")),
    ]
    english = [said(call(path, data)) for call, path, data in asked]
    for (call, path, data), expected in zip(asked, english, strict=True):
        client.get("/admin/login/", headers={"Accept-Language": "de"})  # the thread spoke German last
        answer = call(path, data, headers={"Accept-Language": "de"})
        assert (said(answer), "Content-Language" in answer) == (expected, False)


def said(answer):
    """What an answer says, without what is new in each."""
    return re.sub(rb'"instance":"[^"]*"', b"", answer.content)
