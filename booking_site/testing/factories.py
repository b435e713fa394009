"""Factories of valid records. What follows from something else is derived: a slot's wall clock from its instant."""

from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

import factory
from django.contrib.auth.models import Group, User
from django.utils import timezone
from factory.django import DjangoModelFactory

from appointments import operations
from appointments.models import Appointment
from booking_site.core.actor import Actor
from doctors.models import Department, Doctor, StaffProfile
from patients.models import Patient
from scheduling.models import AvailableSlot, Closure, Schedule, VisitType

PASSWORD = "correct horse battery"
TESTER = Actor(kind="command", id="tests", name="tests")


class DepartmentFactory(DjangoModelFactory):
    class Meta:
        model = Department

    name = factory.Sequence(lambda n: f"Department {n}")
    time_zone = "Europe/Berlin"


class DoctorFactory(DjangoModelFactory):
    class Meta:
        model = Doctor

    id = factory.Sequence(lambda n: f"T-{n:04d}")
    name = factory.Sequence(lambda n: f"Doctor {n}")
    department = factory.SubFactory(DepartmentFactory)
    specialization = "Cardiology"


class PatientFactory(DjangoModelFactory):
    class Meta:
        model = Patient

    first_name = factory.Sequence(lambda n: f"First{n}")
    last_name = factory.Sequence(lambda n: f"Last{n}")
    dob = "1980-02-29"


def in_days(days: float, hour: int = 9, minute: int = 0) -> datetime:
    """A whole instant so many days from now, at that hour UTC."""
    moment = timezone.now() + timedelta(days=days)
    return moment.replace(hour=hour, minute=minute, second=0, microsecond=0)


def zone_at(hour: int) -> str:
    """A zone where it is that hour now, so that a test of today has the same day ahead whenever it runs."""
    east = (hour - timezone.now().hour + 11) % 24 - 11  # from -11 to 12
    return f"Etc/GMT{-east:+d}"  # POSIX counts the other way round


class VisitTypeFactory(DjangoModelFactory):
    class Meta:
        model = VisitType
        django_get_or_create = ("code",)

    code = factory.Sequence(lambda n: f"type_{n}")
    name = factory.LazyAttribute(lambda kind: kind.code.replace("_", " ").capitalize())
    duration_minutes = 30


class ScheduleFactory(DjangoModelFactory):
    """Every Monday to Friday from nine to twelve, half an hour each, from today on. Makes no slots."""

    class Meta:
        model = Schedule

    doctor = factory.SubFactory(DoctorFactory)
    department = factory.LazyAttribute(lambda schedule: schedule.doctor.department)
    name = "Morning clinic"
    recurrence = "FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR"
    starts_on = factory.LazyFunction(lambda: timezone.now().date())
    start_time = time(9)
    end_time = time(12)
    slot_minutes = 30
    visit_type = factory.SubFactory(VisitTypeFactory, code="consultation")


class ClosureFactory(DjangoModelFactory):
    """The whole hospital, for a day a week ahead. Withdraws no slots."""

    class Meta:
        model = Closure

    first_day = factory.LazyFunction(lambda: in_days(7).date())
    last_day = factory.LazyAttribute(lambda closure: closure.first_day)
    reason = "Feast of the city"


class SlotFactory(DjangoModelFactory):
    """A free seat, half an hour long; each further one begins where the last ended, from a week ahead.

    ``visit_type`` may be given by its code; it is made if need be.
    """

    class Meta:
        model = AvailableSlot

    doctor = factory.SubFactory(DoctorFactory)
    department = factory.LazyAttribute(lambda slot: slot.doctor.department)
    starts_at = factory.Sequence(lambda n: in_days(7) + timedelta(minutes=30 * n))
    duration_minutes = 30
    ends_at = factory.LazyAttribute(lambda slot: slot.starts_at + timedelta(minutes=slot.duration_minutes))
    date = factory.LazyAttribute(lambda slot: _local(slot).date())
    time = factory.LazyAttribute(lambda slot: _local(slot).time())
    visit_type = "consultation"

    @classmethod
    def _create(cls, model_class, *args, visit_type, **kwargs):
        kind = VisitTypeFactory(code=visit_type) if isinstance(visit_type, str) else visit_type
        return super()._create(model_class, *args, visit_type=kind, **kwargs)


def _local(slot) -> datetime:
    return slot.starts_at.astimezone(ZoneInfo(slot.department.time_zone))


def booked(**kwargs) -> Appointment:
    """An appointment, made by the operation itself. ``patient`` and ``slot`` are made when not given."""
    patient = kwargs.pop("patient", None) or PatientFactory()
    slot = kwargs.pop("slot", None) or SlotFactory()
    return operations.book(actor=TESTER, patient_id=patient.pk, slot_id=slot.pk, **kwargs)


def booked_before(slot: AvailableSlot, patient: Patient | None = None, **kwargs) -> Appointment:
    """A booked appointment whose time has come or is over, which no operation books any more."""
    AvailableSlot.objects.filter(pk=slot.pk).update(status="booked")
    times = {name: getattr(slot, name) for name in ("doctor", "department", "date", "time", "starts_at", "ends_at")}
    given = {"patient": patient or PatientFactory(), "source": "tests", "booked_at": slot.starts_at}
    return Appointment.objects.create(slot=slot, **times, **given | kwargs)


def staff(role: str, *departments: Department, doctor: Doctor | None = None, **kwargs) -> User:
    """A member of staff in a role of the migration, who can sign in to the console.

    Sees these departments, or every one without them; a clinician only the appointments of ``doctor``.
    """
    user = User.objects.create_user(role.lower(), password=PASSWORD, is_staff=True, **kwargs)
    user.groups.add(Group.objects.get(name=role))
    everywhere = not departments and doctor is None
    profile = StaffProfile.objects.create(user=user, doctor=doctor, all_departments=everywhere)
    profile.departments.set(departments)
    return user
