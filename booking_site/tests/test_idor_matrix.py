"""Who reaches whose rows through the API: every operation of the served document, by every scope, by every kind of
caller, with objects of their own and of others.

Letters: U a client without a limit, D a client limited to a department, P an app that acts for a patient, R and C apps
that act for a receptionist of a department and for a clinician. Objects are those of ``testing.world``: ``own`` and
``beside`` are two doctors of the first department, ``elsewhere`` is one of another.

An operation, a parameter or a field of the document that is in no table here fails
``test_everything_in_the_document_is_in_the_matrix``.
"""

import json
from types import SimpleNamespace

import pytest
from django.conf import settings
from django.db import transaction
from django.test import Client

from appointments.models import Appointment
from audit.models import AuditLog
from booking_site.core.ids import uuid7
from booking_site.testing.idor import Row, callers, etag, nothing_of, operations, send
from booking_site.testing.world import SIDES, build
from patients.models import Patient

pytestmark = pytest.mark.django_db
ALL = "UDPRC"

# Which sides' objects are there for a caller, by kind; the others are answered like those that are nowhere.
FIRST = ("own", "beside")  # the two of the first department
OF_HOSPITAL = {"U": SIDES, "D": FIRST, "P": SIDES, "R": FIRST, "C": ("own",)}
REACHED = {
    "doctor": OF_HOSPITAL,
    "slot": OF_HOSPITAL,
    "appointment": OF_HOSPITAL | {"P": ("own",)},
    "patient": {"U": SIDES, "D": FIRST, "P": ("own",), "R": SIDES, "C": ("own",)},
    "visit_type": dict.fromkeys(ALL, SIDES),
    "entry": {"U": SIDES, "D": ()},
}
DEPARTMENT = ("department", lambda side: str(side.department.pk))
DOCTOR = ("doctor", lambda side: side.doctor.pk)
SEATS = {"doctor": DOCTOR, "department": DEPARTMENT}
APPOINTMENT, SLOT, PATIENT = ("appointment", "appointment"), ("slot", "availableslot"), ("patient", "patient")
OPEN = Row("")  # to all, with and without a token

MATRIX = {
    "health": OPEN,
    "ready": OPEN,
    "live": OPEN,
    "listDoctors": Row(
        ALL, lists="doctor", filters={"department": DEPARTMENT, "search": ("doctor", lambda side: side.doctor.name)}
    ),
    "getDoctor": Row(ALL, {"id": ("doctor", "doctor")}),
    "searchSlots": Row(ALL, lists="slot", filters=SEATS),
    "searchSlotsOfDoctor": Row(ALL, {"doctor_id": ("doctor", "doctor")}, lists="slot", filters=SEATS),
    "firstAvailable": Row(ALL, lists="slot", filters=SEATS),
    "slotCalendar": Row(ALL, lists="slot", filters=SEATS),
    "holdSlot": Row("UDPR", {"id": SLOT}),
    "releaseSlot": Row("UDPR", {"id": SLOT}),
    "listVisitTypes": Row(ALL),
    "getVisitType": Row(ALL, {"code": ("visit_type", "visit_type")}),
    "listPatients": Row(
        ALL,
        lists="patient",
        filters={
            "search": ("patient", lambda side: side.patient.last_name),
            "email": ("patient", lambda side: side.patient.email),
            "phone": ("patient", lambda side: side.patient.phone),
        },
    ),
    "getPatient": Row(ALL, {"id": PATIENT}),
    "listConsents": Row(ALL, {"id": PATIENT}),
    "registerPatient": Row("UDR", sends={"first_name": "Ada", "last_name": "Byron", "dob": "1980-02-29"}),
    "changePatient": Row("UDPR", {"id": PATIENT}, sends={"email": "new@mail.example"}),
    "issuePatientToken": Row("UD", {"patient_id": PATIENT}, sends={"scopes": ["patients:read"]}),
    "listAppointments": Row(
        ALL,
        lists="appointment",
        filters={**SEATS, "patient": ("patient", lambda side: str(side.patient.pk))},
    ),
    "getAppointment": Row(ALL, {"id": APPOINTMENT}),
    "bookAppointment": Row("UDPR", {"patient_id": PATIENT, "slot_id": SLOT}),
    "cancelAppointment": Row("UDPR", {"appointment_id": APPOINTMENT}),
    "rescheduleAppointment": Row("UDPR", {"appointment_id": APPOINTMENT, "slot_id": SLOT}),
    "checkIn": Row("UDRC", {"id": APPOINTMENT}),
    "startVisit": Row("UDRC", {"id": ("appointment", "arrived")}),
    "completeVisit": Row("UDRC", {"id": ("appointment", "with_doctor")}),
    "markNoShow": Row("UDRC", {"id": ("appointment", "overdue")}),
    "undoStep": Row("UDRC", {"id": ("appointment", "arrived")}),
    "listAuditLogs": Row("UD"),  # of the whole hospital: a client that is limited is shown nothing of it, see below
    "getAuditLog": Row("UD", {"id": ("entry", "entry")}),
}
# What can be sent that names no object, or (the tokens and keys) only one that the caller knows a secret of.
VALUES = {
    "query": {
        *("page", "page_size", "cursor", "count", "ordering", "is_active", "specialization", "visit_type", "dob"),
        *("date", "date_from", "date_to", "weekday", "time_from", "time_to", "part_of_day", "duration_minutes"),
        *("per_doctor", "per_day", "status", "needs_new_time"),
        *("patient", "appointment", "user", "user_kind", "action", "object_type", "object_id", "request_id"),
    },
    "header": {"Idempotency-Key", "If-Match", "If-None-Match"},
    "body": {
        *("first_name", "last_name", "email", "phone", "dob", "insurance_provider", "insurance_id", "mrn"),
        *("preferred_language", "remind_by_email", "remind_by_sms", "remind_by_phone", "is_active"),
        *("reason", "doctor_id", "requested_datetime", "hold_token", "is_urgent", "cancellation_code", "minutes"),
        *("scopes", "consent_source"),
    },
}
SETS = {"none": [], "all": list(settings.SCOPES), **{scope: [scope] for scope in settings.SCOPES}}


