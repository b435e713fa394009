"""Each check has a control: a row broken by SQL, past the constraint in the way, is found."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from appointments.models import Appointment
from booking_site.management.commands.check_integrity import CHECKS
from booking_site.testing.factories import TESTER, DoctorFactory, SlotFactory, booked, in_days
from scheduling import planning
from scheduling.models import AvailableSlot, Closure

pytestmark = pytest.mark.django_db

# By check: SQL that breaks its rule. {first} and {second} are booked appointments, {free} is a free slot.
BREAKS = {
    "seat_taken_is_booked": """
        UPDATE available_slots SET status = 'available' WHERE id = (SELECT slot_id FROM appointments WHERE id = {first})
    """,
    "booked_seat_has_one_appointment": "UPDATE available_slots SET status = 'booked' WHERE id = {free}",
    "seat_not_shared": """
        DROP INDEX appointment_one_per_seat;
        UPDATE appointments SET (slot_id, doctor_id, starts_at, ends_at)
            = (SELECT slot_id, doctor_id, starts_at, ends_at FROM appointments WHERE id = {first})
        WHERE id = {second}
    """,
    "patient_not_twice": """
        ALTER TABLE appointments DROP CONSTRAINT appointment_patient_not_twice;
        ALTER TABLE appointments DROP CONSTRAINT appointment_follows_slot;
        UPDATE appointments SET (patient_id, starts_at, ends_at)
            = (SELECT patient_id, starts_at, ends_at FROM appointments WHERE id = {first})
        WHERE id = {second}
    """,
    "doctor_not_twice": """
        ALTER TABLE available_slots DROP CONSTRAINT slot_no_overlap;
        UPDATE available_slots SET (doctor_id, starts_at, ends_at) = (
            SELECT doctor_id, starts_at + interval '10 minutes', ends_at + interval '10 minutes'
            FROM appointments WHERE id = {first}
        ) WHERE id = {free}
    """,
    "appointment_follows_slot": """
        ALTER TABLE appointments DROP CONSTRAINT appointment_follows_slot;
        UPDATE appointments SET ends_at = ends_at + interval '1 minute' WHERE id = {first}
    """,
    "retiring_is_marked": """
        UPDATE available_slots SET retiring = TRUE WHERE id = (SELECT slot_id FROM appointments WHERE id = {first})
    """,
    "slot_wall_clock": "UPDATE available_slots SET time = time + interval '1 hour' WHERE id = {free}",
    "appointment_wall_clock": "UPDATE appointments SET date = date + 1 WHERE id = {first}",
    "slot_length": """
        ALTER TABLE available_slots DROP CONSTRAINT slot_times_agree;
        UPDATE available_slots SET duration_minutes = 45 WHERE id = {free}
    """,
    "hold_complete": """
        ALTER TABLE available_slots DROP CONSTRAINT slot_hold_complete;
        UPDATE available_slots SET status = 'held' WHERE id = {free}
    """,
    "closed_time_is_not_offered": """
        INSERT INTO closures (id, department_id, first_day, last_day, reason, source, is_active, created_at, updated_at)
        SELECT gen_random_uuid(), department_id, date, date, 'Flooded', '', TRUE, now(), now()
        FROM available_slots WHERE id = {free}
    """,
    "merged_record_is_empty": """
        UPDATE patients SET is_active = FALSE, merged_into_id = (SELECT patient_id FROM appointments WHERE id = {first})
        WHERE id = (SELECT patient_id FROM appointments WHERE id = {second})
    """,
    "moments_complete": """
        ALTER TABLE appointments DROP CONSTRAINT appointment_moments_complete;
        UPDATE appointments SET status = 'completed' WHERE id = {first}
    """,
}


def check(**options) -> str:
    """What the command prints; raises CommandError (exit status 1) when something is found."""
    output = StringIO()
    try:
        call_command("check_integrity", stdout=output, **options)
    finally:
        check.printed = output.getvalue()
    return check.printed


@pytest.fixture
def rows():
    names = {"first": booked().pk, "second": booked().pk, "free": SlotFactory().pk}
    return {name: f"'{key}'" for name, key in names.items()}


def test_a_sound_database_passes(rows):
    assert check() == f"All {len(CHECKS)} checks hold.\n"


def test_a_change_of_the_plan_passes_also_where_the_patient_is_there_already():
    slots = SlotFactory.create_batch(2, doctor=DoctorFactory())
    waiting, arrived = (booked(slot=slot) for slot in slots)
    Appointment.objects.filter(pk=arrived.pk).update(status="checked_in", checked_in_at=in_days(0))
    day = {"first_day": slots[0].date, "last_day": slots[1].date}
    planning.add_closures(actor=TESTER, closures=[Closure(doctor=slots[0].doctor, reason="Ill", **day)])
    marked = Appointment.objects.needing_new_time()
    assert (list(marked), AvailableSlot.objects.filter(retiring=True).count()) == ([waiting], 2)
    assert check() == f"All {len(CHECKS)} checks hold.\n"
    Appointment.objects.filter(pk=waiting.pk).update(needs_new_time_since=None, needs_new_time_because="")
    with pytest.raises(CommandError, match=r"^1 finding\."):
        check()


def test_an_empty_database_passes():
    assert check() == f"All {len(CHECKS)} checks hold.\n"


def test_every_check_has_a_control():
    assert list(BREAKS) == [each.name for each in CHECKS]


@pytest.mark.parametrize("name", BREAKS)
def test_a_broken_row_is_found(rows, name):
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        for statement in BREAKS[name].format(**rows).split(";"):
            cursor.execute(statement)
    with pytest.raises(CommandError, match=r"^\d+ findings?\. Nothing was changed\.$"):
        check()
    assert [line for line in check.printed.splitlines() if line.startswith(f"{name}: ")] != []


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({}, 2),
        ({"is_active": False}, 0),
        ({"starts_at": in_days(40), "ends_at": in_days(41)}, 0),
        ({"starts_at": in_days(30, 9, 29), "ends_at": in_days(31)}, 2),
        ({"starts_at": in_days(30, 9, 30), "ends_at": in_days(31)}, 0),  # touches them
        ({"department": "first"}, 1),
        ({"doctor": "first"}, 1),
    ],
)
def test_a_seat_in_a_closure_is_found_by_its_scope_and_time(change, found):
    slots = [SlotFactory(starts_at=in_days(30)) for _ in range(2)]
    SlotFactory(starts_at=in_days(30), status="withdrawn")
    booked(slot=SlotFactory(starts_at=in_days(30)))
    owners = {"department": slots[0].department, "doctor": slots[0].doctor}
    change = {name: owners.get(name) if value == "first" else value for name, value in change.items()}
    days = {} if "starts_at" in change else {"first_day": slots[0].date, "last_day": slots[0].date}
    Closure.objects.create(reason="Flooded", **(days | change))
    if found:
        with pytest.raises(CommandError, match=f"^{found} finding"):
            check()
    else:
        check()


def test_more_findings_than_the_limit_are_counted(rows):
    for _ in range(3):
        SlotFactory(status="booked")
    with pytest.raises(CommandError, match="3 findings"):
        check(limit=2)
    assert check.printed.splitlines()[2:] == ["booked_seat_has_one_appointment: 1 more"]
