import unicodedata
from collections import Counter
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from io import StringIO
from types import SimpleNamespace
from zoneinfo import ZoneInfo

import psycopg
import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from django.utils import timezone

from appointments.models import LIVE, Appointment, Status
from audit.models import AuditLog
from booking_site import welcome
from booking_site.core.scope import scope_of
from booking_site.demo.build import NotEmpty, build
from booking_site.demo.hospital import PART_TIME, SITES, SIZES, WEEKDAYS, Size
from booking_site.testing.fixtures import test_database_url
from doctors.models import Department, Doctor, next_code
from patients.models import Patient
from scheduling import planning
from scheduling.models import AvailableSlot, Closure, Schedule

TINY = Size(departments=4, doctors=6, patients=600, days_back=2, days_ahead=3, weeks=PART_TIME, walk_in_days=1)
TABLES = (Department, Doctor, Patient, Schedule, AvailableSlot, Appointment)


def load(size=TINY, seed=1, now=None, advance=lambda count: None):
    return build(size=size, seed=seed, now=now or timezone.now(), begin=lambda total: None, advance=advance)


@contextmanager
def undone():
    """What is written inside is rolled back."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


@pytest.fixture(scope="module")
def small(django_db_setup, django_db_blocker):
    """The small hospital, loaded once by the command for the tests that only look: ``printed`` and ``after``."""
    output = StringIO()
    with django_db_blocker.unblock(), undone():
        call_command("demo", stdout=output)
        yield SimpleNamespace(printed=output.getvalue(), after=timezone.now())


def today_at(zone: str) -> date:
    return timezone.now().astimezone(ZoneInfo(zone)).date()


def working_days(first: date, last: date) -> int:
    return sum((first + timedelta(days=n)).isoweekday() <= 5 for n in range((last - first).days + 1))


# --- the small hospital ----------------------------------------------------------------------------------------


def test_the_summary_counts_what_is_there(small):
    slots, visits = AvailableSlot.objects.count(), Appointment.objects.count()
    assert (Department.objects.count(), Doctor.objects.count(), Patient.objects.count()) == (8, 24, 800)
    assert small.printed.startswith(
        f"Demo hospital (small): 8 departments, 24 doctors, 800 patients, {slots:,} slots, {visits:,} appointments"
    )
    assert slots > 5000
    assert visits > 2000


def test_generation_finds_the_slots_as_the_plan_has_them(small):
    """All of them: it only goes on behind the last one, and nothing in it is withdrawn or marked."""
    for code in planning.doctors_with_schedules():
        until = AvailableSlot.objects.filter(doctor_id=code).latest("date").date - timedelta(days=1)
        assert not planning.preview_generation(doctor_id=code, until=until), code
    assert planning.preview_generation(doctor_id=code, until=planning.horizon()).counts["added"] > 0


def test_a_doctor_is_ill_and_the_patients_of_that_day_wait_for_a_new_time(small):
    closure = Closure.objects.get(reason="Ill")
    waiting = Appointment.objects.needing_new_time()
    assert waiting.count() >= 4
    assert set(waiting.values_list("doctor_id", "date")) == {(closure.doctor_id, closure.first_day)}
    assert not AvailableSlot.objects.free().filter(doctor_id=closure.doctor_id, date=closure.first_day).exists()


def test_departments_stand_at_two_sites_in_two_zones(small):
    assert set(Department.objects.values_list("site", "time_zone")) == set(SITES)


def test_every_table_agrees_with_the_others(small):
    output = StringIO()
    call_command("check_integrity", stdout=output)
    assert "checks hold" in output.getvalue()


def test_slots_reach_thirty_working_days_ahead_and_some_back(small):
    planned = AvailableSlot.objects.exclude(visit_type="walk_in").filter(department__time_zone="Europe/Lisbon")
    today = today_at("Europe/Lisbon")
    last = planned.latest("date").date
    assert working_days(today + timedelta(days=1), last) == 30
    assert planned.filter(date__lt=today).exists()


def test_slots_come_from_their_schedules(small):
    schedules = {schedule.pk: schedule for schedule in Schedule.objects.all()}
    slots = AvailableSlot.objects.values_list(
        "schedule_id", "date", "time", "duration_minutes", "visit_type", "doctor_id"
    )
    for key, day, time, minutes, visit_type, doctor in slots:
        schedule = schedules[key]
        by_day = dict(part.split("=") for part in schedule.recurrence.split(";")).get("BYDAY", ",".join(WEEKDAYS))
        assert WEEKDAYS[day.isoweekday() - 1] in by_day.split(",")
        assert schedule.starts_on <= day <= (schedule.ends_on or day)
        assert schedule.start_time <= time < schedule.end_time
        assert (minutes, visit_type, doctor) == (schedule.slot_minutes, schedule.visit_type_id, schedule.doctor_id)
    assert {key for key, *_ in slots} == {key for key, schedule in schedules.items()}


def test_group_clinics_withdrawn_slots_and_lengths(small):
    assert set(AvailableSlot.objects.filter(visit_type="group").values_list("seat", flat=True)) == {1, 2, 3}
    assert AvailableSlot.objects.filter(status="withdrawn").exists()
    assert not Appointment.objects.filter(slot__status="withdrawn").exists()
    assert set(AvailableSlot.objects.values_list("duration_minutes", flat=True)) == {15, 20, 30, 45, 60}


def test_the_past_has_realistic_shares(small):
    past = Counter(Appointment.objects.filter(date__lt=today_at("Atlantic/Azores")).values_list("status", flat=True))
    assert set(past) == {Status.COMPLETED, Status.CANCELLED, Status.NO_SHOW}
    total = sum(past.values())
    assert 0.04 < past[Status.NO_SHOW] / total < 0.09
    assert 0.06 < past[Status.CANCELLED] / total < 0.14
    reasons = Appointment.objects.filter(status=Status.CANCELLED).exclude(cancellation_reason="")
    assert reasons.values("cancellation_reason").distinct().count() >= 5


def test_the_future_fills_up_from_the_front_and_stays_bookable(small):
    def share(first: int, last: int) -> float:
        days = [today_at("Europe/Lisbon") + timedelta(days=count) for count in (first, last)]
        seats = Counter(
            AvailableSlot.objects.exclude(visit_type="walk_in")
            .exclude(status="withdrawn")
            .filter(date__range=days)
            .values_list("status", flat=True)
        )
        return seats["booked"] / sum(seats.values())

    assert 0.40 < share(1, 7) < 0.70
    assert share(1, 7) > share(8, 21) > share(22, 42) > 0.05
    assert AvailableSlot.objects.free().count() > 1000
    future = Appointment.objects.filter(starts_at__gt=small.after + timedelta(days=1))
    assert set(future.values_list("status", flat=True)) == {Status.BOOKED, Status.CANCELLED}


def test_names_of_many_scripts(small):
    names = list(Patient.objects.values_list("first_name", "last_name"))
    letters = set("".join(first + last for first, last in names))
    scripts = {unicodedata.name(letter, "").split()[0] for letter in letters if letter.isalpha()}
    assert scripts >= {
        *("LATIN", "CYRILLIC", "GREEK", "ARABIC", "HEBREW", "DEVANAGARI", "CJK", "HIRAGANA", "KATAKANA", "HANGUL"),
        *("THAI", "GEORGIAN", "ETHIOPIC", "TAMIL"),
    }
    assert letters >= set("'- éãßłıÞ")
    assert [first for first, last in names if not last] != []
    assert max(letters) > "\uffff"  # a letter beyond the Basic Multilingual Plane


def test_patients_can_be_found_and_reached_only_at_fictional_addresses(small):
    patients = Patient.objects.all()
    assert patients.filter(email="").exists()
    assert not patients.exclude(email="").exclude(email__endswith="@mail.example").exists()
    assert not Doctor.objects.exclude(email__endswith="@hospital.example").exists()
    assert patients.values("mrn").distinct().count() == 800
    assert not patients.filter(email="", remind_by_email=True).exists()
    assert not patients.filter(phone="", remind_by_sms=True).exists()
    for patient in [*patients[:50], *Department.objects.all(), *Doctor.objects.all()]:
        patient.full_clean()


def test_children_see_paediatricians_and_nobody_else_does(small):
    grown = today_at("Europe/Lisbon") - timedelta(days=int(16 * 365.25) + 2)
    paediatric = Appointment.objects.filter(department__name="Paediatrics")
    assert paediatric.exists()
    assert not paediatric.filter(patient__dob__lt=grown).exists()
    assert not Appointment.objects.exclude(department__name="Paediatrics").filter(patient__dob__gt=grown).exists()


def test_who_is_inactive_has_no_visit_ahead(small):
    assert Patient.objects.filter(is_active=False).exists()
    assert not Appointment.objects.filter(patient__is_active=False).exists()
    gone = Doctor.objects.get(is_active=False)
    assert gone.appointments.filter(status=Status.COMPLETED).exists()
    assert not gone.slots.filter(starts_at__gt=small.after).exists()


def test_new_doctors_are_numbered_on_from_the_demo(small):
    assert set(Doctor.objects.values_list("pk", flat=True)) == {f"DOC-{number:04d}" for number in range(1, 25)}
    assert next_code() == "DOC-0025"


def test_the_demo_accounts_work_somewhere_and_the_clinician_is_a_doctor(small, settings, tmp_path):
    settings.VAR_DIR = tmp_path
    with transaction.atomic():
        welcome.prepare("http://127.0.0.1:8000")
        scopes = {role: scope_of(User.objects.get(username=f"demo-{role.lower()}")) for role in welcome.ROLES}
        told = Counter(AuditLog.objects.filter(user_id="serve").values_list("action", flat=True))
        assert told == {"user.created": 5, "user.updated": 10, "apiclient.created": 1}
        transaction.set_rollback(True)
    everything = [role for role, scope in scopes.items() if scope.everything]
    assert everything == ["Reception", "Scheduler", "Administrator"]
    clinician = scopes["Clinician"]
    assert clinician.is_own_only
    assert Appointment.objects.live().filter(doctor=clinician.doctor, ends_at__gt=small.after).count() > 1


def test_one_audit_row_tells_of_the_appointments(small):
    entry = AuditLog.objects.get(action="appointment.imported")
    assert entry.details == {"new": {"source": "demo", "count": Appointment.objects.filter(source="demo").count()}}
    assert (entry.user_kind, entry.user_id) == ("command", "demo")


# --- any moment ------------------------------------------------------------------------------------------------


@pytest.mark.django_db
@pytest.mark.parametrize(
    "now",
    [
        datetime(2026, 11, 22, 0, 0, tzinfo=UTC),  # a Sunday; midnight in Lisbon, yesterday on the islands
        datetime(2026, 11, 25, 0, 7, tzinfo=UTC),
        datetime(2026, 11, 25, 10, 31, tzinfo=UTC),  # a working day
        datetime(2026, 7, 14, 22, 59, 59, tzinfo=UTC),  # a second before midnight in Lisbon
        datetime(2026, 8, 16, 23, 45, tzinfo=UTC),  # a Sunday, 45 minutes into the night on the mainland
        datetime(2026, 3, 29, 0, 30, tzinfo=UTC),  # the clocks go forward in half an hour
        datetime(2026, 3, 29, 14, 0, tzinfo=UTC),
        datetime(2026, 10, 25, 0, 59, tzinfo=UTC),  # the clocks go back
        datetime(2026, 10, 25, 23, 59, tzinfo=UTC),
    ],
)
def test_each_site_has_each_status_today_at_any_hour(now):
    load(now=now)
    for site, zone in SITES:
        today = Appointment.objects.filter(department__site=site, date=now.astimezone(ZoneInfo(zone)).date())
        assert set(today.values_list("status", flat=True)) == set(Status.values)

    for row in Appointment.objects.all():
        moments = [row.booked_at, row.checked_in_at, row.started_at, row.completed_at, now]
        reached = [moment for moment in moments if moment]
        assert reached == sorted(reached)
        if row.cancelled_at:
            assert row.booked_at <= row.cancelled_at <= min(now, row.starts_at)
        if row.no_show_at:
            assert row.starts_at <= row.no_show_at <= now
        if row.status in (Status.IN_PROGRESS, Status.COMPLETED, Status.NO_SHOW):
            assert row.starts_at <= now
    assert not Appointment.objects.filter(status__in=LIVE, date__lt=now.date() - timedelta(days=1)).exists()
    call_command("check_integrity", stdout=StringIO())


@pytest.mark.django_db
def test_the_night_the_clocks_change_has_an_hour_more_or_less():
    def night(day: date) -> list[str]:
        slots = AvailableSlot.objects.filter(
            doctor="DOC-0001", seat=1, date=day, time__lt="08:00", department__time_zone="Europe/Lisbon"
        )
        return [f"{time:%H:%M}" for time in slots.order_by("starts_at").values_list("time", flat=True)]

    with undone():
        load(now=datetime(2026, 3, 29, 12, tzinfo=UTC))
        assert night(date(2026, 3, 28))[:5] == ["00:00", "00:30", "01:00", "01:30", "02:00"]
        assert night(date(2026, 3, 29))[:5] == ["00:00", "00:30", "02:00", "02:30", "03:00"]
    with undone():
        load(now=datetime(2026, 10, 25, 12, tzinfo=UTC))
        assert night(date(2026, 10, 25))[:6] == ["00:00", "00:30", "01:00", "01:30", "01:00", "01:30"]


@pytest.mark.django_db
def test_the_same_seed_and_moment_give_the_same_rows():
    def rows(seed: int) -> list:
        with undone():
            load(seed=seed, now=datetime(2026, 11, 25, 10, 31, tzinfo=UTC))
            fields = [
                [
                    field.attname
                    for field in model._meta.concrete_fields
                    if field.name not in ("created_at", "updated_at")
                ]
                for model in TABLES
            ]
            return [
                list(model.objects.order_by("pk").values_list(*names))
                for model, names in zip(TABLES, fields, strict=True)
            ]

    first = rows(1)
    assert rows(1) == first
    other = rows(2)
    assert [len(table) for table in other[:3]] == [len(table) for table in first[:3]]
    assert other[2] != first[2]
    assert other[5] != first[5]


# --- refusals --------------------------------------------------------------------------------------------------


def rows_left() -> list[int]:
    return [model.objects.count() for model in (*TABLES, AuditLog)]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("model", "values"),
    [
        (Patient, {"first_name": "Ana"}),
        (Department, {"name": "Cardiology"}),
        (Doctor, {"id": "DOC-0001", "name": "Dr Ana"}),
    ],
)
def test_a_database_in_use_is_refused_and_left_alone(model, values):
    if model is Doctor:
        values = {**values, "department": Department.objects.create(name="Elsewhere")}
    model.objects.create(**values)
    before = rows_left()
    with pytest.raises(CommandError, match=f"already holds {model._meta.db_table} \\(1\\)"):
        call_command("demo")
    assert rows_left() == before


@pytest.mark.django_db
def test_a_second_load_is_refused():
    load()
    before = rows_left()
    with pytest.raises(NotEmpty):
        load()
    assert rows_left() == before


@pytest.mark.django_db
def test_a_load_that_fails_halfway_leaves_nothing():
    written = []

    def fail(count: int) -> None:
        written.append(AvailableSlot.objects.count())
        raise RuntimeError("the power is gone")

    with pytest.raises(RuntimeError):
        load(advance=fail)
    assert written[0] > 100
    assert rows_left() == [0] * 7
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_class WHERE relname LIKE 'demo!_%' ESCAPE '!'")
        assert cursor.fetchone() == (0,)


@pytest.mark.django_db(transaction=True)
def test_a_database_that_somebody_writes_into_is_refused():
    with psycopg.connect(test_database_url()) as other, connection.cursor() as cursor:
        other.execute("LOCK TABLE patients IN ROW EXCLUSIVE MODE")  # what an INSERT takes
        cursor.execute("SET lock_timeout = '100ms'")
        try:
            with pytest.raises(NotEmpty, match="Somebody is writing"):
                load()
        finally:
            cursor.execute("RESET lock_timeout")
    assert rows_left() == [0] * 7


@pytest.mark.django_db(transaction=True)
def test_a_committed_load_leaves_fresh_statistics_and_clean_indexes():
    load()
    with connection.cursor() as cursor:
        cursor.execute("SELECT reltuples, relallvisible > 0 FROM pg_class WHERE oid = 'patients'::regclass")
        assert cursor.fetchone() == (TINY.patients, True)


def test_the_sizes_are_those_of_the_manual():
    assert {
        name: (size.departments >= 8, size.doctors, size.patients, size.days_ahead, size.slots)
        for name, size in SIZES.items()
    } == {
        "small": (True, 24, 800, 30, 0),
        "hospital": (True, 60, 20_000, 90, 0),
        "city": (True, 200, 50_000, 90, 1_000_000),
    }