@pytest.fixture(autouse=True)
def _unthrottled(settings):
    settings.API_REQUESTS_PER_MINUTE_OF_PATIENT = 0


@pytest.fixture(scope="module")
def document(django_db_setup, django_db_blocker):
    with django_db_blocker.unblock():
        return operations(json.loads(Client().get("/openapi.json").content))


@pytest.fixture(scope="module")
def world(django_db_setup, django_db_blocker):
    with django_db_blocker.unblock(), transaction.atomic():
        built = build()
        world = SimpleNamespace(sides=built.sides, shared=built.shared, callers=callers(built))
        for number, side in enumerate(world.sides.values()):
            side.visit_type = world.shared.visittype
            Patient.objects.filter(pk=side.patient.pk).update(phone=f"+49 30 55512{number}")
            side.patient.refresh_from_db()
            side.entry = AuditLog.objects.create(action="test.done", status="success", patient_id=side.patient.pk)
        yield world
        transaction.set_rollback(True)


def own_objects(world, row: Row) -> dict[str, str]:
    return {name: key_of(world.sides["own"], attribute) for name, (_kind, attribute) in row.objects.items()}


def key_of(side, attribute: str) -> str:
    return str(getattr(side, attribute).pk)


def test_everything_in_the_document_is_in_the_matrix(document):
    assert set(document) == set(MATRIX)
    for name, operation in document.items():
        row = MATRIX[name]
        assert (name, operation.given["path"] - row.objects.keys()) == (name, set())
        assert (name, operation.given["query"] - row.filters.keys() - VALUES["query"]) == (name, set())
        assert (name, operation.given["header"] - VALUES["header"]) == (name, set())
        assert (name, operation.given["body"] - row.objects.keys() - VALUES["body"]) == (name, set())
        assert (name, operation.scope == "") == (name, row is OPEN)


@pytest.mark.parametrize("letter", ALL)
def test_each_operation_needs_its_scope_whatever_it_is_asked_about(world, document, letter):
    """With each scope alone, with none and with all; for P the scopes of the front desk and the audit are none."""
    caller, got, want = world.callers[letter], {}, {}
    for scopes, granted in SETS.items():
        caller.allow(granted)
        for name, operation in document.items():
            row = MATRIX[name]
            if row is OPEN:
                continue
            for side in ("own", "elsewhere") if operation.scope in granted else ("elsewhere",):
                objects = {field: key_of(world.sides[side], named) for field, (_kind, named) in row.objects.items()}
                answer = send(caller, operation, row, objects)
                got[scopes, name, side] = (answer.status, answer.code) if answer.status == 403 else "in"
                closed = "not_for_patients" if letter == "P" else ""
                if operation.scope not in granted or (letter == "P" and operation.scope in FRONT):
                    want[scopes, name, side] = (403, "insufficient_scope")
                elif letter in row.who:
                    want[scopes, name, side] = "in"
                elif name == "issuePatientToken" and letter in "RC":
                    want[scopes, name, side] = (403, "may_not_act_for_patients")
                else:
                    want[scopes, name, side] = (403, closed or "not_allowed")
    assert got == want


