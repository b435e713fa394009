"""Whoever is shown a patient's data by any page or call is written down, once, with the patient.

One patient has names, numbers and addresses that nobody else has. Every address of the console and every GET of the
API is asked; where the answer holds any of these, exactly one new row of the audit log names the patient.
"""

import io
import json
import re

import pytest
from django.db import transaction
from django.urls import reverse
from pypdf import PdfReader

from audit.models import AuditLog
from booking_site.api.docs import document
from booking_site.core import shown
from booking_site.core.ids import uuid7
from booking_site.testing.fixtures import api_client
from booking_site.testing.world import LETTERS, NOBODY, build
from booking_site.tests.test_matrix import ASKED, HOSPITAL_WIDE, POST_ONLY, addresses, by_default, model_of
from patients.models import Patient

pytestmark = pytest.mark.django_db
CANARY = {
    "first_name": "Kanarie",
    "last_name": "Zilpzalp",
    "email": "zilpzalp@birds.example",
    "phone": "+49 30 7654321",
    "mrn": "BIRD-7654321",
}
NOT_SHOWN = {"login", "logout", "app_list"}
ASIDE = {"audit_auditlog_changelist", "audit_auditlog_change"}  # ids and no names: see audit/tests/test_search.py
# Show appointments: to those who do not see patients, or in the calendar file, without any name. They are told of too.
WITHOUT_NAMES = {
    *("appointments_appointment_slip_ics", "today_panel", "today_data", "index", "day_sheet", "scheduling_week"),
}
SHOWS = {
    *(
        f"appointments_appointment_{page}"
        for page in ("add", "cancel", "change", "changelist", "move", "slip", "slip_pdf")
    ),
    *(f"appointments_appointment_{page}" for page in ("rebook_all", "rebooking_report", "worklist")),
    *("audit_patient", "autocomplete", "day_sheet", "index", "patient", "patient_merge", "patients_patient_change"),
    *(
        "patient_consents",
        "patient_erase",
        "patients_patient_changelist",
        "scheduling_week",
        "today_data",
        "today_panel",
        "walk_in",
    ),
}
REQUEST_ID = "reading-0001"


@pytest.fixture(scope="module")
def world(django_db_setup, django_db_blocker):
    with django_db_blocker.unblock(), transaction.atomic():
        world = build()
        Patient.objects.filter(pk=world.sides["own"].patient.pk).update(**CANARY)
        yield world
        transaction.set_rollback(True)


def text_of(response) -> str:
    body = b"".join(response.streaming_content) if response.streaming else response.content
    if response["Content-Type"] == "application/pdf":
        return "\n".join(page.extract_text() for page in PdfReader(io.BytesIO(body)).pages)
    return body.decode()


def shows(text: str, patient) -> bool:
    plain = re.sub(r"\r\n ", "", text)  # lines of a calendar file are folded
    found = (*CANARY.values(), CANARY["phone"].replace("+49 30", "030"), str(patient.pk))
    return any(each in plain for each in found)


def naming(patient):
    return AuditLog.objects.filter(patient_id=patient.pk) | AuditLog.objects.filter(patient_ids__contains=[patient.pk])


def reading(client, patient, url: str, method: str = "get", data: dict | None = None, **headers: str) -> tuple:
    """(the status, whether the patient is shown, how many new rows name them by the reader)."""
    before = set(naming(patient).values_list("pk", flat=True))
    request_id = REQUEST_ID
    extra = {"HTTP_X_REQUEST_ID": request_id, "REMOTE_ADDR": "203.0.113.9"} | headers
    response = getattr(client, method)(url, data or {}, follow=True, **extra)
    new = naming(patient).exclude(pk__in=before).exclude(status="denied")
    right = new.filter(request_id=request_id, address="203.0.113.9", status="success")
    assert new.count() == right.count(), url
    return response.status_code, shows(text_of(response).replace(url, ""), patient), right.count()


def console_pages(world) -> list[tuple[str, str, dict]]:
    """(page, address, query) for every page of the console that is opened by GET."""
    own, found = world.sides["own"], []
    day = {"date": f"{own.appointment.date}", "doctor": own.doctor.pk}
    today = {"date": f"{own.arrived.date}", "doctor": own.doctor.pk}
    queries = {
        "index": [{}, day, {**day, "view": "list", "show": "all"}, today],
        "today_data": [ASKED["today_data"], day, {**day, "view": "list", "show": "all"}],
        "day_sheet": [{}, day],
        "patients_patient_changelist": [{}, {"q": "Zilpzalp"}, {"q": "nobody of this name"}],
        "appointments_appointment_changelist": [{}, {"day": "all"}, {"day": "all", "q": "Zilpzalp"}],
        "appointments_appointment_add": [{}, {"patient": own.patient.pk}],
        "scheduling_week": [{}, day],
        "walk_in": [{}, {"patient": own.patient.pk}],
        "walk_in_live": [{}, {"patient": own.patient.pk}],
        "patient_merge": [{}, {"other": own.duplicate.pk}],
        "autocomplete": [
            {"app_label": "appointments", "model_name": "appointment", "field_name": "patient", "term": "Zilpzalp"},
            {"app_label": "appointments", "model_name": "appointment", "field_name": "doctor", "term": "Doctor"},
        ],
    }
    for page in sorted(filter(None, addresses())):
        if by_default(page) or page in POST_ONLY or page in NOT_SHOWN or page in ASIDE:
            continue
        of_a_row = "<" in addresses()[page]
        row = []
        if page in ("today_panel", "audit_patient"):
            row = [own.appointment.pk if page == "today_panel" else own.patient.pk]
        elif of_a_row:
            kind = model_of(page)
            rows = world.shared if kind in HOSPITAL_WIDE else own
            row = [getattr(rows, "lifted" if page.endswith("_renew") else kind).pk]
        found += [(page, reverse(f"admin:{page}", args=row), query) for query in queries.get(page, [{}])]
    return found


