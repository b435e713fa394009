"""Clients that are limited to departments: whom they see, what they may book, and what they learn of the rest.

Who reaches which object by which call is in ``test_idor_matrix``; here is what no table tells.
"""

import json
import uuid

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from oauth2_provider.models import get_access_token_model

from appointments.merging import merge
from appointments.models import Appointment
from appointments.operations import cancel
from audit.models import AuditLog
from booking_site.api.clients import issue_token, register
from booking_site.api.models import ApiClient, Registration
from booking_site.testing.factories import (
    TESTER,
    DepartmentFactory,
    DoctorFactory,
    PatientFactory,
    ScheduleFactory,
    SlotFactory,
    booked,
    staff,
)
from booking_site.testing.fixtures import api_client
from booking_site.testing.problems import NEW_PATIENT, check, post

pytestmark = pytest.mark.django_db
EVERY = ["doctors:read", "patients:read", "patients:write", "slots:read", "slots:hold", "appointments:read",
         "appointments:write"]  # fmt: skip


@pytest.fixture
def cardiology():
    return DepartmentFactory(name="Cardiology")


@pytest.fixture
def limited(cardiology):
    """An API client that is limited to cardiology."""
    return client_of(cardiology)


def client_of(*departments, name="limited", user=None):
    client, _secret = register(name, EVERY, 0, departments=departments)
    token = issue_token(client, days=1)[0]
    if user is not None:
        get_access_token_model().objects.filter(application=client).update(user=user)
    return api_client(token)


def slot_in(department, **more):
    return SlotFactory(doctor__department=department, **more)


def book(api, patient_id, slot, **more):
    return post(api, "book-appointment", {"patient_id": str(patient_id), "slot_id": str(slot.pk), **more})


def sees(api, patient) -> bool:
    answer = api.get(f"/api/v1/patients/{patient.pk}")
    assert answer.status_code in (200, 404)
    return answer.status_code == 200


# --- patients ------------------------------------------------------------------------------------------------------


def test_a_limited_client_registers_and_books(limited, cardiology):
    made = post(limited, "patients", NEW_PATIENT)
    assert made.status_code == 201
    assert limited.get(made["Location"]).status_code == 200
    assert book(limited, made.json()["id"], slot_in(cardiology)).status_code == 201
    assert Registration.objects.get().client.name == "limited"


def test_it_does_not_see_whom_another_client_has_registered(limited, cardiology):
    made = post(client_of(cardiology, name="other"), "patients", NEW_PATIENT).json()
    assert limited.get(f"/api/v1/patients/{made['id']}").status_code == 404
    assert limited.get("/api/v1/patients").json()["count"] == 0


@pytest.mark.parametrize("is_cancelled", [False, True])
def test_it_sees_whoever_has_or_had_an_appointment_there(limited, cardiology, is_cancelled):
    here, elsewhere = booked(slot=slot_in(cardiology)), booked()
    if is_cancelled:
        cancel(actor=TESTER, appointment_id=here.pk)
    assert sees(limited, here.patient)
    assert not sees(limited, elsewhere.patient)
    assert [row["id"] for row in limited.get("/api/v1/patients").json()["results"]] == [str(here.patient_id)]


def test_a_client_without_a_limit_leaves_no_registration(api):
    assert post(api, "patients", NEW_PATIENT).status_code == 201
    assert not Registration.objects.exists()


def test_a_merged_record_goes_with_the_one_that_answers_for_it(limited, cardiology):
    made = post(limited, "patients", NEW_PATIENT).json()
    survivor = PatientFactory()
    assert not sees(limited, survivor)
    merge(actor=TESTER, survivor_id=survivor.pk, duplicate_id=uuid.UUID(made["id"]))
    assert sees(limited, survivor)
    followed = limited.get(f"/api/v1/patients/{made['id']}")
    assert followed.json()["id"] == str(survivor.pk)
    check(limited.patch(f"/api/v1/patients/{made['id']}", {"phone": "+49 30 1"}), 409, code="patient_merged")
    assert book(limited, made["id"], slot_in(cardiology)).json()["patient_id"] == str(survivor.pk)
    merge(actor=TESTER, survivor_id=PatientFactory().pk, duplicate_id=booked().patient_id)
    assert limited.get("/api/v1/patients").json()["count"] == 1


@pytest.mark.parametrize("mrn", ["A-1", "A-2", None])
def test_record_numbers_are_not_for_those_who_do_not_see_all_patients(limited, mrn):
    """A number that is taken would tell of a patient whom they may not see."""
    PatientFactory(mrn="A-1")
    check(post(limited, "patients", NEW_PATIENT | {"mrn": mrn}), 403, code="field_not_allowed")
    made = post(limited, "patients", NEW_PATIENT).json()
    check(limited.patch(f"/api/v1/patients/{made['id']}", {"mrn": mrn}), 403, code="field_not_allowed")


# --- what a refusal tells ------------------------------------------------------------------------------------------


def test_who_is_somewhere_else_then_is_not_told_where(limited, cardiology):
    """That the patient has no time must be told: nobody is in two places. With whom is not the client's to know."""
    slot = slot_in(cardiology)
    patient = booked(slot=SlotFactory(starts_at=slot.starts_at, doctor__name="Doctor of elsewhere")).patient
    booked(patient=patient, slot=slot_in(cardiology))
    body = check(book(limited, patient.pk, slot), 409, code="patient_double_booked")
    assert body["detail"] == "The patient already has an appointment at that time."
    own = slot_in(cardiology, starts_at=Appointment.objects.get(department=cardiology).starts_at)
    body = check(book(limited, patient.pk, own), 409, code="patient_double_booked")
    assert Appointment.objects.get(department=cardiology).doctor.name in body["detail"]