FRONT = ("frontdesk:write", "audit:read")


@pytest.mark.parametrize("letter", ALL)
def test_objects_within_reach_are_there_and_others_are_nowhere(world, document, letter):
    """An object out of reach gives the very answer that an id of nothing gives, after as many queries."""
    caller = world.callers[letter]
    caller.allow(settings.SCOPES)
    for name, operation in document.items():
        row = MATRIX[name]
        if letter not in row.who or not row.objects:
            continue
        for field, (kind, attribute) in row.objects.items():
            mine = own_objects(world, row)
            nowhere = send(caller, operation, row, mine | {field: nothing_of(kind)})
            assert (name, field, nowhere.status) == (name, field, 404)
            for side in SIDES:
                answer = send(caller, operation, row, mine | {field: key_of(world.sides[side], attribute)})
                where = (name, field, side)
                if side in REACHED[kind][letter]:
                    assert (*where, answer.status, answer.code) == (*where, operation.success, "")
                else:
                    assert (*where, answer.told, answer.queries) == (*where, nowhere.told, nowhere.queries)


@pytest.mark.parametrize("letter", ALL)
def test_versions_and_keys_tell_nothing_of_what_is_out_of_reach(world, document, letter):
    """Not with the right version, not with a wrong one, not with a key that another client has used on it."""
    caller, other = world.callers[letter], world.callers["U"]
    for each in (caller, other):
        each.allow(settings.SCOPES)
    for name, operation in document.items():
        row = MATRIX[name]
        headers = operation.given["header"]
        if letter not in row.who or not headers or not row.objects:
            continue
        field, (kind, attribute) = next(iter(row.objects.items()))
        for side in set(SIDES) - set(REACHED[kind][letter]):
            foreign = getattr(world.sides[side], attribute)
            sent = {each: key_of(world.sides[side], named) for each, (_kind, named) in row.objects.items()}
            nowhere = sent | {field: nothing_of(kind)}
            key = {"Idempotency-Key": str(uuid7())}
            tried = [{each: value} for each in ("If-Match", "If-None-Match") for value in (etag(foreign), '"0"', "*")]
            for given in [given for given in (*tried, key) if set(given) <= headers]:
                with transaction.atomic():
                    if given is key:
                        send_and_keep(other, operation, row, sent, given)
                    there = send(caller, operation, row, sent, headers=given)
                    transaction.set_rollback(True)
                gone = send(caller, operation, row, nowhere, headers=given)
                assert (name, side, given, there.told) == (name, side, given, gone.told)
                assert (name, there.status, there.queries) == (name, 404, gone.queries)


def send_and_keep(caller, operation, row, objects, headers) -> None:
    path = operation.path.format(**{name: objects[name] for name in operation.given["path"]})
    body = row.sends | {name: value for name, value in objects.items() if name not in operation.given["path"]}
    answer = getattr(caller.api, operation.method)(path, body, format="json", headers=headers)
    assert answer.status_code == operation.success, answer.content


@pytest.mark.parametrize("letter", ALL)
def test_filters_find_what_is_within_reach_and_nothing_else(world, document, letter):
    """Nothing is found of others, as fast as nothing is found of nobody."""
    caller = world.callers[letter]
    caller.allow(settings.SCOPES)
    for name, operation in document.items():
        row = MATRIX[name]
        for field, (kind, value_of) in row.filters.items():
            mine = own_objects(world, row)
            nowhere = send(caller, operation, row, mine, {field: nothing_named(kind, field)})
            assert (name, field, nowhere.status, rows_of(nowhere)) == (name, field, 200, [])
            for side in SIDES:
                answer = send(caller, operation, row, mine, {field: value_of(world.sides[side])})
                asked = FIRST if kind == "department" and side in FIRST else (side,)
                found = set(asked) & set(REACHED[row.lists][letter]) & set(("own",) if mine else SIDES)
                where = (name, field, side)
                assert (*where, answer.status, bool(rows_of(answer))) == (*where, 200, bool(found))
                if not found:
                    assert (*where, answer.queries) == (*where, nowhere.queries)


