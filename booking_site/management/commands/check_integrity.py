"""The invariants that span tables, each as a query that finds the rows which break it.

What one row can break alone is in the database's constraints. These say that the tables agree with each other; they
hold at every moment, between any two transactions, and are worth a look after a restore or a load by hand. All are
read in one snapshot.
"""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection, transaction

from booking_site.core.invariants import Check

LIVE = "('booked', 'checked_in', 'in_progress')"
SEATLESS = "('cancelled', 'no_show')"


CHECKS = (
    Check(
        "seat_taken_is_booked",
        "the slot of every appointment that holds a seat is booked",
        f"""
        SELECT format('appointment %s (%s) holds slot %s, which is %s', appointments.id, appointments.status, slot_id,
            available_slots.status)
        FROM appointments JOIN available_slots ON available_slots.id = slot_id
        WHERE appointments.status NOT IN {SEATLESS} AND available_slots.status <> 'booked'
        """,
    ),
    Check(
        "booked_seat_has_one_appointment",
        "a booked slot has exactly one appointment that holds it, any other slot none",
        f"""
        SELECT format('slot %s is booked and held by %s appointments', available_slots.id, count(appointments.id))
        FROM available_slots LEFT JOIN appointments
            ON appointments.slot_id = available_slots.id AND appointments.status NOT IN {SEATLESS}
        WHERE available_slots.status = 'booked'
        GROUP BY available_slots.id HAVING count(appointments.id) <> 1
        """,
    ),
    Check(
        "seat_not_shared",
        "no two appointments hold one slot",
        f"""
        SELECT format('slot %s is held by %s appointments: %s', slot_id, count(*), string_agg(id::text, ', '))
        FROM appointments WHERE slot_id IS NOT NULL AND status NOT IN {SEATLESS}
        GROUP BY slot_id HAVING count(*) > 1
        """,
    ),
    Check(
        "patient_not_twice",
        "no two live appointments of a patient overlap",
        f"""
        SELECT format('patient %s has live appointments %s and %s at one time', patient_id, before, id)
        FROM (
            SELECT id, patient_id, starts_at, lag(id) OVER earlier AS before,
                max(ends_at) OVER (earlier ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS until
            FROM appointments WHERE status IN {LIVE}
            WINDOW earlier AS (PARTITION BY patient_id ORDER BY starts_at, id)
        ) AS visits
        WHERE starts_at < until
        """,
    ),
    Check(
        "doctor_not_twice",
        "no two slots of a doctor and seat overlap, withdrawn ones aside",
        """
        SELECT format('doctor %s has slots %s and %s in seat %s at one time', doctor_id, before, id, seat)
        FROM (
            SELECT id, doctor_id, seat, starts_at, lag(id) OVER earlier AS before,
                max(ends_at) OVER (earlier ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS until
            FROM available_slots WHERE status <> 'withdrawn'
            WINDOW earlier AS (PARTITION BY doctor_id, seat ORDER BY starts_at, id)
        ) AS slots
        WHERE starts_at < until
        """,
    ),
    Check(
        "appointment_follows_slot",
        "doctor, department, local time and instants of an appointment are those of its slot",
        """
        SELECT format('appointment %s differs from its slot %s: %s, %s to %s; the slot: %s, %s to %s', appointments.id,
            slot_id, appointments.doctor_id, appointments.starts_at, appointments.ends_at, available_slots.doctor_id,
            available_slots.starts_at, available_slots.ends_at)
        FROM appointments LEFT JOIN available_slots ON available_slots.id = slot_id
        WHERE slot_id IS NOT NULL AND (
            appointments.doctor_id, appointments.department_id, appointments.date, appointments.time,
            appointments.starts_at, appointments.ends_at
        ) IS DISTINCT FROM (
            available_slots.doctor_id, available_slots.department_id, available_slots.date, available_slots.time,
            available_slots.starts_at, available_slots.ends_at
        )
        """,
    ),
    Check(
        "retiring_is_marked",
        "a booked appointment needs a new time exactly when its slot is retiring, any other never does",
        """
        SELECT format('appointment %s (%s) %s a new time, its slot %s is %s', appointments.id, appointments.status,
            CASE WHEN needs_new_time_since IS NULL THEN 'does not need' ELSE 'needs' END, slot_id,
            CASE WHEN retiring THEN 'retiring' ELSE 'not retiring' END)
        FROM appointments LEFT JOIN available_slots ON available_slots.id = slot_id
        WHERE (needs_new_time_since IS NOT NULL) <> (appointments.status = 'booked' AND coalesce(retiring, FALSE))
        """,
    ),
    Check(
        "slot_wall_clock",
        "the local date and time of a slot are its instant in the zone of its department",
        """
        SELECT format('slot %s says %s %s, but %s is %s in %s', available_slots.id, date, time, starts_at,
            starts_at AT TIME ZONE time_zone, time_zone)
        FROM available_slots JOIN departments ON departments.id = department_id
        WHERE starts_at AT TIME ZONE time_zone <> date + time
        """,
    ),
    Check(
        "appointment_wall_clock",
        "the local date and time of an appointment with a slot are its instant in the zone of its department",
        """
        SELECT format('appointment %s says %s %s, but %s is %s in %s', appointments.id, date, time, starts_at,
            starts_at AT TIME ZONE time_zone, time_zone)
        FROM appointments JOIN departments ON departments.id = department_id
        WHERE slot_id IS NOT NULL AND (starts_at AT TIME ZONE time_zone) IS DISTINCT FROM date + time
        """,
    ),
    Check(
        "slot_length",
        "a slot ends its duration after it begins",
        """
        SELECT format('slot %s lasts %s, not %s minutes', id, ends_at - starts_at, duration_minutes)
        FROM available_slots WHERE ends_at <> starts_at + make_interval(mins => duration_minutes)
        """,
    ),
    Check(
        "hold_complete",
        "a held slot has a token and an end, any other slot neither",
        """
        SELECT format('slot %s is %s with hold end %s and %s', id, status, coalesce(held_until::text, 'missing'),
            CASE WHEN hold_digest = '' THEN 'no token' ELSE 'a token' END)
        FROM available_slots
        WHERE CASE WHEN status = 'held' THEN held_until IS NULL OR hold_digest = ''
            ELSE held_until IS NOT NULL OR hold_digest <> '' OR held_by <> '' END
        """,
    ),
    Check(
        "closed_time_is_not_offered",
        "no seat to come that is offered or held lies in a closure",
        """
        SELECT format('slot %s (%s, %s) lies in closure %s: %s', slot.id, slot.status, slot.starts_at, closures.id,
            closures.reason)
        FROM closures JOIN available_slots AS slot
            ON coalesce(closures.doctor_id, slot.doctor_id) = slot.doctor_id
            AND coalesce(closures.department_id, slot.department_id) = slot.department_id
            AND slot.date BETWEEN coalesce(first_day, closures.starts_at::date) - 2
                AND coalesce(last_day, closures.ends_at::date) + 2
        JOIN departments ON departments.id = slot.department_id
        WHERE closures.is_active AND slot.status IN ('available', 'held') AND slot.starts_at > statement_timestamp()
            AND CASE WHEN first_day IS NULL THEN closures.starts_at < slot.ends_at AND closures.ends_at > slot.starts_at
                ELSE slot.date <= last_day
                    AND ((slot.ends_at - interval '1 second') AT TIME ZONE time_zone)::date >= first_day END
        """,
    ),
    Check(
        "merged_record_is_empty",
        "a record that has been merged is closed and has no appointments; the one it was merged into is not merged",
        """
        SELECT format('patient %s has been merged into %s, %s', patients.id, survivor.id, concat_ws(', ',
            CASE WHEN patients.is_active THEN 'and is open' END,
            CASE WHEN survivor.merged_into_id IS NOT NULL THEN 'which has itself been merged' END,
            CASE WHEN visits > 0 THEN format('and has %s appointments', visits) END))
        FROM patients JOIN patients AS survivor ON survivor.id = patients.merged_into_id
        CROSS JOIN LATERAL (SELECT count(*) AS visits FROM appointments WHERE patient_id = patients.id) AS counted
        WHERE patients.is_active OR survivor.merged_into_id IS NOT NULL OR visits > 0
        """,
    ),
    Check(
        "moments_complete",
        "an appointment has the moment of the status it has reached",
        """
        SELECT format('appointment %s is %s without the moment of it', id, status) FROM appointments
        WHERE CASE status
            WHEN 'booked' THEN booked_at WHEN 'checked_in' THEN checked_in_at WHEN 'in_progress' THEN started_at
            WHEN 'completed' THEN completed_at WHEN 'cancelled' THEN cancelled_at WHEN 'no_show' THEN no_show_at
        END IS NULL
        """,
    ),
)


class Command(BaseCommand):
    help = "Check every invariant that spans tables. Exit status 0 when all hold; else 1, with each finding on a line."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--limit", type=int, default=100, help="findings printed of each check (0: all)")

    def handle(self, *args: Any, **options: Any) -> None:
        limit = options["limit"]
        findings = 0
        nested = connection.in_atomic_block  # whose isolation can no longer be set
        with transaction.atomic(), connection.cursor() as cursor:
            if not nested:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            for check in CHECKS:
                cursor.execute(check.query)
                found = 0
                while rows := cursor.fetchmany(1000):
                    for (finding,) in rows[: max(limit - found, 0)] if limit else rows:
                        self.stdout.write(f"{check.name}: {finding}")
                    found += len(rows)
                if limit and found > limit:
                    self.stdout.write(f"{check.name}: {found - limit} more")
                findings += found
        if findings:
            raise CommandError(f"{findings} finding{'' if findings == 1 else 's'}. Nothing was changed.")
        self.stdout.write(f"All {len(CHECKS)} checks hold.")
