"""Apps in the hands of patients: a token that opens one patient's own records, got by a backend that is trusted to."""

import json
import uuid
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone
from oauth2_provider.models import get_access_token_model

from appointments.merging import merge
from appointments.models import Appointment
from audit.models import AuditLog
from booking_site.api.clients import issue_token, register
from booking_site.api.models import ApiClient
from booking_site.api.scopes import FOR_PATIENTS
from booking_site.testing.factories import TESTER, PatientFactory, SlotFactory, VisitTypeFactory, booked, staff
from booking_site.testing.fixtures import api_client
from booking_site.testing.problems import NEW_PATIENT, check, post
from booking_site.tests.test_access import early_in_the_minute, oauth, token_request  # noqa: F401
from scheduling.models import AvailableSlot

pytestmark = pytest.mark.django_db
EVERY = [*FOR_PATIENTS, "frontdesk:write", "audit:read"]


@pytest.fixture
def registered():
    return register("portal", EVERY, 0, may_act_for_patients=True)


@pytest.fixture
def portal(registered):
    return api_client(issue_token(registered[0], days=1)[0])


@pytest.fixture
def patient():
    return PatientFactory()


def ask(portal, patient, scopes=FOR_PATIENTS, **more):
    return post(portal, "patient-tokens", {"patient_id": str(patient.pk), "scopes": list(scopes), **more})


def app_of(portal, patient, **more):
    answer = ask(portal, patient, **more)
    assert answer.status_code == 201, answer.content
    return api_client(answer.json()["access_token"])


def book(api, patient, slot, **more):
    return post(api, "book-appointment", {"patient_id": str(patient.pk), "slot_id": str(slot.pk), **more})


# --- getting one ---------------------------------------------------------------------------------------------------


def test_a_trusted_backend_gets_a_token_for_a_quarter_of_an_hour(portal, patient):
    answer = ask(portal, patient, ["slots:read", "appointments:read"])
    body = answer.json()
    assert answer["Cache-Control"] == "no-store"
    assert {name: value for name, value in body.items() if name != "access_token"} == {
        "token_type": "Bearer",
        "expires_in": 900,
        "scope": "slots:read appointments:read",
        "patient_id": str(patient.pk),
    }
    left = get_access_token_model().objects.latest("pk").expires - timezone.now()
    assert timedelta(minutes=14) < left <= timedelta(minutes=15)
    api = api_client(body["access_token"])
    assert api.get("/api/v1/appointments").status_code == 200
    check(api.get("/api/v1/doctors"), 403, code="insufficient_scope")
    get_access_token_model().objects.update(expires=timezone.now())
    check(api.get("/api/v1/appointments"), 401, code="invalid_token")


def test_it_may_be_shorter_and_not_longer(portal, patient):
    assert ask(portal, patient, minutes=2).json()["expires_in"] == 120
    for minutes in (0, 16, "2"):
        check(ask(portal, patient, minutes=minutes), 400, field="minutes")


@pytest.mark.parametrize(
    "scopes", [[], ["frontdesk:write"], ["audit:read"], ["patient:x"], ["everything"], "slots:read"]
)
def test_there_are_scopes_that_no_patient_has(portal, patient, scopes):
    check(post(portal, "patient-tokens", {"patient_id": str(patient.pk), "scopes": scopes}), 400)


def test_a_token_gives_no_scope_that_it_has_not_got_itself(registered, patient):
    api = api_client(issue_token(registered[0], days=1, scopes=["patients:read"])[0])
    assert ask(api, patient, ["patients:read"]).status_code == 201
    check(ask(api, patient, ["patients:read", "slots:read"]), 403, code="insufficient_scope")


def test_only_a_trusted_client_gets_one_and_only_for_itself(api, portal, registered, patient):
    check(ask(api, patient), 403, code="may_not_act_for_patients")
    check(ask(app_of(portal, patient), patient), 403, code="not_for_patients")
    person = api_client(issue_token(registered[0], days=1)[0])
    get_access_token_model().objects.filter(pk=get_access_token_model().objects.latest("pk").pk).update(
        user=staff("Administrator")
    )
    check(ask(person, patient), 403, code="may_not_act_for_patients")


def test_nobody_is_not_found_and_a_closed_record_is_refused(portal, patient):
    check(post(portal, "patient-tokens", {"patient_id": str(uuid.UUID(int=7)), "scopes": ["slots:read"]}), 404)
    patient.is_active = False
    patient.save()
    check(ask(portal, patient), 409, code="patient_inactive")


