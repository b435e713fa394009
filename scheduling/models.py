"""Schedules and the bookable time they give: one row of ``available_slots`` is one seat."""

from django.contrib.postgres.constraints import ExclusionConstraint
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from booking_site.core.models import IdentifiedRecord
from booking_site.core.sql import Minutes, SqlCondition, TimestampRange
from doctors.models import Department, Doctor
from scheduling.availability import FREE_SQL


class Schedule(IdentifiedRecord):
    """A doctor's clinic session pattern, which slots come from. Times are the department's wall clock."""

    doctor = models.ForeignKey(Doctor, on_delete=models.PROTECT, related_name="schedules", verbose_name=_("doctor"))
    department = models.ForeignKey(
        Department, on_delete=models.PROTECT, related_name="schedules", verbose_name=_("department")
    )
    name = models.CharField(_("name"), max_length=200)
    recurrence = models.CharField(_("recurrence"), max_length=500, help_text=_("An RRULE as in RFC 5545."))
    starts_on = models.DateField(_("valid from"))
    ends_on = models.DateField(_("valid until"), null=True, blank=True)
    start_time = models.TimeField(_("from"))
    end_time = models.TimeField(_("to"))
    slot_minutes = models.PositiveSmallIntegerField(_("slot length"), help_text=_("Minutes."))
    visit_type = models.CharField(_("visit type"), max_length=40, default="consultation")
    is_active = models.BooleanField(_("active"), default=True)

    class Meta:
        db_table = "schedules"
        ordering = ["doctor", "starts_on", "start_time"]
        verbose_name = _("schedule")
        verbose_name_plural = _("schedules")
        constraints = [
            models.CheckConstraint(
                name="schedule_times_in_order",
                condition=Q(end_time__gt=F("start_time")),
                violation_error_code="times_out_of_order",
                violation_error_message=_("A session ends after it begins."),
            ),
            models.CheckConstraint(
                name="schedule_dates_in_order",
                condition=Q(ends_on__isnull=True) | Q(ends_on__gte=F("starts_on")),
                violation_error_code="dates_out_of_order",
                violation_error_message=_("A schedule ends on or after the day it begins."),
            ),
            models.CheckConstraint(
                name="schedule_slot_minutes_sane",
                condition=Q(slot_minutes__gte=1, slot_minutes__lte=1440),
                violation_error_code="invalid_duration",
                violation_error_message=_("A slot lasts from 1 to 1440 minutes."),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.doctor_id})"


class SlotQuerySet(models.QuerySet["AvailableSlot"]):
    def free(self) -> "SlotQuerySet":
        """Seats that can be booked now: the very condition that booking itself claims them by."""
        return self.filter(SqlCondition(FREE_SQL))


class AvailableSlot(IdentifiedRecord):
    """One bookable seat of a doctor. ``date`` and ``time`` are the wall clock of the department, beside the instants.

    Group clinics and overbooking are more rows with the same times and another ``seat``, never a counter.
    """

    class Status(models.TextChoices):
        AVAILABLE = "available", _("available")
        HELD = "held", _("held")
        BOOKED = "booked", _("booked")
        WITHDRAWN = "withdrawn", _("withdrawn")

    doctor = models.ForeignKey(
        Doctor, on_delete=models.PROTECT, related_name="slots", verbose_name=_("doctor"), db_index=False
    )
    department = models.ForeignKey(
        Department, on_delete=models.PROTECT, related_name="slots", verbose_name=_("department"), db_index=False
    )
    schedule = models.ForeignKey(
        Schedule, on_delete=models.PROTECT, related_name="slots", null=True, blank=True, verbose_name=_("schedule")
    )
    date = models.DateField(_("date"))
    time = models.TimeField(_("time"))
    duration_minutes = models.PositiveSmallIntegerField(_("duration"), help_text=_("Minutes."))
    status = models.CharField(_("status"), max_length=10, choices=Status, default=Status.AVAILABLE)
    starts_at = models.DateTimeField(_("starts at"))
    ends_at = models.DateTimeField(_("ends at"))
    seat = models.PositiveSmallIntegerField(_("seat"), default=1)
    visit_type = models.CharField(_("visit type"), max_length=40, default="consultation")
    held_until = models.DateTimeField(_("held until"), null=True, blank=True)
    held_by = models.CharField(_("held by"), max_length=150, blank=True)
    hold_digest = models.CharField(max_length=64, blank=True, editable=False)  # SHA-256 of the hold token, in hex

    objects = SlotQuerySet.as_manager()

    class Meta:
        db_table = "available_slots"
        ordering = ["starts_at", "id"]
        verbose_name = _("slot")
        verbose_name_plural = _("slots")
        indexes = [
            models.Index(fields=["doctor", "date", "time"], name="idx_doctor_date_time"),
            models.Index(fields=["status", "date"], name="idx_status_date"),
            # Search walks one of these in order: no sort, and booked seats are not in them.
            models.Index(
                fields=["doctor", "starts_at", "id"],
                name="idx_slot_open_doctor",
                condition=Q(status__in=["available", "held"]),
            ),
            models.Index(
                fields=["department", "starts_at", "id"],
                name="idx_slot_open_department",
                condition=Q(status__in=["available", "held"]),
            ),
            models.Index(
                fields=["starts_at", "id"], name="idx_slot_open", condition=Q(status__in=["available", "held"])
            ),
        ]
        constraints = [
            ExclusionConstraint(
                name="slot_no_overlap",
                # Time first: writing slots doctor by doctor took half as long as with the doctor's code (text) first.
                expressions=[(TimestampRange("starts_at", "ends_at"), "&&"), ("doctor", "="), ("seat", "=")],
                condition=~Q(status="withdrawn"),
                violation_error_code="slot_overlaps",
                violation_error_message=_("The doctor already has a slot at that time in this seat."),
            ),
            # The target of the foreign key that keeps an appointment's doctor and times those of its slot.
            models.UniqueConstraint(
                fields=["id", "doctor", "starts_at", "ends_at"],
                name="slot_identity",
                violation_error_code="duplicate",
            ),
            models.CheckConstraint(
                name="slot_status_known",
                condition=Q(status__in=["available", "held", "booked", "withdrawn"]),
                violation_error_code="invalid_status",
            ),
            models.CheckConstraint(
                name="slot_duration_sane",
                condition=Q(duration_minutes__gte=1, duration_minutes__lte=1440),
                violation_error_code="invalid_duration",
                violation_error_message=_("A slot lasts from 1 to 1440 minutes."),
            ),
            models.CheckConstraint(
                name="slot_times_agree",
                condition=Q(ends_at=F("starts_at") + Minutes("duration_minutes")),
                violation_error_code="times_disagree",
                violation_error_message=_("A slot ends its duration after it begins."),
            ),
            models.CheckConstraint(
                name="slot_seat_positive", condition=Q(seat__gte=1), violation_error_code="invalid_seat"
            ),
            models.CheckConstraint(
                name="slot_hold_complete",
                condition=(
                    Q(status="held", held_until__isnull=False) & ~Q(hold_digest="")
                    | ~Q(status="held") & Q(held_until__isnull=True, hold_digest="", held_by="")
                ),
                violation_error_code="hold_incomplete",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.date:%Y-%m-%d} {self.time:%H:%M} {self.doctor_id}"
