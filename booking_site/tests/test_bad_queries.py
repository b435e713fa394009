"""Hostile and careless filters and addresses: the specified 4xx with a helpful problem, never a 500."""

import base64
import json

import pytest
from django.test import Client

from booking_site.testing.factories import DoctorFactory, PatientFactory, SlotFactory, booked
from booking_site.testing.problems import NOWHERE, check, post
from patients.models import Patient

pytestmark = pytest.mark.django_db

# --- filters, paging, addresses -----------------------------------------------------------------------------------

BAD_DATES = [
    *("0000-00-00", "2023-02-29", "10000-01-01", "2030-1-5", "20300105", "today", " 2030-01-05", "2030-01-05 "),
    *("2030-01-05T00:00", "\0", "٢٠٣٠-٠١-٠٥", "2030-01-05\0", "-2030-01-05", "2030-W01-1", "1e3", "null"),
]
BAD_NUMBERS = ["0", "-1", "1.5", "1e2", "NaN", "Infinity", "x", "٣", "\0", " 1", "9" * 400, "0x10", "1_0", "+1", "true"]
BAD_TEXTS = ("\0", "a\0b", "x" * 201)
BAD_LISTS = (",", "a,", ",a", "a,,b", "a,a", "a,b,a", ",".join(f"D-{number}" for number in range(51)), "a,\0")
BAD_SEARCH = {
    **dict.fromkeys(["date", "date_from", "date_to"], BAD_DATES),
    **dict.fromkeys(["time_from", "time_to"], ("24:00", "9:30", "09:60", "09:30:61", "0930", "noon", "\0", "09:30Z")),
    "duration_minutes": [*BAD_NUMBERS, "1441"],
    **dict.fromkeys(["department", "specialization"], BAD_TEXTS),
    **dict.fromkeys(["doctor", "visit_type"], (*BAD_TEXTS, *BAD_LISTS)),
    "weekday": ["Mo", "monday", "1", "mo,", ",mo", "mo,mo", "mo,xx", "mo tu", "mo;tu", "\0", "mo, tu", "null"],
    "part_of_day": ["Morning", "night", "morning,", "morning,morning", "am", "\0", "morning,,evening", "12:00"],
}
BAD_FILTERS = {
    "doctors": {
        "is_active": ["1", "yes", "True", "TRUE", "null", "\0", " true"],
        "ordering": ["x", "-", "name,x", "password", "department__name", "?", "\0", "name;drop table"],
        **dict.fromkeys(["department", "specialization", "search"], BAD_TEXTS),
        **dict.fromkeys(["page", "page_size"], BAD_NUMBERS),
    },
    "patients": {
        "is_active": ["1", "yes", "None"],
        "dob": BAD_DATES,
        "ordering": ["x", "--dob", "search_text", "\0"],
        **dict.fromkeys(["search", "email", "phone"], BAD_TEXTS),
        **dict.fromkeys(["page", "page_size"], BAD_NUMBERS),
    },
    "available-slots": {
        **BAD_SEARCH,
        "page_size": BAD_NUMBERS,
        "count": ["1", "yes", "True", "\0"],
        "ordering": ["id", "starts_at,id", "--starts_at", "\0", "?"],
    },
    "first-available": {**BAD_SEARCH, "per_doctor": [*BAD_NUMBERS, "21"]},
    "available-slots/calendar": {
        **BAD_SEARCH,
        "date_to": [*BAD_DATES, "9999-12-31"],
        "per_day": [number for number in BAD_NUMBERS if number != "0"] + ["21"],
    },
    "visit-types": dict.fromkeys(["page", "page_size"], BAD_NUMBERS),
    "appointments": {
        **dict.fromkeys(["date", "date_from", "date_to"], BAD_DATES),
        "patient": ["x", "1", NOWHERE[:-1], NOWHERE.replace("-", ""), f"{{{NOWHERE}}}", "\0", f" {NOWHERE}"],
        "needs_new_time": ["1", "yes", "True", "null", "\0"],
        "status": ["x", "Booked", "booked,cancelled", "\0", "null"],
        **dict.fromkeys(["doctor", "department"], BAD_TEXTS),
        "page_size": BAD_NUMBERS,
        "count": ["1", "yes"],
    },
}


def cursor(*key):
    return base64.urlsafe_b64encode(json.dumps(key).encode()).decode().rstrip("=")


BAD_CURSORS = [
    *("x", "=", "====", "AAAA", "\0", "ÿ", "%00", "🦄", "a" * 5_000, cursor(), cursor("n"), cursor("n", 1, 2)),
    *(cursor("x", "2030-01-01T00:00:00Z", NOWHERE), cursor("n", "2030-01-01T00:00:00", NOWHERE)),
    *(cursor("n", "0001-01-01T00:00:00+14:00", NOWHERE), cursor("n", "9999-12-31T23:59:59-14:00", NOWHERE)),
    *(cursor("n", "2030-01-01T00:00:00Z", "x"), cursor([], {}, []), cursor("n", None, None), cursor("n", "", "")),
    base64.urlsafe_b64encode(b"[" * 3_000).decode(),
]