def test_a_seat_elsewhere_tells_nothing_whatever_is_the_matter_with_it(limited, cardiology):
    patient = booked(slot=slot_in(cardiology)).patient
    taken, free = booked().slot, SlotFactory()
    held = SlotFactory(status="held", held_by="x", hold_digest="y", held_until="2999-01-01T00:00Z")
    answers = [book(limited, patient.pk, slot) for slot in (taken, free, held, SlotFactory(status="withdrawn"))]
    answers += [post(limited, f"available-slots/{slot.pk}/hold", {}) for slot in (taken, free, held)]
    assert {(answer.status_code, answer.json()["code"]) for answer in answers} == {(404, "slot_not_found")}


def test_asking_for_what_is_out_of_reach_is_in_the_audit_log_as_for_what_is_nowhere(limited):
    for key in (PatientFactory().pk, "0198c5f2-7d1a-7c3e-9a51-2b6f0d8e4c77"):
        check(limited.get(f"/api/v1/patients/{key}"), 404, code="not_found")
        row = AuditLog.objects.latest("seq")
        assert (row.action, row.status, row.details["code"]) == ("access.denied", "denied", "out_of_reach")
        assert row.details["path"] == f"/api/v1/patients/{key}"


# --- limits that change, limits that meet --------------------------------------------------------------------------


def test_a_limit_holds_for_the_tokens_that_are_there_from_the_next_call_on(api, cardiology):
    slot_in(cardiology), SlotFactory()

    def seats():
        return len(api.get("/api/v1/available-slots").json()["results"])

    assert seats() == 2
    ApiClient.objects.get().departments.add(cardiology)
    assert seats() == 1
    ApiClient.objects.get().departments.clear()
    assert seats() == 2


def test_limits_of_the_client_and_of_the_person_meet(cardiology):
    neurology, surgery = DepartmentFactory(name="Neurology"), DepartmentFactory(name="Surgery")
    slots = {department.name: slot_in(department) for department in (cardiology, neurology, surgery)}
    person = staff("Reception", neurology, surgery)
    for departments, seen in [
        ((cardiology, neurology), {"Neurology"}),
        ((cardiology,), set()),
        ((), {"Neurology", "Surgery"}),
    ]:
        api = client_of(*departments, name=f"app {len(departments)}", user=person)
        rows = api.get("/api/v1/available-slots").json()["results"]
        assert {row["department"] for row in rows} == seen
        for name, slot in slots.items():
            page = f"/api/v1/available-slots/{slot.pk}/hold"
            expected = (name, 201, 204) if name in seen else (name, 404, 404)
            assert (name, api.post(page).status_code, api.delete(page).status_code) == expected


def test_a_person_without_a_place_of_work_sees_and_registers_nobody(cardiology):
    person = staff("Reception")
    person.staff_profile.delete()
    api = client_of(name="app", user=person)
    booked(), SlotFactory()
    for call in ("doctors", "patients", "appointments", "available-slots"):
        assert (call, api.get(f"/api/v1/{call}").json()["results"]) == (call, [])
    check(post(api, "patients", NEW_PATIENT), 403, code="not_allowed")


def test_a_guest_is_seen_where_he_has_a_schedule(limited, cardiology):
    guest, stranger = DoctorFactory(), DoctorFactory()
    ScheduleFactory(doctor=guest, department=cardiology)
    found = [limited.get(f"/api/v1/doctors/{doctor.pk}").status_code for doctor in (guest, stranger)]
    assert found == [200, 404]


# --- what it costs -------------------------------------------------------------------------------------------------


def test_without_a_limit_a_call_costs_one_query_more_than_its_work(api, cardiology):
    """The token, its client and its departments are one statement; what a limit costs, the limited pay."""
    patient, slots = PatientFactory(), [slot_in(cardiology) for _ in range(4)]
    limited = client_of(cardiology)
    booked(patient=patient, slot=slot_in(cardiology))

    def queries(call):
        with CaptureQueriesContext(connection) as taken:
            assert call().status_code in (200, 201)
        return [query["sql"] for query in taken]

    for caller, more in (api, 0), (limited, 2):
        search = queries(lambda caller=caller: caller.get("/api/v1/available-slots"))
        assert len(search) == 2
        booking = queries(lambda caller=caller: book(caller, patient.pk, slots.pop()))
        assert sum("api_clients" in sql for sql in booking) == 1
        asked = [sql for sql in booking if not sql.startswith(("SAVEPOINT", "RELEASE"))]
        assert len(asked) == 3 + more, asked


# --- the command ---------------------------------------------------------------------------------------------------


def test_create_client_limits_to_departments_by_name_code_or_id(capsys, cardiology):
    neurology, surgery = DepartmentFactory(name="Neurology", code="NEU"), DepartmentFactory(name="Surgery")
    named = ["cardiology", "NEU", str(surgery.pk)]
    call_command("create_client", "kiosk", "--scopes", "slots:read", "--departments", *named)
    made = json.loads(capsys.readouterr().out)
    assert list(made) == ["client_id", "client_secret", "access_token", "expires_at"]
    client = ApiClient.objects.get(client_id=made["client_id"])
    assert set(client.departments.all()) == {cardiology, neurology, surgery}
    row = AuditLog.objects.get(action="apiclient.created")
    assert (row.user_kind, row.user_id, row.object_id) == ("command", "create_client", str(client.pk))
    assert set(row.details["new"]["departments"]) == {str(department.pk) for department in client.departments.all()}
    assert made["access_token"] not in json.dumps(row.details)


def test_create_client_knows_no_department_that_is_not_there():
    with pytest.raises(CommandError, match="There is no department Alchemy"):
        call_command("create_client", "kiosk", "--scopes", "slots:read", "--departments", "Alchemy")
    assert not ApiClient.objects.exists()
