"""Hostile and careless bodies: the specified 4xx with a helpful problem, nothing written, never a 500."""

import http.client
import json
from datetime import datetime, timedelta
from urllib.parse import quote, urlencode, urlsplit

import pytest
from django.utils import timezone

from appointments.models import Appointment
from booking_site.testing.factories import PatientFactory, SlotFactory, booked
from booking_site.testing.problems import NEW_PATIENT, NOWHERE, RIGHT, WRITES, check, post, post_raw
from patients.models import Patient
from scheduling.models import AvailableSlot
from scheduling.operations import digest

pytestmark = pytest.mark.django_db

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
    "consent": ["", "file", "merge", "Desk", 1, True, [], {}, None, "desk\0"],
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
        "consent_source": "consent",
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


# --- depth ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("pair", ["[]", "{}"])
@pytest.mark.parametrize("call", WRITES)
def test_a_body_is_nested_so_deep_and_no_deeper(api, call, pair):
    """The object at the top is the first level."""
    opening = pair[0] if pair == "[]" else '{"a":'

    def nested(levels):
        inner = opening * (levels - 2) + pair + pair[1] * (levels - 2)
        return post_raw(api, call, b'{"reason":' + inner.encode() + b"}")

    assert "nested" not in check(nested(32), 400, code="invalid")["detail"]
    for levels in (33, 1000, 5000):
        check(nested(levels), 400, code="malformed_json")
    assert check(nested(33), 400)["detail"] == "The body is nested deeper than 32 levels."


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
