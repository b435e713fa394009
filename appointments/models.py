"""Appointments: who sees whom, when, in which seat, and how it went."""

from django.contrib.postgres.constraints import ExclusionConstraint
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop

from booking_site.core.models import IdentifiedRecord
from booking_site.core.reach import Reach
from booking_site.core.sql import SqlText, TimestampRange
from booking_site.core.wallclock import short_day_label
from doctors.models import Department, Doctor
from patients.models import Patient
from scheduling.models import AvailableSlot


class Status(models.TextChoices):
    BOOKED = "booked", _("booked")
    CHECKED_IN = "checked_in", _("checked in")
    IN_PROGRESS = "in_progress", _("in progress")
    COMPLETED = "completed", _("completed")
    CANCELLED = "cancelled", _("cancelled")
    NO_SHOW = "no_show", _("no-show")


# The one table of allowed moves.
MOVES: dict[str, frozenset[str]] = {
    Status.BOOKED: frozenset({Status.CHECKED_IN, Status.CANCELLED, Status.NO_SHOW}),
    Status.CHECKED_IN: frozenset({Status.IN_PROGRESS}),
    Status.IN_PROGRESS: frozenset({Status.COMPLETED}),
    Status.COMPLETED: frozenset(),
    Status.CANCELLED: frozenset(),
    Status.NO_SHOW: frozenset(),
}
BEFORE = {target: status for status, targets in MOVES.items() for target in targets}  # each is reached from one only
# The moment at which a status was reached.
MOMENTS: dict[str, str] = {
    Status.BOOKED: "booked_at",
    Status.CHECKED_IN: "checked_in_at",
    Status.IN_PROGRESS: "started_at",
    Status.COMPLETED: "completed_at",
    Status.CANCELLED: "cancelled_at",
    Status.NO_SHOW: "no_show_at",
}
LIVE = (Status.BOOKED, Status.CHECKED_IN, Status.IN_PROGRESS)  # the patient is, or is to be, somewhere
SEATLESS = (Status.CANCELLED, Status.NO_SHOW)  # every other status holds its seat
FINISHED = (Status.COMPLETED, Status.CANCELLED, Status.NO_SHOW)


class CancellationCode(models.TextChoices):
    """Who gave it up and why, for the numbers; in words it is in ``cancellation_reason``."""

    PATIENT = "patient", _("The patient asked for it")
    ILL = "ill", _("The patient is ill")
    NOT_NEEDED = "not_needed", _("No longer needed")
    HOSPITAL = "hospital", _("The hospital cannot keep it")
    MISTAKE = "mistake", _("Booked by mistake")
    DIED = "died", _("The patient has died")
    OTHER = "other", _("Another reason")


# What an answer says beside the columns, by queries on a row of appointments.
BESIDE = {
    "doctor_name": SqlText("SELECT name FROM doctors AS its WHERE its.id = appointments.doctor_id"),
    "department_name": SqlText("SELECT name FROM departments AS its WHERE its.id = appointments.department_id"),
    "time_zone": SqlText("SELECT time_zone FROM departments AS its WHERE its.id = appointments.department_id"),
}


class AppointmentQuerySet(models.QuerySet["Appointment"]):
    def live(self) -> "AppointmentQuerySet":
        return self.filter(status__in=LIVE)

    def holding_seat(self) -> "AppointmentQuerySet":
        return self.exclude(status__in=SEATLESS)

    def needing_new_time(self) -> "AppointmentQuerySet":
        """The rebooking worklist."""
        return self.filter(needs_new_time_since__isnull=False)

    def within(self, reach: Reach) -> "AppointmentQuerySet":
        """Those that a caller of the API may see and change."""
        return self.filter(reach.q(patient="patient"))


