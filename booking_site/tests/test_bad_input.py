"""Hostile and careless input: the specified 4xx with a helpful problem, nothing written, nothing lost, never a 500."""

import base64
import csv
import http.client
import json
import uuid
from datetime import datetime, timedelta
from urllib.parse import quote, urlencode, urlsplit

import pytest
from django.test import Client
from django.utils import timezone

from appointments.models import Appointment
from booking_site.api.clients import register
from booking_site.testing.factories import DoctorFactory, PatientFactory, SlotFactory, booked
from booking_site.testing.fixtures import api_client
from patients.models import Patient
from scheduling.models import AvailableSlot
from scheduling.operations import digest

pytestmark = pytest.mark.django_db
NOWHERE = "0198c5f2-7d1a-7c3e-9a51-2b6f0d8e4c77"
PROBLEM = {"type", "title", "status", "detail", "code", "instance", "errors"}
NEW_PATIENT = {"first_name": "Ada", "last_name": "Byron", "dob": "1980-02-29"}
WRITES = ["patients", "book-appointment", "cancel-appointment", "reschedule-appointment"]


def check(answer, status, *, code=None, field=None):
    """The answer is a problem document of this status, with this code, about this field."""
    assert answer.status_code == status, answer.content[:500]
    assert answer["Content-Type"] == "application/problem+json", answer["Content-Type"]
    body = answer.json()
    assert set(body) == PROBLEM
    assert body["status"] == status
    assert body["detail"]
    assert body["code"]
    if code is not None:
        assert body["code"] == code, body
    if field is not None:
        assert field in {error["field"] for error in body["errors"]}, body
    if status == 401:
        assert answer["WWW-Authenticate"].startswith("Bearer ")
    return body


def post(api, call, body):
    return api.post(f"/api/v1/{call}", body, format="json")


def post_raw(api, call, body, content_type="application/json"):
    return api.generic("POST", f"/api/v1/{call}", body, content_type=content_type)


# --- bodies that are no JSON object ------------------------------------------------------------------------------