@pytest.mark.parametrize("role", [role for role in LETTERS if role != NOBODY])
def test_every_page_that_shows_a_patient_leaves_one_row(world, client, role):
    client.force_login(world.users[role])
    own, seen, wrong = world.sides["own"], set(), []
    session = client.session
    left = [[str(own.waiting.pk), "No seat"]]
    session["rebooked"] = {"at": "2026-11-23T09:00:00+00:00", "moved": [], "left": left}
    session.save()
    for page, url, query in console_pages(world):
        method = "post" if page == "autocomplete" else "get"
        status, is_shown, rows = reading(client, own.patient, url, method, query)
        if is_shown:
            seen.add(page)
        if rows != is_shown and not (rows == 1 and page in WITHOUT_NAMES):
            wrong.append((page, query, status, is_shown, rows))
    assert wrong == []
    if role == "Administrator":
        assert seen == SHOWS


def test_every_call_that_shows_a_patient_leaves_one_row(world, make_token):
    own, seen, wrong = world.sides["own"], set(), []
    client = api_client(make_token())
    names = {"patients": own.patient.pk, "appointments": own.appointment.pk, "doctors": own.doctor.pk}
    names |= {"visit-types": "consultation", "audit-logs": naming(own.patient).first().pk}
    needed = {"/api/v1/first-available": {"doctor": own.doctor.pk}}
    for path, item in json.loads(document())["paths"].items():
        if "get" not in item or path.startswith("/health"):
            continue
        kind = path.split("/")[3]
        url = re.sub(r"\{\w+\}", lambda _match, kind=kind: str(names[kind]), path)
        for query in ({}, {"patient": own.patient.pk}, {"search": "Zilpzalp"}, {"page_size": 200}):
            status, is_shown, rows = reading(client, own.patient, url, data=needed.get(path, {}) | query)
            if status != 400 and is_shown:
                seen.add(path)
            is_told = rows == is_shown or (rows == 1 and path.endswith("/consents"))  # of somebody, without the name
            if status != 400 and not is_told and kind != "audit-logs":
                wrong.append((path, query, status, is_shown, rows))
    assert wrong == []
    assert seen - {"/api/v1/audit-logs", "/api/v1/audit-logs/{id}"} == {
        *("/api/v1/patients", "/api/v1/patients/{id}", "/api/v1/appointments", "/api/v1/appointments/{id}"),
    }


@pytest.mark.parametrize("text", ["Zilpzalp", "nobody of this name"])
def test_what_search_boxes_offer_leaves_one_row(world, client, text):
    client.force_login(world.users["Reception"])
    listed = AuditLog.objects.filter(action="patient.listed")
    before, patient = listed.count(), world.sides["own"].patient
    answer = reading(client, patient, reverse("admin:booking_find"), "post", {"what": "who", "q": text})
    assert answer == (200, text == "Zilpzalp", int(text == "Zilpzalp"))
    assert listed.count() == before + 1
    assert text not in str(listed.latest("timestamp", "id").details)


def test_a_look_into_a_booking_form_leaves_one_row(world, client):
    client.force_login(world.users["Reception"])
    own = world.sides["own"]
    sent = {"look": "", "key": str(uuid7()), "who": "Zilpzalp"}
    assert reading(client, own.patient, reverse("admin:appointments_appointment_add"), "post", sent) == (200, True, 1)
    ticked = {"action": "cancel_selected", "_selected_action": [str(own.appointment.pk)]}
    page = reverse("admin:appointments_appointment_changelist") + "?day=all"
    assert reading(client, own.patient, page, "post", ticked) == (200, True, 1)


def test_what_is_given_out_leaves_one_row(world, client):
    client.force_login(world.users["Administrator"])
    patient = world.sides["own"].patient
    url = reverse("admin:patient_export", args=[patient.pk])
    assert reading(client, patient, url, "post") == (200, True, 1)
    assert naming(patient).latest("timestamp", "seq").action == "patient.exported"


def test_the_sweep_finds_a_page_that_tells_nobody(world, client, monkeypatch):
    client.force_login(world.users["Reception"])
    monkeypatch.setattr(shown, "announce", lambda request: None)
    url = reverse("admin:patients_patient_changelist")
    assert reading(client, world.sides["own"].patient, url, data={"q": "Zilpzalp"}) == (200, True, 0)


def test_a_board_that_has_not_changed_shows_nothing_new(world, client):
    client.force_login(world.users["Reception"])
    own = world.sides["own"]
    url, query = reverse("admin:today_data"), {"date": f"{own.appointment.date}", "doctor": own.doctor.pk}
    first = client.get(url, query)
    before = AuditLog.objects.count()
    assert client.get(url, query, headers={"If-None-Match": first["ETag"]}).status_code == 304
    assert AuditLog.objects.count() == before