class Appointment(IdentifiedRecord):
    """Written by ``appointments.operations`` and, for history in bulk, ``appointments.history``; by nothing else.

    Times and doctor never differ from the slot's: a foreign key over all four columns sees to it. ``date`` and
    ``time`` are the department's wall clock; ``time`` is empty where imported history knows the day only.
    """

    of_patient = "patient_id"  # see core.shown

    patient = models.ForeignKey(
        Patient, on_delete=models.PROTECT, related_name="appointments", verbose_name=_("patient"), db_index=False
    )
    doctor = models.ForeignKey(
        Doctor, on_delete=models.PROTECT, related_name="appointments", verbose_name=_("doctor"), db_index=False
    )
    department = models.ForeignKey(
        Department,
        on_delete=models.PROTECT,
        related_name="appointments",
        verbose_name=_("department"),
        db_index=False,
    )
    slot = models.ForeignKey(
        AvailableSlot,
        on_delete=models.PROTECT,
        related_name="appointments",
        null=True,
        blank=True,
        verbose_name=_("slot"),
        db_constraint=False,  # appointment_follows_slot (migration 0002) holds the slot, the doctor and both times
    )
    reason = models.TextField(_("reason"), blank=True, max_length=2000)
    status = models.CharField(_("status"), max_length=12, choices=Status, default=Status.BOOKED)
    requested_datetime = models.DateTimeField(_("requested time"), null=True, blank=True)
    date = models.DateField(_("date"))
    time = models.TimeField(_("time"), null=True, blank=True)
    starts_at = models.DateTimeField(_("starts at"))
    ends_at = models.DateTimeField(_("ends at"))
    visit_type = models.CharField(_("visit type"), max_length=40, default="consultation")
    source = models.CharField(_("source"), max_length=40)  # api, console, walk_in, demo, import:<profile>
    external_id = models.CharField(_("number at the source"), max_length=100, null=True, blank=True)
    booked_by = models.CharField(_("booked by"), max_length=200, blank=True)
    is_urgent = models.BooleanField(
        _("urgent"), default=False, db_default=False, help_text=_("First in line for a new time.")
    )
    # Its slot lies in no session of the doctor any more, or in a closure. Set and taken back by ``retiring``.
    needs_new_time_since = models.DateTimeField(_("needs a new time since"), null=True, blank=True)
    needs_new_time_because = models.CharField(_("because"), max_length=300, blank=True, default="", db_default="")
    cancellation_code = models.CharField(
        _("kind of cancellation"), max_length=12, choices=CancellationCode, blank=True, default="", db_default=""
    )
    cancellation_reason = models.TextField(_("cancellation reason"), blank=True, max_length=2000)
    booked_at = models.DateTimeField(_("booked at"))
    checked_in_at = models.DateTimeField(_("checked in at"), null=True, blank=True)
    started_at = models.DateTimeField(_("started at"), null=True, blank=True)
    completed_at = models.DateTimeField(_("completed at"), null=True, blank=True)
    cancelled_at = models.DateTimeField(_("cancelled at"), null=True, blank=True)
    no_show_at = models.DateTimeField(_("no-show at"), null=True, blank=True)

    objects = AppointmentQuerySet.as_manager()

    class Meta:
        db_table = "appointments"
        ordering = ["starts_at", "id"]
        verbose_name = _("appointment")
        verbose_name_plural = _("appointments")
        permissions = [
            ("attend_appointment", gettext_noop("Can check patients in and keep the queue moving")),
            ("report_appointment", gettext_noop("Can see the numbers")),
        ]
        indexes = [
            models.Index(fields=["patient", "status"], name="idx_patient_status"),
            models.Index(fields=["doctor", "status"], name="idx_doctor_status"),
            models.Index(fields=["patient", "starts_at", "id"], name="idx_appointment_patient"),
            models.Index(fields=["doctor", "starts_at", "id"], name="idx_appointment_doctor"),
            models.Index(fields=["department", "starts_at", "id"], name="idx_appointment_department"),
            models.Index(fields=["starts_at", "id"], name="idx_appointment_start"),
            models.Index(
                fields=["starts_at", "id"],
                name="idx_appointment_rebooking",
                condition=Q(needs_new_time_since__isnull=False),
            ),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["slot"],
                name="appointment_one_per_seat",
                condition=~Q(status__in=SEATLESS),
                violation_error_code="slot_unavailable",
                violation_error_message=_("That seat has just been taken. Choose another time."),
            ),
            ExclusionConstraint(
                name="appointment_patient_not_twice",
                expressions=[("patient", "="), (TimestampRange("starts_at", "ends_at"), "&&")],
                condition=Q(status__in=LIVE),
                violation_error_code="patient_double_booked",
                violation_error_message=_("The patient already has an appointment at that time."),
            ),
            models.UniqueConstraint(
                fields=["source", "external_id"],
                name="appointment_imported_once",
                violation_error_code="already_imported",
                violation_error_message=_("This appointment has been imported before."),
            ),
            models.CheckConstraint(
                name="appointment_status_known",
                condition=Q(status__in=Status.values),
                violation_error_code="invalid_status",
            ),
            models.CheckConstraint(
                name="appointment_times_in_order",
                condition=Q(ends_at__gt=F("starts_at")),
                violation_error_code="times_out_of_order",
                violation_error_message=_("An appointment ends after it begins."),
            ),
            models.CheckConstraint(
                name="appointment_has_slot",
                condition=Q(slot__isnull=False)
                | Q(source__startswith="import:", external_id__isnull=False, status__in=FINISHED),
                violation_error_code="slot_required",
                violation_error_message=_("Only imported history may stand without a slot."),
            ),
            models.CheckConstraint(
                name="appointment_moments_complete",
                condition=(
                    Q(status=Status.BOOKED)
                    | Q(status=Status.CHECKED_IN, checked_in_at__isnull=False)
                    | Q(status=Status.IN_PROGRESS, started_at__isnull=False)
                    | Q(status=Status.COMPLETED, completed_at__isnull=False)
                    | Q(status=Status.CANCELLED, cancelled_at__isnull=False)
                    | Q(status=Status.NO_SHOW, no_show_at__isnull=False)
                ),
                violation_error_code="moment_missing",
            ),
            models.CheckConstraint(
                name="appointment_new_time_while_booked",
                condition=Q(needs_new_time_since__isnull=True, needs_new_time_because="")
                | Q(needs_new_time_since__isnull=False, status=Status.BOOKED),
                violation_error_code="new_time_unneeded",
            ),
            models.CheckConstraint(
                name="appointment_cancellation_code_known",
                condition=Q(cancellation_code="")
                | Q(cancellation_code__in=CancellationCode.values, status=Status.CANCELLED),
                violation_error_code="invalid_cancellation_code",
            ),
        ]

    def __str__(self) -> str:
        day = short_day_label(self.date)
        return f"{day} {self.time:%H:%M}" if self.time else day