def test_a_limited_client_is_shown_nothing_of_the_log(world, document):
    """The control: one without a limit is shown the entry of each patient."""
    for letter, is_shown in (("U", True), ("D", False)):
        caller = world.callers[letter]
        caller.allow(["audit:read"])
        for side in SIDES:
            query = {"patient": str(world.sides[side].patient.pk)}
            answer = send(caller, document["listAuditLogs"], MATRIX["listAuditLogs"], {}, query)
            assert bool(rows_of(answer)) is is_shown


def nothing_named(kind: str, field: str) -> str:
    return {"search": "Nobody at all", "email": "nobody@nowhere.example", "phone": "+1 999 888 777"}.get(
        field, nothing_of(kind)
    )


def rows_of(answer) -> list:
    return answer.body["results"]


# How the rows of a side are told in a list.
MARKS = {
    "doctor": ("id", lambda side: side.doctor.pk),
    "slot": ("doctor_id", lambda side: side.doctor.pk),
    "patient": ("id", lambda side: str(side.patient.pk)),
    "appointment": ("id", lambda side: str(side.appointment.pk)),
}


@pytest.mark.parametrize("letter", ALL)
@pytest.mark.parametrize("ordering", ["", "first", "-first"])
def test_lists_show_and_count_what_is_within_reach(world, document, letter, ordering):
    caller = world.callers[letter]
    caller.allow(settings.SCOPES)
    for name, row in MATRIX.items():
        if not row.lists or row.objects or "page_size" not in document[name].given["query"]:
            continue
        keyset = "cursor" in document[name].given["query"]
        query = {"page_size": "200"} | ({"count": "true"} if keyset else {})
        if ordering:
            query["ordering"] = ordering.replace("first", "starts_at" if keyset else "created_at")
        answer = send(caller, document[name], row, {}, query)
        column, mark_of = MARKS[row.lists]
        shown = {one[column] for one in rows_of(answer)}
        sides = tuple(side for side in SIDES if mark_of(world.sides[side]) in shown)
        assert (name, sides) == (name, REACHED[row.lists][letter])
        assert (name, answer.body["count"]) == (name, len(rows_of(answer)))
        page = send(caller, document[name], row, {}, query | {"page_size": "1"})
        assert (name, page.body["count"], len(rows_of(page))) == (name, answer.body["count"], 1)


@pytest.mark.parametrize("letter", "UDRC")
def test_a_cancellation_is_undone_by_those_who_may_book_and_is_nowhere_for_others(world, document, letter):
    """To undo it is to book: it asks for one scope more, but only of those for whom it is there."""
    caller, row = world.callers[letter], Row("UDR", {"id": ("appointment", "cancelled")})
    for granted, code in (["frontdesk:write"], "insufficient_scope"), (list(settings.SCOPES), ""):
        caller.allow(granted)
        nowhere = send(caller, document["undoStep"], row, {"id": nothing_of("appointment")})
        for side in SIDES:
            key = key_of(world.sides[side], "cancelled")
            answer = send(caller, document["undoStep"], row, {"id": key})
            if side not in REACHED["appointment"][letter]:
                assert (side, answer.told) == (side, nowhere.told)
            else:
                assert (side, answer.code) == (side, code or ("" if letter in row.who else "not_allowed"))


def test_the_doctor_of_a_booking_tells_nothing_of_doctors_out_of_reach(world, document):
    caller, row = world.callers["D"], MATRIX["bookAppointment"]
    caller.allow(settings.SCOPES)
    mine = own_objects(world, row)
    right = send(caller, document["bookAppointment"], row, mine | {"doctor_id": world.sides["own"].doctor.pk})
    answers = [
        send(caller, document["bookAppointment"], row, mine | {"doctor_id": doctor})
        for doctor in ("T-NOBODY", world.sides["beside"].doctor.pk, world.sides["elsewhere"].doctor.pk)
    ]
    assert right.status == 201
    assert {(answer.status, answer.code) for answer in answers} == {(400, "doctor_mismatch")}
    assert answers[0].told == answers[1].told == answers[2].told


def test_the_matrix_would_find_a_hole(world, document, monkeypatch):
    """A control: without the condition on rows the client of a department sees what it must not."""
    monkeypatch.setattr(type(Appointment.objects.all()), "within", lambda rows, reach: rows)
    caller, row = world.callers["D"], MATRIX["getAppointment"]
    caller.allow(settings.SCOPES)
    foreign = {"id": key_of(world.sides["elsewhere"], "appointment")}
    assert send(caller, document["getAppointment"], row, foreign).status == 200
