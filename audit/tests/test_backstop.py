"""What no operation has told of, the database tells: a shell, ``QuerySet.update()``, bulk writes, raw SQL."""

import uuid

import pytest
from django.db import connection, transaction

from appointments.models import Appointment
from appointments.operations import cancel
from audit.models import AuditLog
from booking_site.core.actor import command
from booking_site.testing.factories import PatientFactory, SlotFactory, booked
from patients.models import Patient
from scheduling.models import AvailableSlot

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def nothing_is_told():
    """As in production; the sessions of tests count as having told of everything."""
    with connection.cursor() as cursor:
        cursor.execute("SHOW audit.told")
        told = cursor.fetchone()[0]
        cursor.execute("SET audit.told = ''")
        yield
        cursor.execute("SET audit.told = %s", [told])


def told_by_the_database() -> list[AuditLog]:
    return list(AuditLog.objects.filter(action__startswith="database.").order_by("timestamp"))


def test_an_update_past_all_operations_is_told_for_each_row():
    patients = [PatientFactory(phone="+49 30 1234567"), PatientFactory()]
    made = told_by_the_database()
    assert [row.action for row in made] == ["database.insert", "database.insert"]
    Patient.objects.update(phone="+49 30 7654321", is_active=False)
    rows = told_by_the_database()[2:]
    assert [row.action for row in rows] == ["database.update", "database.update"]
    assert {row.patient_id for row in rows} == {patient.pk for patient in patients}
    row = next(row for row in rows if row.patient_id == patients[0].pk)
    assert (row.user_kind, row.object_type, row.object_id) == ("database", "patient", str(patients[0].pk))
    assert row.user_id == connection.settings_dict["USER"]
    assert row.details["old"] == {"phone": "***", "phone_digits": "***", "is_active": True}
    assert row.details["new"] == {"phone": "***", "phone_digits": "***", "is_active": False}


def test_names_are_in_no_row():
    PatientFactory(first_name="Canary", last_name="Kanarienvogel", email="canary@example.org", mrn="MRN-4711")
    assert not [row for row in AuditLog.objects.values() if "anar" in str(row).lower() or "4711" in str(row)]


def test_bulk_writes_raw_sql_and_deletes_are_told():
    slots = SlotFactory.create_batch(2)
    AvailableSlot.objects.bulk_update([*_renamed(slots)], ["note"])
    with connection.cursor() as cursor:
        cursor.execute("UPDATE available_slots SET status = 'withdrawn' WHERE id = %s", [slots[0].pk])
        cursor.execute("DELETE FROM available_slots WHERE id = %s", [slots[1].pk])
    rows = told_by_the_database()[2:]
    assert [row.action for row in rows] == [*["database.update"] * 3, "database.delete"]
    assert rows[2].details["new"] == {"status": "withdrawn"}
    assert rows[3].object_id == str(slots[1].pk)


def _renamed(slots):
    for slot in slots:
        slot.note = "Meeting"
        yield slot


def test_an_appointment_is_told_with_its_ids_and_status():
    appointment = booked()
    before = len(told_by_the_database())
    Appointment.objects.filter(pk=appointment.pk).update(reason="something private", source="console")
    [row] = told_by_the_database()[before:]
    assert (row.appointment_id, row.patient_id) == (appointment.pk, appointment.patient_id)
    assert row.details["new"] == {"reason": "***", "source": "console"}


def test_what_an_operation_tells_is_not_told_twice():
    """The control is everything above."""
    appointment = booked()
    before = len(told_by_the_database())
    cancel(actor=command("test"), appointment_id=appointment.pk, reason="")
    assert len(told_by_the_database()) == before
    assert AuditLog.objects.filter(action="appointment.cancelled").count() == 1


def test_another_write_in_the_transaction_of_a_reading_is_told():
    patient = PatientFactory()
    before = len(told_by_the_database())
    with transaction.atomic():
        AuditLog.objects.create(action="patient.viewed", status="success", patient_id=patient.pk)
        Patient.objects.update(first_name="Other")
    assert len(told_by_the_database()) == before + 1


def test_what_is_rolled_back_is_not_told():
    with transaction.atomic():
        PatientFactory()
        transaction.set_rollback(True)
    assert told_by_the_database() == []


def test_what_was_told_and_rolled_back_to_a_savepoint_counts_no_more():
    patient = PatientFactory()
    before = len(told_by_the_database())
    with transaction.atomic():
        with transaction.atomic():
            AuditLog.objects.create(action="patient.updated", status="success", patient_id=patient.pk)
            transaction.set_rollback(True)
        Patient.objects.update(last_name="Other")
    assert len(told_by_the_database()) == before + 1


def test_truncate_is_told_of_each_table_that_it_takes_along(transactional_db):
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE patients CASCADE")
    assert {(row.action, row.object_type) for row in told_by_the_database()} == {
        ("database.truncate", "patient"),
        ("database.truncate", "appointment"),
    }


def test_a_row_of_the_log_needs_no_program_of_ours():
    key = uuid.uuid4()
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO audit_logs (id, action, status) VALUES (%s, 'by.hand', 'success')", [key])
        cursor.execute("INSERT INTO audit_logs (action, status) VALUES ('by.hand', 'success')")
    assert AuditLog.objects.filter(action="by.hand").count() == 2