BODIES = {
    "empty brackets": (b"[]", "not_an_object"),
    "a string": (b'"text"', "not_an_object"),
    "a number": (b"1", "not_an_object"),
    "null": (b"null", "not_an_object"),
    "cut short": (b'{"first_name": "A', "malformed_json"),
    "two values": (b"{}{}", "malformed_json"),
    "single quotes": (b"{'a': 1}", "malformed_json"),
    "trailing comma": (b'{"a": 1,}', "malformed_json"),
    "a comment": (b"{} // no", "malformed_json"),
    "NaN": (b'{"first_name": NaN}', "malformed_json"),
    "Infinity": (b'{"first_name": -Infinity}', "malformed_json"),
    "invalid UTF-8": (b'{"first_name": "\xff\xfe"}', "malformed_json"),
    "overlong UTF-8": (b'{"first_name": "\xc0\x80"}', "malformed_json"),
    "a surrogate in UTF-8": (b'{"first_name": "\xed\xa0\x80"}', "malformed_json"),
    "an escaped lone surrogate": (rb'{"first_name": "\ud800"}', "malformed_json"),
    "UTF-16": ('{"first_name": "A"}'.encode("utf-16"), "malformed_json"),
    "UTF-32": ('{"first_name": "A"}'.encode("utf-32"), "malformed_json"),
    "a byte order mark": (b'\xef\xbb\xbf{"first_name": "A"}', "malformed_json"),
    "NUL bytes": (b"\0\0\0\0", "malformed_json"),
    "a NUL inside": (b'{"first_name": "a\0b"}', "malformed_json"),
    "a raw line break in a string": (b'{"first_name": "a\nb"}', "malformed_json"),
    "100,000 lists": (b'{"first_name": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", "malformed_json"),
    "100,000 objects": (b'{"a":' * 100_000 + b"1" + b"}" * 100_000, "malformed_json"),
    "1,000 lists": (b'{"first_name": ' + b"[" * 1_000 + b"]" * 1_000 + b"}", None),
    "a number of 10,000 digits": (b'{"first_name": ' + b"9" * 10_000 + b"}", None),
    "1e400": (b'{"first_name": 1e400}', None),
    "a repeated key": (b'{"first_name": "A", "first_name": "B"}', "repeated_key"),
    "a repeated key, spelt in two ways": (rb'{"first_name": "A", "first\u005fname": "B"}', "repeated_key"),
    "a repeated key further in": (b'{"first_name": {"a": 1, "a": 2}}', "repeated_key"),
}


@pytest.mark.parametrize("name", BODIES)
def test_a_body_that_is_no_json_object(api, name):
    body, code = BODIES[name]
    for call in WRITES:
        check(post_raw(api, call, body), 400, code=code)
    slot = SlotFactory()
    check(post_raw(api, f"available-slots/{slot.pk}/hold", body), 400, code=code)
    check(api.generic("DELETE", f"/api/v1/available-slots/{slot.pk}/hold", body, "application/json"), 400, code=code)
    check(api.generic("PATCH", f"/api/v1/patients/{PatientFactory().pk}", body, "application/json"), 400, code=code)
    assert Patient.objects.count() == 1
    assert AvailableSlot.objects.get().status == "available"


# --- values of the wrong type or shape ----------------------------------------------------------------------------

WRONG = {
    "text": [1, 1.5, True, [], {}, ["a"], {"a": "b"}, 10**30, None],
    "identifier": [
        *(1, True, [], {}, None, "", "x", "0", NOWHERE[:-1], NOWHERE + "0", f"{{{NOWHERE}}}", f"urn:uuid:{NOWHERE}"),
        *(
            NOWHERE.replace("-", ""),
            f" {NOWHERE}",
            NOWHERE.replace("0", "٠"),
            "\0",
            "' OR 1=1 --",
            "z" * 36,
            -1,
            2**130,
        ),
    ],
    "day": [
        *(1, True, [], {}, None, "", "today", "0000-00-00", "0000-01-01", "2023-02-29", "1980-13-01", "1980-01-32"),
        *("10000-01-01", "1980-1-5", "19800105", "05.01.1980", "1980-01-05T00:00", "1980-W01-1", "١٩٨٠-٠١-٠٥"),
        *("9999-12-31", "1849-12-31", " 1980-01-05", "1980-01-05\n", "-1980-01-05", "\0"),
    ],
    "instant": [
        *(1, True, [], {}, "", "now", "2030-05-14", "2030-05-14T09:00:00", "2030-05-14 09:00:00+02:00"),
        *("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "0000-01-01T00:00:00Z", "10000-01-01T00:00:00Z"),
        *("2023-02-29T09:00:00Z", "2030-05-14T24:01:00Z", "2030-05-14T09:00:61Z", "2030-05-14T09:00:00+25:00"),
        *("2030-05-14T09:00:00+99:99", "1999-12-31T23:59:59Z", "3000-01-01T00:00:00Z", "2030-W20-2T09:00:00Z", "\0"),
    ],
    "flag": [0, 1, "true", "false", "yes", "", [], {}, None, 1.0],
    "e-mail": [
        "x",
        "@",
        "a@",
        "a@b",
        "a b@c.example",
        "a@b..example",
        1,
        True,
        [],
        {},
        None,
        "\0@a.example",
        "a" * 255,
    ],
    "phone": ["x", "12", "1" * 61, "+49 30 5550 199; drop table", "٠١٢٣٤٥", 5550199, True, [], {}, None, "\0\0\0"],
    "language": ["d", "german language", "de_DE", "de-", 1, True, [], {}, None, "ｄｅ", "d\0"],
}
FIELDS = {
    "patients": {
        **dict.fromkeys(["first_name", "last_name", "insurance_provider", "insurance_id"], "text"),
        **dict.fromkeys(["remind_by_email", "remind_by_sms", "remind_by_phone", "is_active"], "flag"),
        "dob": "day",
        "email": "e-mail",
        "phone": "phone",
        "preferred_language": "language",
    },
    "book-appointment": {
        "patient_id": "identifier",
        "slot_id": "identifier",
        "requested_datetime": "instant",
        **dict.fromkeys(["reason", "doctor_id", "hold_token"], "text"),
        "is_urgent": "flag",
    },
    "cancel-appointment": {"appointment_id": "identifier", "reason": "text"},
    "reschedule-appointment": {
        "appointment_id": "identifier",
        "slot_id": "identifier",
        **dict.fromkeys(["reason", "hold_token"], "text"),
    },
}
RIGHT = {
    "patients": NEW_PATIENT,
    "book-appointment": {"patient_id": NOWHERE, "slot_id": NOWHERE},
    "cancel-appointment": {"appointment_id": NOWHERE},
    "reschedule-appointment": {"appointment_id": NOWHERE, "slot_id": NOWHERE},
}


@pytest.mark.parametrize("call", FIELDS)
def test_every_field_refuses_what_it_cannot_mean(api, call):
    for field, kind in FIELDS[call].items():
        for value in WRONG[kind]:
            check(post(api, call, {**RIGHT[call], field: value}), 400, field=field)
    assert Patient.objects.count() == 0


def test_a_record_number_is_text_or_null(api):
    for value in [1, True, [], {}, "", "m" * 65, "a\0"]:
        check(post(api, "patients", {**NEW_PATIENT, "mrn": value}), 400, field="mrn")
    assert post(api, "patients", {**NEW_PATIENT, "mrn": None}).status_code == 201


@pytest.mark.parametrize("call", FIELDS)
def test_unknown_and_missing_fields_are_named(api, call):
    for name in ["id", "created_at", "Reason", "first_name ", "__proto__", " ", "ſ", "a" * 5_000]:
        body = check(post(api, call, {**RIGHT[call], name: "x"}), 400, code="invalid")
        assert [(error["field"], error["code"]) for error in body["errors"]] == [(name, "unknown_field")]
    for name in RIGHT[call]:
        rest = {key: value for key, value in RIGHT[call].items() if key != name}
        body = check(post(api, call, rest), 400, field=name)
        assert body["errors"][0]["code"] == "required"
    check(post(api, call, {}), 400)


def test_a_patient_needs_a_name_of_more_than_spaces(api):
    for first, last in [("", ""), (" ", "\t"), ("", "\u2003")]:
        check(post(api, "patients", {**NEW_PATIENT, "first_name": first, "last_name": last}), 400, field="last_name")
    patient = PatientFactory(first_name="Madonna", last_name="")
    check(api.patch(f"/api/v1/patients/{patient.pk}", {"first_name": " "}), 400, field="last_name")
    assert Patient.objects.get().first_name == "Madonna"


def test_a_record_number_that_another_patient_has_is_a_409_that_names_the_field(api):
    PatientFactory(mrn="A-1")
    body = check(post(api, "patients", {**NEW_PATIENT, "mrn": "A-1"}), 409, code="duplicate_mrn", field="mrn")
    assert body["errors"][0]["code"] == "duplicate_mrn"
    assert Patient.objects.count() == 1


def test_an_instant_comes_back_as_the_same_instant(api):
    slots = SlotFactory.create_batch(3)
    for slot, sent in zip(
        slots, ["2000-01-01T00:00:00Z", "2999-12-31T23:59:59.999999-14:00", "2030-05-14T09:00+05:45"], strict=True
    ):
        body = {"patient_id": str(PatientFactory().pk), "slot_id": str(slot.pk), "requested_datetime": sent}
        answer = post(api, "book-appointment", body)
        assert answer.status_code == 201, answer.content
        assert datetime.fromisoformat(answer.json()["requested_datetime"]) == datetime.fromisoformat(sent)


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


# --- headers ------------------------------------------------------------------------------------------------------


def test_content_types_other_than_json_are_a_415(api):
    body = json.dumps(NEW_PATIENT).encode()
    for content_type in [
        *("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/xml"),
        *("application/jsonp", "application/merge-patch+json", "", "nonsense", "/", "application/", "é/ü"),
    ]:
        answer = post_raw(api, "patients", body, content_type)
        assert answer.status_code == 415, content_type
        check(answer, 415, code="unsupported_media_type")
    assert Patient.objects.count() == 0
    assert post_raw(api, "patients", body, "application/json; charset=utf-8").status_code == 201


def test_answers_in_another_form_than_json_are_a_406(api):
    for accept in ("text/html", "application/xml", "image/*", "application/problem+xml", "nonsense"):
        check(api.get("/api/v1/doctors", headers={"Accept": accept}), 406, code="not_acceptable")
    for accept in ("*/*", "application/*", "text/html, */*;q=0.1", "application/json; indent=4"):
        assert api.get("/api/v1/doctors", headers={"Accept": accept}).status_code == 200, accept


def test_accounts_and_tokens_that_are_none(client, db):
    for authorization in [
        *(
            "",
            "Bearer",
            "Bearer ",
            "bearer x",
            "Bearer x y",
            "Bearer é",
            "Bearer \xff\xfe",
            "Bearer \0",
            "Basic",
            "Basic !",
        ),
        *("Basic Og==", "Digest x", "Token x", "Bearer " + "x" * 60_000, "\t", "Bearer, Bearer", "Bearer null", "é é"),
    ]:
        check(client.get("/api/v1/doctors", headers={"Authorization": authorization}), 401)
    check(client.get("/api/v1/doctors"), 401, code="not_authenticated")
    answer = client.get("/api/v1/doctors", headers={"Authorization": "Bearer x"})
    check(answer, 401, code="invalid_token")
    assert 'error="invalid_token"' in answer["WWW-Authenticate"]


def test_a_scope_that_the_token_lacks_is_a_403(make_token):
    api = api_client(make_token("doctors:read"))
    check(api.get("/api/v1/patients"), 403, code="insufficient_scope")
    check(post_raw(api, "patients", b"{"), 403, code="insufficient_scope")
    check(api.options("/api/v1/patients"), 405)


def test_keys_of_bad_shape(api):
    for key in ["", "k" * 256, "é", "\0", "\x7f", "a\tb", "🦄"]:
        for call in ("book-appointment", "cancel-appointment", "reschedule-appointment"):
            answer = api.post(f"/api/v1/{call}", RIGHT[call], headers={"Idempotency-Key": key})
            check(answer, 400, field="Idempotency-Key")


def test_if_match_of_bad_shape_or_another_version(api):
    appointment = booked()
    address = f"/api/v1/patients/{appointment.patient_id}"
    for header in ["", "x", '"', '"a', 'a"b"', '"a" "b"', ",", "W/", "*, *", '"\0"', '"é"', "W/x"]:
        check(api.patch(address, {"first_name": "X"}, headers={"If-Match": header}), 400, field="If-Match")
        cancel = {"appointment_id": str(appointment.pk)}
        check(api.post("/api/v1/cancel-appointment", cancel, headers={"If-Match": header}), 400, field="If-Match")
    for header in ['"0"', '"a", "b"', 'W/"0"', '""']:
        check(api.patch(address, {"first_name": "X"}, headers={"If-Match": header}), 412, code="stale")
    assert Patient.objects.get().first_name != "X"
    assert Appointment.objects.get().status == "booked"
    latest = api.get(address)["ETag"]
    for header in [latest, f'"0", {latest}', "*", f"W/{latest}"]:
        assert (
            api.patch(address, {"first_name": appointment.patient.first_name}, headers={"If-Match": header}).status_code
            == 200
        )


def test_if_none_match_of_any_shape_is_answered(api):
    address = f"/api/v1/patients/{PatientFactory().pk}"
    etag = api.get(address)["ETag"]
    for header in ["", "x", ",,,", '"', "é", "\0"]:
        assert api.get(address, headers={"If-None-Match": header}).status_code == 200
    unchanged = api.get(address, headers={"If-None-Match": f'"0", {etag}'})
    assert (unchanged.status_code, unchanged.content, unchanged["ETag"]) == (304, b"", etag)


def test_hosts_that_are_not_ours_are_a_400(api):
    for host in [
        "evil.example",
        "127.0.0.1@evil.example",
        "testserver\0",
        "evil.example:80:80",
        "[::1",
        "é.example",
        "<script>",
    ]:
        for address in ("/api/v1/doctors", "/health", "/docs", "/oauth/token"):
            answer = api.get(address, headers={"Host": host})
            assert answer.status_code == 400, (host, address)
            assert answer["Content-Type"] == "application/problem+json"
            assert b"evil" not in answer.content


def test_request_ids_are_ours_unless_they_look_like_ids(api):
    for given in [
        "short",
        "a" * 65,
        "a b c d e f",
        "é" * 10,
        "x\0yyyyyyyyy",
        "<script>alert(1)</script>",
        "a\nb: cccccc",
    ]:
        assert uuid.UUID(api.get("/api/v1/doctors", headers={"X-Request-ID": given})["X-Request-ID"])
    assert api.get("/api/v1/doctors", headers={"X-Request-ID": "trace-0001"})["X-Request-ID"] == "trace-0001"


# --- what the rules forbid ----------------------------------------------------------------------------------------


def test_slots_doctors_and_patients_that_cannot_be_booked(api):
    patient = PatientFactory()
    past = SlotFactory(starts_at=timezone.now() - timedelta(hours=2))
    withdrawn = SlotFactory(status="withdrawn")
    idle = SlotFactory(doctor__is_active=False)
    closed = SlotFactory(doctor__department__is_active=False)
    held = SlotFactory(
        status="held", held_until=timezone.now() + timedelta(minutes=5), hold_digest=digest("theirs"), held_by="other"
    )
    appointment = booked(patient=PatientFactory())
    for slot in (past, withdrawn, idle, closed, held, appointment.slot):
        before = AvailableSlot.objects.values().get(pk=slot.pk)
        for token in ({}, {"hold_token": "mine"}):
            code = "slot_unavailable" if slot not in (held, appointment.slot) or not token else "hold_expired"
            booking = {"patient_id": str(patient.pk), "slot_id": str(slot.pk), **token}
            check(post(api, "book-appointment", booking), 409, code=code)
            check(post(api, f"available-slots/{slot.pk}/hold", token), 409, code=code)
            if slot != appointment.slot:
                move = {"appointment_id": str(appointment.pk), "slot_id": str(slot.pk), **token}
                check(post(api, "reschedule-appointment", move), 409, code=code)
        assert AvailableSlot.objects.values().get(pk=slot.pk) == before
    for body in ({}, {"hold_token": "guessed"}):
        answer = api.delete(f"/api/v1/available-slots/{held.pk}/hold", body)
        check(answer, 403, code="hold_not_owned")
    free = SlotFactory()
    inactive = PatientFactory(is_active=False)
    booking = {"patient_id": str(inactive.pk), "slot_id": str(free.pk)}
    check(post(api, "book-appointment", booking), 409, code="patient_inactive")
    check(post(api, "book-appointment", {**booking, "patient_id": NOWHERE}), 404, code="patient_not_found")
    check(
        post(api, "book-appointment", {**booking, "slot_id": NOWHERE, "patient_id": str(patient.pk)}),
        404,
        code="slot_not_found",
    )
    other_doctor = {"patient_id": str(patient.pk), "slot_id": str(free.pk), "doctor_id": "NOBODY"}
    check(post(api, "book-appointment", other_doctor), 400, code="doctor_mismatch", field="doctor_id")
    check(post(api, "cancel-appointment", {"appointment_id": NOWHERE}), 404, code="appointment_not_found")
    check(post(api, f"available-slots/{NOWHERE}/hold", {}), 404, code="slot_not_found")
    assert Appointment.objects.count() == 1
    assert AvailableSlot.objects.get(pk=free.pk).status == "available"


# --- names and texts ----------------------------------------------------------------------------------------------

OUR_OWN = [
    *(
        "O'Brien-Łuczak",
        "  two  spaces ",
        "李小龍",
        "Ñuñez\u0301",
        "\u202eright to left",
        "a\u0000b",
        "tab\there",
        "\r\n",
        "🤷🏽‍♀️",
    ),
    *(
        "'; DROP TABLE patients; --",
        "<script>alert(1)</script>",
        "%s%d%n",
        "{{7*7}}",
        "${jndi:ldap://x}",
        "\\",
        "%",
        "_",
    ),
    *(
        "\ufeffBOM",
        "\ufffe",
        "\U0010ffff",
        "a" * 200,
        "a" * 201,
        "é" * 200,
        "null",
        "NaN",
        "0",
        "\x01\x1f\x7f",
        "\u2028",
    ),
]

HOSTILE = 560  # texts: all of our own and all naughty strings come before the names of people


@pytest.fixture(scope="module")
def texts():
    """Our own hostile texts, and the real ones where they are there."""
    from booking_site.testing.fixtures import SHARED_DATA

    found = list(OUR_OWN)
    if SHARED_DATA.is_dir():
        found += json.loads((SHARED_DATA / "names" / "blns.json").read_text())
        with (SHARED_DATA / "names" / "faker_names.csv").open(newline="") as file:
            found += [row["full_name"] for row in csv.DictReader(file)]
        with (SHARED_DATA / "names" / "tricky_surname_first.txt").open() as file:
            found += [line.rstrip("\n") for line in file]
    return list(dict.fromkeys(found))


def acceptable(text, longest):
    return "\0" not in text and len(text) <= longest


def test_names_and_numbers_of_patients_come_back_exactly_as_sent(api, texts):
    lengths = {"first_name": 200, "last_name": 200, "insurance_provider": 200, "insurance_id": 100, "mrn": 64}
    patient = PatientFactory()
    count = 1
    for number, text in enumerate(texts):
        body = {**NEW_PATIENT, **dict.fromkeys(lengths, text)}
        refused = {name for name, longest in lengths.items() if not acceptable(text, longest)}
        if text == "":
            refused = {"mrn"}
        answer = post(api, "patients", body)
        if not refused and not text.strip():
            refused = {"last_name"}
        if refused:
            assert {error["field"] for error in check(answer, 400)["errors"]} == refused, text
            body = {name: value for name, value in body.items() if name not in refused} | {"last_name": "Byron"}
            body = {**NEW_PATIENT, **body}
            answer = post(api, "patients", body)
        count += 1
        assert answer.status_code == 201, (text, answer.content)
        saved = answer.json()
        assert {name: saved[name] for name in body} == body, text
        if number % 20 == 0:
            assert api.get(answer["Location"]).json() == saved
            change = {"insurance_provider": body.get("insurance_provider", "") + "!"}
            if len(change["insurance_provider"]) <= 200:
                assert (
                    api.patch(f"/api/v1/patients/{patient.pk}", change).json()["insurance_provider"]
                    == change["insurance_provider"]
                )
    assert Patient.objects.count() == count


def test_e_mail_phone_and_language_are_kept_as_sent_or_refused_by_name(api, texts):
    for text in texts[:700]:
        body = {**NEW_PATIENT, "email": text, "phone": text, "preferred_language": text}
        answer = post(api, "patients", body)
        if answer.status_code == 201:
            assert {name: answer.json()[name] for name in body} == body
            continue
        refused = {error["field"] for error in check(answer, 400)["errors"]}
        assert refused <= {"email", "phone", "preferred_language"}, text
        rest = {name: value for name, value in body.items() if name not in refused}
        answer = post(api, "patients", rest)
        assert answer.status_code == 201, text
        assert {name: answer.json()[name] for name in rest} == rest


def test_reasons_come_back_exactly_as_sent(api, texts):
    slots = SlotFactory.create_batch(2)
    patient = PatientFactory()
    for number, text in enumerate(texts if len(texts) < 800 else texts[:800]):
        slot, other = slots
        booking = {"patient_id": str(patient.pk), "slot_id": str(slot.pk), "reason": text}
        answer = post(api, "book-appointment", booking)
        if not acceptable(text, 2000):
            check(answer, 400, field="reason")
            continue
        assert answer.status_code == 201, (text, answer.content)
        made = answer.json()
        assert made["reason"] == text
        appointment = {"appointment_id": made["id"]}
        if number < HOSTILE or number % 4 == 0:
            moved = post(api, "reschedule-appointment", {**appointment, "slot_id": str(other.pk), "reason": text})
            assert (moved.status_code, moved.json()["reason"]) == (200, text)
        cancelled = post(api, "cancel-appointment", {**appointment, "reason": text})
        assert (cancelled.status_code, cancelled.json()["cancellation_reason"]) == (200, text)
        assert api.get(f"/api/v1/appointments/{made['id']}").json() == cancelled.json()


def test_hostile_codes_and_tokens_open_nothing(api, texts):
    """As a doctor's code and as a hold token: refused, with nothing written."""
    slot, patient = SlotFactory(), PatientFactory()
    api.post(f"/api/v1/available-slots/{slot.pk}/hold")
    before = AvailableSlot.objects.values().get()
    for text in texts[:HOSTILE]:
        booking = {"patient_id": str(patient.pk), "slot_id": str(slot.pk)}
        answer = post(api, "book-appointment", {**booking, "doctor_id": text})
        check(answer, 400, field="doctor_id")
        shaped = acceptable(text, 200) and text != ""
        expected = {"status": 409, "code": "hold_expired"} if shaped else {"status": 400, "field": "hold_token"}
        check(post(api, "book-appointment", {**booking, "hold_token": text}), **expected)
        check(post(api, f"available-slots/{slot.pk}/hold", {"hold_token": text}), **expected)
        expected = {"status": 403, "code": "hold_not_owned"} if shaped else expected
        check(api.delete(f"/api/v1/available-slots/{slot.pk}/hold", {"hold_token": text}), **expected)
    assert AvailableSlot.objects.values().get() == before
    assert Appointment.objects.count() == 0


LISTS_OF_VALUES = {("available-slots", "doctor"): 32, ("available-slots", "visit_type"): 40}  # each so long at most


def test_hostile_texts_in_filters_find_nothing_that_they_should_not(api, texts):
    appointment = booked(patient=PatientFactory(first_name="Ada", last_name="Byron"))
    SlotFactory(doctor=appointment.doctor)
    filters = {
        "doctors": ("search", "department", "specialization"),
        "patients": ("search", "email", "phone"),
        "available-slots": ("doctor", "department", "specialization", "visit_type"),
        "appointments": ("doctor", "department"),
    }
    turns = [(call, name) for call, names in filters.items() for name in names]
    for number, text in enumerate(texts):
        for call, name in turns if number < HOSTILE else [turns[number % len(turns)]]:
            answer = api.get(f"/api/v1/{call}", {name: text})
            longest = LISTS_OF_VALUES.get((call, name))
            values = text.split(",") if longest else [text]
            fit = all(acceptable(value, longest or 200) and value for value in values)
            if fit and 50 >= len(values) == len(set(values)):
                assert answer.status_code == 200, (call, name, text, answer.content)
                if len(text.strip()) > 3:
                    assert answer.json()["results"] == [], (call, name, text)
            else:
                check(answer, 400, field=name)


def test_a_patient_is_found_by_a_name_of_any_script(api, texts):
    for text in [text for text in texts[-300::3] if acceptable(text, 200) and text.strip()]:
        patient = PatientFactory(first_name="", last_name=text)
        found = api.get("/api/v1/patients", {"search": text, "page_size": "200"})
        assert found.status_code == 200, text
        assert str(patient.pk) in {row["id"] for row in found.json()["results"]}, text


# --- tokens --------------------------------------------------------------------------------------------------------


def test_the_token_endpoint_survives_anything(client):
    application, secret = register("backend", ["slots:read"])
    good = {"grant_type": "client_credentials", "client_id": application.client_id, "client_secret": secret}
    assert client.post("/oauth/token", good).status_code == 200
    values = ["", "\0", "a\0b", "é", "🦄", "x" * 100_000, "' OR 1=1 --", "\ud800".encode("utf-8", "surrogatepass")]
    for name in ("grant_type", "client_id", "client_secret", "scope"):
        for value in values:
            answer = client.post("/oauth/token", {**good, name: value})
            assert answer.status_code in (200, 400, 401), (name, value, answer.content)
            assert answer["Content-Type"] == "application/json"
            if answer.status_code != 200:
                assert "error" in answer.json()
    for grant in (
        "authorization_code",
        "refresh_token",
        "password",
        "implicit",
        "urn:ietf:params:oauth:grant-type:device_code",
    ):
        for name in ("code", "refresh_token", "username", "device_code"):
            for value in values:
                answer = client.post("/oauth/token", {**good, "grant_type": grant, name: value, "redirect_uri": value})
                assert answer.status_code in (400, 401), (grant, name, value)
    for credentials in [
        *("Basic", "Basic ", "Basic !", "Basic =", "Basic \xff", "Basic 🦄".encode().decode("latin-1"), "Bearer x"),
        *(
            f"Basic {base64.b64encode(raw).decode()}"
            for raw in (b"", b":", b"\0:\0", b"\xff:\xfe", b"a", b"a:b:c", b"%00:%00")
        ),
    ]:
        answer = client.post(
            "/oauth/token", {"grant_type": "client_credentials"}, headers={"Authorization": credentials}
        )
        assert answer.status_code in (400, 401), (credentials, answer.content)
    for body, content_type in [
        (b"\0", "application/x-www-form-urlencoded"),
        (b"%", "application/x-www-form-urlencoded"),
        (b"grant_type=%ff", "application/x-www-form-urlencoded"),
        (b"&".join(b"a=1" for _ in range(5_000)), "application/x-www-form-urlencoded"),
        (b"--x", "multipart/form-data; boundary=x"),
        (b"--x", "multipart/form-data"),
        (b"{}", "application/json"),
        (b"grant_type=client_credentials", "application/x-www-form-urlencoded; charset=nonsense"),
    ]:
        answer = client.generic("POST", "/oauth/token", body, content_type=content_type)
        assert 400 <= answer.status_code < 500, (body, answer.content)
    for value in values:
        answer = client.post("/oauth/revoke", {**good, "token": value})
        assert answer.status_code in (200, 400), value


def test_the_authorization_page_survives_anything(admin_client):
    for query in (
        "",
        "client_id=%00",
        "client_id=%ff",
        "client_id=x&redirect_uri=%00&response_type=code",
        "response_type=%00",
    ):
        assert admin_client.get(f"/oauth/authorize?{query}").status_code == 400, query


# --- sizes, over real HTTP ----------------------------------------------------------------------------------------


def test_a_body_over_the_limit_is_a_413(api):
    body = b'{"reason": "' + b"x" * 10_000_000 + b'"}'
    for call in WRITES:
        check(post_raw(api, call, body), 413, code="body_too_large")
    check(post_raw(api, "nothing", body), 413, code="body_too_large")
    check(post_raw(api, "patients", b" " * 1024 * 1024 + b"{}"), 413)
    check(post_raw(api, "patients", b" " * (1024 * 1024 - 2) + b"{}"), 400, code="invalid")


@pytest.mark.django_db(transaction=True)
def test_sizes_and_garbage_over_real_http(server, make_token):
    where = urlsplit(server)
    headers = {"Authorization": f"Bearer {make_token()}", "Content-Type": "application/json"}

    def send(method, address, body=None, *, chunked=False, **more):
        connection = http.client.HTTPConnection(where.hostname, where.port, timeout=30)
        chunks = (body[start : start + 50_000] for start in range(0, len(body), 50_000)) if chunked else body
        connection.request(method, address, chunks, {**headers, **more}, encode_chunked=chunked)
        answer = connection.getresponse()
        return answer.status, answer.headers["Content-Type"], answer.read()

    huge = json.dumps({**NEW_PATIENT, "first_name": "x" * 10_000_000}).encode()
    for chunked in (False, True):
        status, content_type, content = send("POST", "/api/v1/patients", huge, chunked=chunked)
        assert (status, content_type) == (413, "application/problem+json"), content[:300]
        assert json.loads(content)["code"] == "body_too_large"
        name = "Ünïcode" * 20
        status, _, content = send(
            "POST", "/api/v1/patients", json.dumps({**NEW_PATIENT, "first_name": name}).encode(), chunked=chunked
        )
        assert status == 201, content
        assert json.loads(content)["first_name"] == name
        status, _, content = send("POST", "/api/v1/patients", b"", chunked=chunked)
        assert status == 400
    for address in [
        "/api/v1/" + "x" * 10_000,
        "/api/v1/patients?" + urlencode({"search": "x" * 10_000}),
        "/" + quote("\0"),
    ]:
        status, *_ = send("GET", address)
        assert 400 <= status < 500, address
    for more in (
        {"Host": "evil.example"},
        {"X-Long": "x" * 100_000},
        {"Authorization": "Bearer \xe9"},
        {"Accept": "text/html"},
    ):
        status, *_ = send("GET", "/api/v1/doctors", **more)
        assert 400 <= status < 500, more
    for raw in (b"\0\0\0\0\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"GET /health HTTP/1.1\r\nHost: a\0b\r\n\r\n"):
        connection = http.client.HTTPConnection(where.hostname, where.port, timeout=30)
        connection.connect()
        connection.sock.sendall(raw)
        assert b" 500 " not in connection.sock.recv(200)
        connection.close()
    assert Patient.objects.count() == 2
