from datetime import timedelta

import pytest

from booking_site.testing.constraints import accepted, refused_by
from booking_site.testing.factories import SlotFactory, booked
from scheduling.models import Schedule

pytestmark = pytest.mark.django_db


def test_live_slots_of_a_doctor_and_seat_do_not_overlap():
    one = SlotFactory()
    other = SlotFactory(doctor=one.doctor, starts_at=one.ends_at)  # they may touch
    earlier = "UPDATE available_slots SET starts_at = starts_at - interval '1 minute'"
    earlier += ", ends_at = ends_at - interval '1 minute' WHERE id = %s"
    assert refused_by(earlier, other.pk) == "slot_no_overlap"
    accepted("UPDATE available_slots SET status = 'withdrawn' WHERE id = %s", other.pk)
    accepted(earlier, other.pk)
    assert refused_by("UPDATE available_slots SET status = 'available'") == "slot_no_overlap"
    accepted("UPDATE available_slots SET status = 'available', seat = 2 WHERE id = %s", other.pk)
    SlotFactory(starts_at=one.starts_at)  # another doctor


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ("status = 'free'", "slot_status_known"),
        ("duration_minutes = 0, ends_at = starts_at", "slot_duration_sane"),
        ("duration_minutes = 1441, ends_at = starts_at + interval '1441 minutes'", "slot_duration_sane"),
        ("ends_at = ends_at + interval '1 second'", "slot_times_agree"),
        ("duration_minutes = 31", "slot_times_agree"),
        ("seat = 0", "slot_seat_positive"),
        ("status = 'held'", "slot_hold_complete"),
        ("status = 'held', held_until = now()", "slot_hold_complete"),
        ("status = 'held', hold_digest = 'd'", "slot_hold_complete"),
        ("held_until = now()", "slot_hold_complete"),
        ("held_by = 'somebody'", "slot_hold_complete"),
        ("hold_digest = 'd'", "slot_hold_complete"),
        ("starts_at = NULL", "starts_at"),
        ("ends_at = NULL", "ends_at"),
        ("department_id = gen_random_uuid()", "department"),
        ("doctor_id = 'nobody'", "doctor"),
    ],
)
def test_a_slot_that_makes_no_sense_is_refused(change, name):
    SlotFactory()
    assert name in refused_by(f"UPDATE available_slots SET {change}")
    accepted("UPDATE available_slots SET status = 'held', held_until = now(), hold_digest = 'd', held_by = 'x'")


def test_a_slot_keeps_its_identity_while_an_appointment_has_it():
    one = booked()
    for change in (
        "starts_at = starts_at + interval '1 hour', ends_at = ends_at + interval '1 hour'",
        "ends_at = ends_at + interval '1 hour', duration_minutes = 90",
    ):
        assert refused_by(f"UPDATE available_slots SET {change}") == "appointment_follows_slot"
    assert refused_by("DELETE FROM available_slots WHERE id = %s", one.slot_id) == "appointment_follows_slot"


def test_a_slot_is_itself_once():
    slot = SlotFactory()
    copy = "INSERT INTO available_slots SELECT * FROM available_slots WHERE id = %s"
    assert refused_by(copy, slot.pk) in ("available_slots_pkey", "slot_identity")


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ("end_time = start_time", "schedule_times_in_order"),
        ("ends_on = starts_on - 1", "schedule_dates_in_order"),
        ("slot_minutes = 0", "schedule_slot_minutes_sane"),
        ("slot_minutes = 1441", "schedule_slot_minutes_sane"),
    ],
)
def test_a_schedule_that_makes_no_sense_is_refused(change, name):
    slot = SlotFactory()
    Schedule.objects.create(
        doctor=slot.doctor,
        department=slot.department,
        name="Mondays",
        recurrence="FREQ=WEEKLY;BYDAY=MO",
        starts_on=slot.date,
        start_time="09:00",
        end_time="12:00",
        slot_minutes=timedelta(minutes=30).seconds // 60,
    )
    assert refused_by(f"UPDATE schedules SET {change}") == name
    accepted("UPDATE schedules SET ends_on = starts_on")