def test_the_token_endpoint_grants_no_patient(registered, patient):
    client, secret = registered
    for scope in (f"patient:{patient.pk}", f"slots:read patient:{patient.pk}"):
        assert token_request(client, secret, scope=scope).json()["error"] == "invalid_scope"


# --- what it opens -------------------------------------------------------------------------------------------------


def test_it_opens_the_patients_own_and_nothing_else(portal, patient):
    other = booked()
    api = app_of(portal, patient)
    slot, later = SlotFactory(), SlotFactory()
    made = book(api, patient, slot)
    assert made.status_code == 201
    key = made.json()["id"]
    assert [row["id"] for row in api.get("/api/v1/appointments?count=true").json()["results"]] == [key]
    assert [row["id"] for row in api.get("/api/v1/patients").json()["results"]] == [str(patient.pk)]
    assert api.get(f"/api/v1/patients/{patient.pk}").status_code == 200
    moved = post(api, "reschedule-appointment", {"appointment_id": key, "slot_id": str(later.pk)})
    assert moved.status_code == 200
    assert post(api, "cancel-appointment", {"appointment_id": key}).status_code == 200
    check(book(api, other.patient, slot), 404, code="patient_not_found")
    check(post(api, "cancel-appointment", {"appointment_id": str(other.pk)}), 404, code="appointment_not_found")
    check(post(api, "patients", NEW_PATIENT), 403, code="not_for_patients")
    check(post(api, f"appointments/{key}/check-in", {}), 403, code="insufficient_scope")


def test_a_patient_changes_how_to_be_reached_and_nothing_else(portal, patient):
    api, page = app_of(portal, patient), f"/api/v1/patients/{patient.pk}"
    contact = {"email": "new@mail.example", "phone": "+49 30 1", "preferred_language": "de", "remind_by_sms": True}
    assert api.patch(page, contact).status_code == 200
    for field, value in {"last_name": "X", "first_name": "X", "dob": "1990-01-01", "mrn": "A-1", "is_active": False,
                         "insurance_id": "1", "insurance_provider": "X"}.items():  # fmt: skip
        check(api.patch(page, {field: value, "phone": "+49 30 2"}), 403, code="field_not_allowed")
    patient.refresh_from_db()
    assert (patient.email, patient.phone, patient.is_active) == ("new@mail.example", "+49 30 1", True)


def test_a_patient_is_no_staff(portal, patient):
    api = app_of(portal, patient)
    closed = SlotFactory(visit_type=VisitTypeFactory(is_public=False))
    assert api.get("/api/v1/available-slots").json()["results"] == []
    check(book(api, patient, closed), 409, code="slot_unavailable")
    check(book(api, patient, SlotFactory(), is_urgent=True), 403, code="field_not_allowed")


def test_what_one_patient_holds_is_not_another_patients(portal, patient):
    mine, other = app_of(portal, patient), app_of(portal, PatientFactory())
    slot = SlotFactory()
    page = f"/api/v1/available-slots/{slot.pk}/hold"
    token = mine.post(page).json()["hold_token"]
    check(other.delete(page), 403, code="hold_not_owned")
    assert AvailableSlot.objects.get(pk=slot.pk).status == "held"
    assert book(mine, patient, slot, hold_token=token).status_code == 201


def test_a_patient_holds_a_few_seats_and_other_patients_as_many(portal, patient, settings):
    settings.HOLDS_PER_PATIENT = 2
    for api in (app_of(portal, patient), app_of(portal, PatientFactory())):
        pages = [f"/api/v1/available-slots/{SlotFactory().pk}/hold" for _ in range(3)]
        answers = [api.post(page) for page in pages]
        assert [answer.status_code for answer in answers] == [201, 201, 409]
        check(answers[-1], 409, code="too_many_holds")


def test_keys_of_patients_do_not_meet(portal, patient):
    other = PatientFactory()
    headers = {"Idempotency-Key": "0001"}
    for one in (patient, other):
        api = app_of(portal, one)
        body = {"patient_id": str(one.pk), "slot_id": str(SlotFactory().pk)}
        answers = [api.post("/api/v1/book-appointment", body, headers=headers) for _ in range(2)]
        assert [answer.status_code for answer in answers] == [201, 201]
        assert answers[0].json()["id"] == answers[1].json()["id"]
    assert Appointment.objects.count() == 2


