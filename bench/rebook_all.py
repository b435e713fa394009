"""A clinic week of 20 doctors is closed: how long does it take to rebook its 200 patients, and is it the best there is?

    python bench/rebook_all.py

In an embedded PostgreSQL of its own, in a temporary folder, with other weeks partly booked. Prints one JSON object:
``seconds`` of rebooking all (assigning and moving) and of those the time that this process had a processor, counts and
total delay, and for as many small random cases as run in 20 s the best totals by brute force beside ours. Exits with 1
when it takes more than 5 s, somebody is not placed (there is room for all), or a case differs.
"""

import itertools
import json
import os
import random
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MOST_SECONDS = 5
DOCTORS, PATIENTS, WEEKS = 20, 200, 8
SECONDS_OF_CASES = 20


def build(chance: random.Random) -> list:
    """The clinic; returns the appointments of its first week, which is then closed."""
    from appointments import operations
    from appointments.models import Appointment
    from booking_site.core.actor import command
    from doctors.models import Department, Doctor
    from patients.models import Patient
    from scheduling import planning
    from scheduling.models import AvailableSlot, Closure, VisitType

    actor = command("rebook_all")
    VisitType.objects.get_or_create(code="consultation", defaults={"name": "Consultation", "duration_minutes": 30})
    departments = [Department.objects.create(name=f"Clinic {n}", time_zone="Europe/Berlin") for n in range(4)]
    doctors = [
        Doctor.objects.create(name=f"Doctor {n}", department=departments[n % 4], specialization=f"S{n % 4}")
        for n in range(DOCTORS)
    ]
    patients = Patient.objects.bulk_create(
        Patient(first_name="Patient", last_name=str(n), dob="1980-02-29") for n in range(PATIENTS * 5)
    )
    today = datetime.now(UTC).date()
    monday = today + timedelta(days=14 - today.weekday())
    slots = []
    for doctor, week, day, half_hour in itertools.product(doctors, range(WEEKS), range(5), range(16)):
        local = datetime.combine(monday, datetime.min.time(), doctor.department.tz)
        local += timedelta(weeks=week, days=day, hours=8, minutes=30 * half_hour)
        at = local.astimezone(UTC)
        slots.append(
            AvailableSlot(
                doctor=doctor, department=doctor.department, date=local.date(), time=local.time(), duration_minutes=30,
                starts_at=at, ends_at=at + timedelta(minutes=30),
            )
        )  # fmt: skip
    AvailableSlot.objects.bulk_create(slots)
    first = [slot for slot in slots if slot.date < monday + timedelta(days=7)]
    rest = [slot for slot in slots if slot.date >= monday + timedelta(days=7)]
    listed = [
        operations.book(actor=actor, patient_id=patient.pk, slot_id=slot.pk, is_urgent=chance.random() < 0.1)
        for patient, slot in zip(patients, chance.sample(first, PATIENTS), strict=False)
    ]
    for patient, slot in zip(itertools.cycle(patients[PATIENTS:]), chance.sample(rest, len(rest) // 2), strict=False):
        AvailableSlot.objects.filter(pk=slot.pk).update(status="withdrawn", by_hand=True)  # as good as booked
        if chance.random() < 0.1:
            AvailableSlot.objects.filter(pk=slot.pk).update(status="available", by_hand=False)
            operations.book(actor=actor, patient_id=patient.pk, slot_id=slot.pk)
    week = {"first_day": monday, "last_day": monday + timedelta(days=6)}
    planning.add_closures(
        actor=actor,
        closures=[Closure(department=department, reason="Burst pipe", **week) for department in departments],
    )
    assert Appointment.objects.needing_new_time().count() == PATIENTS
    return [appointment.pk for appointment in listed]


def each_once(chosen: tuple) -> bool:
    taken = [column for column in chosen if column is not None]
    return len(taken) == len(set(taken))


def cases(chance: random.Random) -> dict[str, object]:
    """Small random cases: the totals of all assignments there are beside ours. Urgent first, then the others."""
    from appointments.assignment import assign

    unplaced, none = 4 * 90 * 1440, float("inf")
    began, count, differing = time.monotonic(), 0, []
    while time.monotonic() - began < SECONDS_OF_CASES:
        rows, seats = chance.randint(1, 6), chance.randint(0, 6)
        delays = [
            [none if chance.random() < 0.3 else chance.randint(0, 5000) for _ in range(seats)] for _ in range(rows)
        ]
        urgent = [chance.random() < 0.4 for _ in range(rows)]

        def totals(columns: tuple, delays: list = delays, urgent: list = urgent) -> tuple[int, int]:
            cost = [unplaced if c is None else delays[row][c] for row, c in enumerate(columns)]
            return sum(itertools.compress(cost, urgent)), sum(c for c, u in zip(cost, urgent, strict=True) if not u)

        choices = itertools.product(*([*(c for c in range(seats) if row[c] < none), None] for row in delays))
        least = min(totals(chosen) for chosen in choices if each_once(chosen))
        ours = totals(tuple(assign(delays, urgent, unplaced)))
        count += 1
        if ours != least:
            differing.append({"optimum": least, "ours": ours})
    return {"compared": count, "differing": differing, "last": {"optimum": least, "ours": ours}}


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="rebook-bench-", ignore_cleanup_errors=True) as var:
        os.chmod(var, 0o755)  # started by root, the embedded server runs as another account
        os.environ |= {"VAR_DIR": var, "DATABASE_URL": "", "DJANGO_SETTINGS_MODULE": "booking_site.settings"}
        sys.path.insert(0, str(ROOT))
        import django

        django.setup()
        from django.core.management import call_command
        from django.db import connection

        from appointments.rebooking import in_line, propose, rebook_all
        from booking_site.core.actor import command

        call_command("migrate", verbosity=0)
        keys = build(random.Random(7))
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")
        began = time.monotonic()
        moves, left = propose(list(in_line().filter(pk__in=keys)))
        proposed = time.monotonic() - began
        began, used = time.monotonic(), time.process_time()
        report = rebook_all(actor=command("rebook_all"), appointment_ids=keys)
        seconds, used = time.monotonic() - began, time.process_time() - used
        call_command("check_integrity", stdout=sys.stderr)
        small = cases(random.Random(11))
        missed = seconds > MOST_SECONDS or bool(report.left) or bool(small["differing"])
        figures = {
            "seconds": round(seconds, 2), "at_most": MOST_SECONDS, "processor_seconds": round(used, 2),
            "seconds_of_proposal": round(proposed, 2),
            "proposed": {"moved": len(moves), "not_moved": len(left)}, **report.counts, "small_cases": small,
            "load_average": os.getloadavg(), "met": not missed,
        }  # fmt: skip
        print(json.dumps(figures, indent=2))
        connection.close()
    sys.exit(missed)


if __name__ == "__main__":
    main()