class AppointmentMove(models.Model):
    """That an appointment was given another time, and when. The appointment itself knows its present time only."""

    appointment = models.ForeignKey(Appointment, on_delete=models.CASCADE, related_name="moves", db_index=False)
    moved_at = models.DateTimeField()

    class Meta:
        db_table = "appointment_moves"
        default_permissions = ()
        indexes = [models.Index(fields=["moved_at"], name="idx_move_moved_at")]

    def __str__(self) -> str:
        return f"{self.appointment_id} {self.moved_at:%Y-%m-%d %H:%M}"


class IdempotencyKey(models.Model):
    """One answered request of a client: repeated with the same key, it gives the same answer and does nothing."""

    client = models.CharField(max_length=150)
    key = models.CharField(max_length=255)
    fingerprint = models.CharField(max_length=64)  # SHA-256 of the operation and its body, in hex
    appointment = models.ForeignKey(Appointment, on_delete=models.CASCADE, null=True, db_index=False)
    created_at = models.DateTimeField(auto_now_add=True)
    last_used_at = models.DateTimeField(auto_now=True)

    class Meta:
        db_table = "idempotency_keys"
        constraints = [
            models.UniqueConstraint(
                fields=["client", "key"],
                name="idempotency_key_once",
                violation_error_code="idempotency_key_in_use",
            ),
        ]
        indexes = [models.Index(fields=["created_at"], name="idx_idempotency_created")]

    def __str__(self) -> str:
        return f"{self.client} {self.key}"