@pytest.mark.parametrize("call", BAD_FILTERS)
def test_every_filter_refuses_what_it_cannot_mean(api, call):
    booked()
    for name, values in BAD_FILTERS[call].items():
        for value in values:
            check(api.get(f"/api/v1/{call}", {name: value}), 400, field=name)


@pytest.mark.parametrize("call", ["available-slots", "appointments"])
def test_a_cursor_that_is_none_of_ours(api, call):
    booked()
    for value in BAD_CURSORS:
        body = check(api.get(f"/api/v1/{call}", {"cursor": value}), 400, field="cursor")
        assert body["errors"][0]["code"] == "invalid_cursor"


@pytest.mark.parametrize("call", [*BAD_FILTERS, "doctors/T-1/available-slots"])
def test_unknown_and_repeated_filters_are_refused(api, call):
    DoctorFactory(pk="T-1")
    for name in ["dates", "Date", "date__gt", "page[]", "format", "\0", "é", "_", "id__in", "password"]:
        body = check(api.get(f"/api/v1/{call}", {name: "1"}), 400, field=name)
        assert body["errors"][0]["code"] == "unknown_filter"
    known = next(iter(BAD_FILTERS.get(call, {"page_size": ()})))
    check(api.get(f"/api/v1/{call}?{known}=1&{known}=2"), 400, field=known)
    check(api.get(f"/api/v1/{call}", {known: ""}), 400, field=known)


def test_the_first_available_of_nobody_in_particular_is_not_asked_for(api):
    for query in ({}, {"visit_type": "consultation"}, {"date": "2030-05-14", "per_doctor": "2"}):
        body = check(api.get("/api/v1/first-available", query), 400, field="doctor")
        assert body["errors"][0]["code"] == "required"


def test_a_hold_of_no_whole_number_of_minutes_from_1_to_15(api):
    slot = SlotFactory()
    for value in (0, -1, 16, 10**30, 1.5, 5.0, "5", "", True, None, [], {}, [5]):
        check(post(api, f"available-slots/{slot.pk}/hold", {"minutes": value}), 400, field="minutes")
    slot.refresh_from_db()
    assert slot.status == "available"


def test_an_empty_filter_is_refused_since_it_would_show_everything(api):
    for call, filters in BAD_FILTERS.items():
        for name in filters:
            check(api.get(f"/api/v1/{call}", {name: ""}), 400, field=name)


def test_dates_and_pages_at_the_ends_of_the_range_are_answered(api):
    booked()
    for call in ("available-slots", "appointments"):
        for date in ("0001-01-01", "0001-01-02", "9999-12-30", "9999-12-31"):
            for name in ("date", "date_from", "date_to"):
                assert api.get(f"/api/v1/{call}", {name: date}).status_code == 200
        assert api.get(f"/api/v1/{call}", {"page_size": "999999999", "count": "true"}).status_code == 200
    for dob in ("0001-01-01", "9999-12-31"):
        assert api.get("/api/v1/patients", {"dob": dob}).json()["count"] == 0
    for page in ("2", "999999999"):
        check(api.get("/api/v1/patients", {"page": page, "page_size": "200"}), 404, code="invalid_page")


def test_query_strings_that_are_no_text(api):
    for query in ("search=%ff%fe", "search=%ed%a0%80", "%ff=1", "search=%", "search=%zz", "&&&", "=", "search=%00"):
        answer = api.get(f"/api/v1/patients?{query}")
        assert answer.status_code in (200, 400), (query, answer.content)


def test_addresses_that_do_not_exist(api):
    SlotFactory()
    for address in [
        *("nothing", "patients/1", f"patients/{NOWHERE}0", "patients/%00", "patients/%ff", f"patients/{NOWHERE}%0A"),
        *("doctors/%00", "doctors/..%2f..", "doctors/" + "x" * 33, "doctors/é", f"available-slots/{NOWHERE}"),
        *("appointments/x", "appointments//", f"appointments/{NOWHERE}/nothing", "%F0%9F%A6%84", "a" * 4_000, "😀"),
    ]:
        body = check(api.get(f"/api/v1/{address}"), 404)
        assert body["instance"].isascii()
    for address in (
        "doctors/NOBODY",
        f"patients/{NOWHERE}",
        f"appointments/{NOWHERE}",
        "doctors/NOBODY/available-slots",
    ):
        check(api.get(f"/api/v1/{address}"), 404, code="not_found")
    check(Client().get("/no/such/place"), 404, code="not_found")


def test_methods_that_an_address_does_not_have(api):
    patient = PatientFactory()
    for address, methods in {
        "patients": ("PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "FOO"),
        f"patients/{patient.pk}": ("PUT", "POST", "DELETE"),
        "doctors": ("POST", "PUT", "PATCH", "DELETE"),
        "book-appointment": ("GET", "HEAD", "PUT", "DELETE", "OPTIONS"),
        f"available-slots/{NOWHERE}/hold": ("GET", "PUT", "PATCH"),
    }.items():
        for method in methods:
            answer = api.generic(method, f"/api/v1/{address}")
            assert answer.status_code == 405, (address, method)
            assert method not in answer["Allow"].split(", ")
            assert answer["Allow"]
            if method != "HEAD":
                check(answer, 405, code="method_not_allowed")
    assert Patient.objects.get().first_name == patient.first_name
