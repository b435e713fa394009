from datetime import timedelta

import pytest
from django.utils import timezone

from booking_site.testing.constraints import accepted, refused_by
from booking_site.testing.factories import SlotFactory, VisitTypeFactory, booked
from scheduling.models import Closure, Schedule

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
        ("visit_type = 'unknown'", "slot_visit_type_known"),
        ("retiring = TRUE", "slot_retiring_is_booked"),
        ("by_hand = TRUE", "slot_by_hand_is_withdrawn"),
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
        ("slot_minutes = 181", "schedule_slot_fits"),
        ("seats = 0", "schedule_seats_sane"),
        ("seats = 101", "schedule_seats_sane"),
        ("buffer_minutes = 1441", "schedule_seats_sane"),
        ("visit_type = 'unknown'", "schedule_visit_type_known"),
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
    accepted("UPDATE schedules SET ends_on = starts_on, slot_minutes = 180, seats = 100, buffer_minutes = 1440")


def test_a_slot_that_is_booked_may_retire_and_one_that_is_withdrawn_may_be_so_by_hand():
    one = booked()
    accepted("UPDATE available_slots SET retiring = TRUE WHERE id = %s", one.slot_id)
    free = SlotFactory()
    accepted("UPDATE available_slots SET status = 'withdrawn', by_hand = TRUE WHERE id = %s", free.pk)
    assert refused_by("UPDATE available_slots SET status = 'available' WHERE id = %s", free.pk) == (
        "slot_by_hand_is_withdrawn"
    )


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ("code = 'Follow Up'", "visit_type_code_shape"),
        ("code = '_up'", "visit_type_code_shape"),
        ("code = ''", "visit_type_code_shape"),
        ("code = E'up\\n'", "visit_type_code_shape"),
        ("name = ' '", "visit_type_name_present"),
        ("duration_minutes = 0", "visit_type_duration_sane"),
        ("duration_minutes = 1441", "visit_type_duration_sane"),
        ("earliest_days = 1, latest_minutes = 1441", "visit_type_lead_in_order"),
        ("limit_per_doctor_day = 0", "visit_type_limits_positive"),
        ("limit_per_patient = 0", "visit_type_limits_positive"),
    ],
)
def test_a_visit_type_that_makes_no_sense_is_refused(change, name):
    VisitTypeFactory(code="follow_up")
    assert refused_by(f"UPDATE visit_types SET {change} WHERE code = 'follow_up'") == name
    accepted("UPDATE visit_types SET earliest_days = 1, latest_minutes = 1440, limit_per_patient = 1")


def test_a_visit_type_in_use_stays():
    SlotFactory(visit_type="follow_up")
    assert refused_by("DELETE FROM visit_types WHERE code = 'follow_up'") == "slot_visit_type_known"


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ("doctor_id = (SELECT id FROM doctors), department_id = (SELECT id FROM departments)", "closure_scope_single"),
        ("last_day = NULL", "closure_span_complete"),
        ("first_day = NULL, last_day = NULL", "closure_span_complete"),
        ("starts_at = now(), ends_at = now() + interval '1 day'", "closure_span_complete"),
        ("starts_at = now()", "closure_span_complete"),
        ("last_day = first_day - 1", "closure_span_in_order"),
        ("first_day = NULL, last_day = NULL, starts_at = now(), ends_at = now()", "closure_span_in_order"),
        ("reason = ' '", "closure_reason_present"),
        ("source = 'holidays:BR-ES'", "closure_loaded_once"),
        ("doctor_id = 'nobody'", "doctor"),
    ],
)
def test_a_closure_that_makes_no_sense_is_refused(change, name):
    SlotFactory()
    day = timezone.now().date()
    one, _loaded = (
        Closure.objects.create(reason="New Year", first_day=day, last_day=day, source=source)
        for source in ("", "holidays:BR-ES")
    )
    assert name in refused_by(f"UPDATE closures SET {change} WHERE id = %s", one.pk)
    accepted("UPDATE closures SET first_day = NULL, last_day = NULL, starts_at = now(), ends_at = now() + '1 minute'")
