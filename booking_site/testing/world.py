"""A small hospital of three places, for tests of who may do what with which rows.

``own`` and ``beside`` are two doctors of one department, ``elsewhere`` is a doctor of another. Each has rows of every
kind. Reception and Scheduler belong to the first department, the Clinician is the first doctor, the Administrator
oversees all, the Auditor belongs nowhere, and ``nobody`` is staff without a role.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

from allauth.usersessions.models import UserSession
from django.apps import apps
from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.auth.models import Group, User
from django.utils import timezone

from appointments import operations
from appointments.merging import merge
from appointments.models import Appointment
from booking_site.accounts.sessions import SessionStore
from booking_site.api.clients import issue_token
from booking_site.api.models import ApiClient
from booking_site.testing.factories import (
    PASSWORD,
    TESTER,
    ClosureFactory,
    DepartmentFactory,
    DoctorFactory,
    PatientFactory,
    ScheduleFactory,
    SlotFactory,
    booked,
    booked_before,
    in_days,
    staff,
    zone_at,
)
from booking_site.testing.second_factors import give_app
from doctors.models import Department, StaffProfile
from scheduling.models import AvailableSlot, VisitType

SIDES = ("own", "beside", "elsewhere")
NOBODY = "nobody"
LETTERS = {
    "Reception": "R",
    "Scheduler": "S",
    "Clinician": "C",
    "Auditor": "A",
    "Administrator": "D",
    NOBODY: "-",
}
CLOSED = in_days(40).date()  # when nobody is booked
# letter: the sides whose rows it sees; "A" and "-" see none
SEES: dict[str, tuple[str, ...]] = {"R": ("own", "beside"), "S": ("own", "beside"), "C": ("own",), "D": SIDES}


@dataclass(frozen=True, slots=True)
class World:
    sides: dict[str, Any]
    shared: Any  # rows of the whole hospital
    users: dict[str, User]


def build() -> World:
    SlotFactory.reset_sequence(0)  # whatever other tests have made: the first seats of each side are of one day
    first, second = (DepartmentFactory(name=name, time_zone=zone_at(9)) for name in ("Cardiology", "Neurology"))
    sides = {side: _side(side, department) for side, department in zip(SIDES, (first, first, second), strict=True)}
    shared = SimpleNamespace(
        closure=ClosureFactory(reason="Feast", first_day=CLOSED),
        lifted=ClosureFactory(reason="Strike", is_active=False),
        visittype=VisitType.objects.get(pk="consultation"),
        user=_somebody(),
        group=Group.objects.get(name="Reception"),
        apiclient=ApiClient.objects.create(
            name="Portal",
            client_type="confidential",
            authorization_grant_type="client-credentials",
            scopes="slots:read",
        ),
        auditlog=apps.get_model("audit", "AuditLog").objects.first(),
    )
    issue_token(shared.apiclient, days=1)
    users = {
        "Reception": staff("Reception", first),
        "Scheduler": staff("Scheduler", first),
        "Clinician": staff("Clinician", doctor=sides["own"].doctor),
        "Auditor": staff("Auditor"),
        "Administrator": staff("Administrator"),
        NOBODY: User.objects.create_user(NOBODY, password=PASSWORD, is_staff=True),
    }
    StaffProfile.objects.filter(user__username__in=["auditor", "administrator"]).delete()
    return World(sides, shared, users)


def _somebody() -> User:
    """With a second factor and a session."""
    user = User.objects.create_user("somebody", is_staff=True)
    give_app(user)
    session = SessionStore()
    session.update({SESSION_KEY: str(user.pk), BACKEND_SESSION_KEY: settings.AUTHENTICATION_BACKENDS[0]})
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    session.save()
    UserSession.objects.create(user=user, session_key=session.session_key, ip="192.0.2.1", user_agent="Browser")
    return user


def _side(side: str, department: Department) -> Any:
    doctor = DoctorFactory(department=department, name=f"Doctor {side}", email=f"{side}@hospital.example")
    patient = PatientFactory(last_name=f"Patient {side}", email=f"patient.{side}@mail.example")
    seats = SlotFactory.create_batch(9, doctor=doctor)
    soon = timezone.now().replace(second=0, microsecond=0) + timedelta(minutes=30)
    waiting = booked(patient=patient, slot=seats[1])
    Appointment.objects.filter(pk=waiting.pk).update(
        needs_new_time_since=timezone.now(), needs_new_time_because=f"Closed {side}"
    )
    AvailableSlot.objects.filter(pk=seats[5].pk).update(status="withdrawn", by_hand=True)
    return SimpleNamespace(
        department=department,
        doctor=doctor,
        colleague=DoctorFactory(department=department, name=f"Colleague {side}"),
        patient=patient,
        duplicate=PatientFactory(last_name=f"Duplicate {side}"),
        merge=merge(actor=TESTER, survivor_id=patient.pk, duplicate_id=PatientFactory(last_name=f"Old {side}").pk),
        appointment=booked(patient=patient, slot=seats[0], reason=f"Reason {side}"),
        overdue=booked_before(SlotFactory(doctor=doctor, starts_at=soon - timedelta(minutes=60))),
        arrived=_taken(operations.check_in, booked(patient=patient, slot=seats[6])),
        with_doctor=_taken(operations.start, _taken(operations.check_in, booked(patient=patient, slot=seats[7]))),
        cancelled=_taken(operations.cancel, booked(patient=patient, slot=seats[8])),
        waiting=waiting,
        availableslot=seats[2],
        other_slot=seats[3],
        withdrawn_slot=seats[5],
        seat_today=SlotFactory(doctor=doctor, starts_at=soon),
        schedule=ScheduleFactory(doctor=doctor, name=f"Clinic {side}"),
        closure=ClosureFactory(doctor=doctor, reason=f"Ill {side}", first_day=CLOSED),
        lifted=ClosureFactory(doctor=doctor, reason=f"Leave {side}", is_active=False),
    )


def _taken(step: Callable[..., Appointment], appointment: Appointment) -> Appointment:
    return step(actor=TESTER, appointment_id=appointment.pk)