def test_the_surviving_record_is_the_patients(portal, patient):
    api, survivor = app_of(portal, patient), PatientFactory()
    visit = booked(patient=patient)
    merge(actor=TESTER, survivor_id=survivor.pk, duplicate_id=patient.pk)
    assert api.get(f"/api/v1/patients/{patient.pk}").json()["id"] == str(survivor.pk)
    assert [row["id"] for row in api.get("/api/v1/appointments").json()["results"]] == [str(visit.pk)]
    assert book(api, patient, SlotFactory()).json()["patient_id"] == str(survivor.pk)
    assert ask(portal, patient).json()["patient_id"] == str(survivor.pk)


def test_the_audit_log_says_for_whom(portal, registered, patient):
    api = app_of(portal, patient)
    api.get(f"/api/v1/patients/{patient.pk}")
    book(api, patient, SlotFactory())
    issued = AuditLog.objects.get(action="patient.token_issued")
    assert (issued.user_id, issued.object_type, issued.object_id) == (
        registered[0].client_id,
        "patient",
        str(patient.pk),
    )
    assert issued.details["new"]["on_behalf_of"] == f"patient:{patient.pk}"
    told = AuditLog.objects.exclude(pk=issued.pk)
    assert set(told.values_list("user_kind", "user_id", "on_behalf_of")) == {
        ("client", registered[0].client_id, f"patient:{patient.pk}")
    }
    assert "appointment.booked" in set(told.values_list("action", flat=True))


# --- ending it -----------------------------------------------------------------------------------------------------


def test_the_backend_ends_it_at_once(portal, registered, patient):
    client, secret = registered
    token = ask(portal, patient).json()["access_token"]
    assert oauth("revoke", client, secret, token=token).status_code == 200
    check(api_client(token).get("/api/v1/doctors"), 401, code="invalid_token")


def test_with_the_trust_the_tokens_go(portal, patient):
    api = app_of(portal, patient)
    assert api.get("/api/v1/doctors").status_code == 200
    ApiClient.objects.update(may_act_for_patients=False)
    check(api.get("/api/v1/doctors"), 401, code="invalid_token")
    assert portal.get("/api/v1/doctors").status_code == 200


def test_scopes_of_the_front_desk_never_open_for_a_patient(registered, patient):
    """Not even if a token had them."""
    visit = booked(patient=patient)
    api = api_client(issue_token(registered[0], days=1, scopes=EVERY, patient_id=patient.pk)[0])
    check(post(api, f"appointments/{visit.pk}/check-in", {}), 403, code="insufficient_scope")


@pytest.mark.usefixtures("early_in_the_minute")
def test_one_patient_does_not_use_up_the_portals_minute(portal, patient, settings):
    settings.API_REQUESTS_PER_MINUTE_OF_PATIENT = 3
    api, other = app_of(portal, patient), app_of(portal, PatientFactory())
    assert [api.get("/api/v1/doctors").status_code for _ in range(5)] == [200, 200, 200, 429, 429]
    assert other.get("/api/v1/doctors").status_code == 200
    assert {portal.get("/api/v1/doctors").status_code for _ in range(5)} == {200}


# --- a client of one patient ---------------------------------------------------------------------------------------


def test_create_client_makes_a_client_for_one_patient_alone(capsys, patient):
    other = booked()
    call_command("create_client", "app", "--scopes", "patients:read slots:read", "--patient", str(patient.pk))
    made = json.loads(capsys.readouterr().out)
    client = ApiClient.objects.get(client_id=made["client_id"])
    granted = token_request(client, made["client_secret"]).json()["access_token"]
    for token in (made["access_token"], granted):
        api = api_client(token)
        assert [row["id"] for row in api.get("/api/v1/patients").json()["results"]] == [str(patient.pk)]
        assert api.get(f"/api/v1/patients/{other.patient_id}").status_code == 404
        check(ask(api, patient, ["slots:read"]), 403)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--patient", str(uuid.UUID(int=7))], "There is no patient"),
        (["--patient", "{patient}", "--may-act-for-patients"], "cannot act for others"),
        (["--patient", "{patient}", "--scopes", "frontdesk:write"], "on behalf of a patient"),
        (["--patient", "x"], "patient"),
    ],
)
def test_create_client_says_what_is_wrong_with_a_patient(patient, options, words):
    given = [option.format(patient=patient.pk) for option in options]
    with pytest.raises(CommandError, match=words):
        call_command("create_client", "app", "--scopes", "slots:read", *given)
    assert not ApiClient.objects.exists()


def test_deleting_the_patient_takes_the_client_along(patient):
    client, _secret = register("app", ["slots:read"], 0, patient=patient)
    api = api_client(issue_token(client, days=1)[0])
    assert api.get("/api/v1/available-slots").status_code == 200
    patient.delete()
    check(api.get("/api/v1/available-slots"), 401, code="invalid_token")
