from dataclasses import replace
from datetime import timedelta

import pytest
from django.utils import timezone

from appointments import history
from appointments.models import Appointment, Status
from audit.models import AuditLog
from booking_site.core.errors import DomainError
from booking_site.testing.factories import TESTER, DoctorFactory, PatientFactory, SlotFactory, in_days
from scheduling.exceptions import SlotUnavailable

pytestmark = pytest.mark.django_db


def past_row(number: int = 1, **values) -> history.HistoryRow:
    """A completed visit that an older system knew: no slot."""
    doctor = DoctorFactory()
    starts_at = in_days(-30)
    row = history.HistoryRow(
        patient_id=PatientFactory().pk,
        doctor_id=doctor.pk,
        department_id=doctor.department_id,
        status=Status.COMPLETED,
        date=starts_at.date(),
        starts_at=starts_at,
        ends_at=starts_at + timedelta(minutes=30),
        booked_at=starts_at - timedelta(days=3),
        completed_at=starts_at + timedelta(minutes=25),
        external_id=f"E-{number}",
        reason="  Ärger,\twith \\N and\nlines ",
    )
    return replace(row, **values)


def seat_row(slot, **values) -> history.HistoryRow:
    return history.HistoryRow(
        **{
            "patient_id": PatientFactory().pk,
            "doctor_id": slot.doctor_id,
            "department_id": slot.department_id,
            "slot_id": slot.pk,
            "status": Status.BOOKED,
            "date": slot.date,
            "time": slot.time,
            "starts_at": slot.starts_at,
            "ends_at": slot.ends_at,
            "booked_at": timezone.now(),
            **values,
        }
    )


def load(*rows, source="import:test") -> int:
    return history.load(actor=TESTER, source=source, rows=iter(rows))


def test_rows_arrive_exactly_as_given():
    row = past_row()
    assert load(row) == 1
    saved = Appointment.objects.get()
    assert {name: getattr(saved, name) for name in row.__slots__} == {
        name: getattr(row, name) for name in row.__slots__
    }
    assert saved.source == "import:test"


def test_a_second_load_changes_nothing():
    rows = [past_row(1), past_row(2)]
    assert load(*rows) == 2
    before = list(Appointment.objects.values())
    assert load(*rows, past_row(3)) == 1
    assert list(Appointment.objects.exclude(external_id="E-3").values()) == before


def test_one_audit_row_tells_of_the_load():
    load(past_row(1), past_row(2))
    entry = AuditLog.objects.get()
    assert (entry.action, entry.details) == ("appointment.imported", {"new": {"source": "import:test", "count": 2}})


def test_the_seats_of_seat_holding_rows_are_claimed_and_no_others():
    live, cancelled = SlotFactory(), SlotFactory()
    load(seat_row(live), seat_row(cancelled, status=Status.CANCELLED, cancelled_at=timezone.now()), source="demo")
    live.refresh_from_db()
    cancelled.refresh_from_db()
    assert (live.status, cancelled.status) == ("booked", "available")


def test_a_withdrawn_seat_is_refused_and_nothing_is_written():
    withdrawn = SlotFactory(status="withdrawn")
    with pytest.raises(SlotUnavailable):
        load(seat_row(SlotFactory()), seat_row(withdrawn), source="demo")
    assert not Appointment.objects.exists()
    assert not AuditLog.objects.exists()


@pytest.mark.parametrize(
    ("code", "rows"),
    [
        ("moment_missing", lambda: [past_row(completed_at=None)]),
        ("slot_required", lambda: [past_row(external_id=None)]),
        ("times_out_of_order", lambda: [past_row(ends_at=in_days(-31))]),
        ("slot_unavailable", lambda: [seat_row(slot := SlotFactory()), seat_row(slot)]),
        (
            "patient_double_booked",
            lambda: [
                seat_row(one := SlotFactory(), patient_id=(patient := PatientFactory()).pk),
                seat_row(SlotFactory(starts_at=one.starts_at), patient_id=patient.pk),
            ],
        ),
        ("reference", lambda: [seat_row(SlotFactory(), starts_at=in_days(6))]),  # not the slot's time
    ],
)
def test_the_constraints_hold(code, rows):
    rows = rows()
    with pytest.raises(DomainError) as error:
        load(*rows)
    assert error.value.code == code
    assert not Appointment.objects.exists()
