"""What ``generate_slots`` costs beside an ``INSERT ... SELECT`` of the same rows: in an embedded server of its own.

    python bench/generate_slots.py [--doctors 40] [--days 365]

200 doctors have over a million slots a year. Prints one JSON object; exits with 1 when a figure is missed. Of the same
slots, in seconds:

``generate``: ``planning.generate`` for each doctor, a transaction each, as the command does it.
``insert``: the rows of ``generate``, in the order in which they were made, by one statement into the same table with
the same indexes and constraints, empty as before.
``again``: ``generate`` once more, when there is nothing to do.

They are taken in the order generate, insert, insert, generate, so that neither gains by a machine that gets warmer or
slower, after a checkpoint each and without autovacuum; each figure is of the sums. ``speed``: insert by generate, at
least 0.5. ``again``: again by generate, at most 0.1.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable
from datetime import date, timedelta

import own_server
from django.utils import timezone
from own_server import execute

from booking_site.core.actor import command
from booking_site.demo.hospital import BUSY, FULL_TIME, KINDS, SITES, UNITS
from doctors.models import Department, Doctor
from scheduling import planning
from scheduling.models import Closure, Schedule, VisitType

LEAST_SPEED = 0.5
MOST_AGAIN = 0.1
HOLIDAYS, LEAVE_DAYS = 12, 14  # of the hospital; of each doctor


def write_hospital(doctors: int, days: int) -> None:
    """Departments, doctors with a week each, holidays and leave."""
    today = timezone.now().date()
    VisitType.objects.bulk_create(
        [VisitType(code=kind.code, name=kind.name, duration_minutes=kind.minutes) for kind in KINDS],
        ignore_conflicts=True,  # consultation is always there
    )
    departments = [Department(name=unit.name, time_zone=SITES[unit.site][1]) for unit in UNITS if not unit.walk_in]
    Department.objects.bulk_create(departments)
    weeks = (*FULL_TIME, *BUSY)
    staff, schedules, closures = [], [], []
    for number in range(doctors):
        unit = departments[number % len(departments)]
        doctor = Doctor(id=f"DOC-{number + 1:04d}", name=f"Dr {number + 1}", department=unit)
        staff.append(doctor)
        schedules += [
            Schedule(
                doctor=doctor,
                department=doctor.department,
                name=session.name,
                recurrence=session.recurrence,
                starts_on=today,
                start_time=session.start,
                end_time=session.end,
                slot_minutes=session.minutes,
                seats=session.seats,
                visit_type_id=session.visit_type,
            )
            for session in weeks[number % len(weeks)]
        ]
        first = today + timedelta(days=number % days)
        closures.append(
            Closure(doctor=doctor, first_day=first, last_day=first + timedelta(days=LEAVE_DAYS), reason="Leave")
        )
    for number in range(HOLIDAYS):
        day = today + timedelta(days=days * number // HOLIDAYS)
        closures.append(Closure(first_day=day, last_day=day, reason="Holiday"))
    Doctor.objects.bulk_create(staff)
    Schedule.objects.bulk_create(schedules)
    Closure.objects.bulk_create(closures)


def generate(until: date) -> None:
    for code in planning.doctors_with_schedules():
        planning.generate(actor=command("bench"), doctor_id=code, until=until)


def insert() -> None:
    execute("INSERT INTO available_slots SELECT * FROM staged")


def seconds(work: Callable[[], None]) -> float:
    execute("CHECKPOINT")
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def empty() -> None:
    execute("TRUNCATE available_slots CASCADE")


def measure(doctors: int, days: int) -> dict[str, object]:
    until = timezone.now().date() + timedelta(days=days)
    execute("ALTER TABLE available_slots SET (autovacuum_enabled = off)")
    write_hospital(doctors, days)
    taken: dict[str, list[float]] = {"generate": [], "insert": [], "again": []}

    def generate_twice() -> None:
        empty()
        taken["generate"].append(seconds(lambda: generate(until)))
        execute("ANALYZE available_slots")
        taken["again"].append(seconds(lambda: generate(until)))

    generate_twice()
    execute("CREATE UNLOGGED TABLE staged AS SELECT * FROM available_slots ORDER BY ctid")
    for _round in range(2):
        empty()
        taken["insert"].append(seconds(insert))
    generate_twice()

    count = execute("SELECT count(*) FROM available_slots")[0][0]
    speed = sum(taken["insert"]) / sum(taken["generate"])
    again = sum(taken["again"]) / sum(taken["generate"])
    return {
        "doctors": doctors,
        "days": days,
        "slots": count,
        "seconds": {what: [round(each, 2) for each in found] for what, found in taken.items()},
        "slots_per_second": {
            what: round(count * len(taken[what]) / sum(taken[what])) for what in ("generate", "insert")
        },
        "speed": round(speed, 3),
        "again": round(again, 4),
        "missed": [
            *(["speed"] if speed < LEAST_SPEED else []),
            *(["again"] if again > MOST_AGAIN else []),
        ],
        "machine": own_server.machine(),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--doctors", type=int, default=40)
    parser.add_argument("--days", type=int, default=365)
    options = parser.parse_args()
    own_server.prepare()
    found = measure(options.doctors, options.days)
    print(json.dumps(found, indent=2))
    sys.exit(bool(found["missed"]))


if __name__ == "__main__":
    main()
