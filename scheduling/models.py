"""Visit types, schedules, closures, and the bookable time they give: a row of ``available_slots`` is one seat."""

from collections.abc import Collection
from datetime import datetime, time, timedelta
from typing import Any

from django.contrib.postgres.constraints import ExclusionConstraint
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Cast, Coalesce
from django.db.models.lookups import GreaterThanOrEqual
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop

from booking_site.core.models import IdentifiedRecord, Record
from booking_site.core.sql import Minutes, SqlCondition, TimestampRange
from booking_site.core.wallclock import short_day_label
from doctors.models import Department, Doctor
from scheduling import recurrence
from scheduling.availability import FREE_SQL, FREE_TO_STAFF_SQL

MOST_SEATS = 100
MOST_MINUTES = 1440


CODE_PATTERN = r"[a-z0-9][a-z0-9_-]{0,39}"  # of a visit type


def minutes_field(label: Any, **kwargs: Any) -> models.PositiveSmallIntegerField:
    return models.PositiveSmallIntegerField(
        label, validators=[MinValueValidator(1), MaxValueValidator(MOST_MINUTES)], help_text=_("Minutes."), **kwargs
    )


class VisitType(Record):
    """A kind of visit, and the rules of booking it. ``availability`` enforces them."""

    code = models.CharField(
        _("code"),
        primary_key=True,
        max_length=40,
        validators=[RegexValidator(r"\A[a-z0-9][a-z0-9_-]*\Z", message=_("Small letters, digits and _ - only."))],
        help_text=_("What programs call it, such as follow_up."),
    )
    name = models.CharField(_("name"), max_length=200)
    duration_minutes = minutes_field(_("length"))
    earliest_days = models.PositiveSmallIntegerField(
        _("earliest booking"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1)],
        help_text=_("So many days before the visit, and not before. Empty: any time."),
    )
    latest_minutes = models.PositiveIntegerField(
        _("latest booking"), default=0, help_text=_("So many minutes before the visit at the latest.")
    )
    is_public = models.BooleanField(_("public"), default=True, help_text=_("No: booked by staff only."))
    instructions = models.TextField(
        _("instructions for the patient"), blank=True, max_length=4000, help_text=_("Such as: do not eat before.")
    )
    limit_per_doctor_day = models.PositiveSmallIntegerField(
        _("limit per doctor and day"), null=True, blank=True, validators=[MinValueValidator(1)]
    )
    limit_per_patient = models.PositiveSmallIntegerField(
        _("limit per patient ahead"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1)],
        help_text=_("So many visits of this type still to come, at most."),
    )
    is_active = models.BooleanField(_("active"), default=True)

    class Meta:
        db_table = "visit_types"
        ordering = ["name", "code"]
        verbose_name = _("visit type")
        verbose_name_plural = _("visit types")
        constraints = [
            models.CheckConstraint(
                name="visit_type_code_shape",
                condition=Q(code__regex=r"^[a-z0-9][a-z0-9_-]*$"),
                violation_error_code="invalid_code",
                violation_error_message=_("A visit type's code holds small letters, digits and _ - only."),
            ),
            models.CheckConstraint(
                name="visit_type_name_present",
                condition=Q(name__regex=r"\S"),
                violation_error_code="required",
                violation_error_message=_("A visit type needs a name."),
            ),
            models.CheckConstraint(
                name="visit_type_duration_sane",
                condition=Q(duration_minutes__gte=1, duration_minutes__lte=MOST_MINUTES),
                violation_error_code="invalid_duration",
                violation_error_message=_("A visit lasts from 1 to 1440 minutes."),
            ),
            models.CheckConstraint(
                name="visit_type_lead_in_order",
                condition=Q(earliest_days__isnull=True)
                | Q(GreaterThanOrEqual(F("earliest_days") * 1440, F("latest_minutes"))),
                violation_error_code="lead_out_of_order",
                violation_error_message=_("The earliest booking lies before the latest."),
            ),
            models.CheckConstraint(
                name="visit_type_limits_positive",
                condition=(Q(limit_per_doctor_day__isnull=True) | Q(limit_per_doctor_day__gte=1))
                & (Q(limit_per_patient__isnull=True) | Q(limit_per_patient__gte=1)),
                violation_error_code="invalid_limit",
                violation_error_message=_("A limit is at least 1."),
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Schedule(IdentifiedRecord):
    """A doctor's clinic session pattern, which slots come from. Times are the department's wall clock.

    An extra session is a schedule of one day. Written by ``planning``, which keeps the slots true to it.
    """

    doctor = models.ForeignKey(Doctor, on_delete=models.PROTECT, related_name="schedules", verbose_name=_("doctor"))
    department = models.ForeignKey(
        Department, on_delete=models.PROTECT, related_name="schedules", verbose_name=_("department")
    )
    name = models.CharField(_("name"), max_length=200)
    recurrence = models.CharField(
        _("recurrence"),
        max_length=recurrence.LONGEST,
        help_text=_("An RRULE as in RFC 5545."),
    )
    starts_on = models.DateField(_("valid from"))
    ends_on = models.DateField(_("valid until"), null=True, blank=True)
    start_time = models.TimeField(_("from"))
    end_time = models.TimeField(_("to"))
    slot_minutes = minutes_field(_("slot length"))
    buffer_minutes = models.PositiveSmallIntegerField(
        _("pause between slots"), default=0, validators=[MaxValueValidator(MOST_MINUTES)], help_text=_("Minutes.")
    )
    seats = models.PositiveSmallIntegerField(
        _("seats"),
        default=1,
        validators=[MinValueValidator(1), MaxValueValidator(MOST_SEATS)],
        help_text=_("Patients in each slot: more than one for a group."),
    )
    visit_type = models.ForeignKey(
        VisitType,
        on_delete=models.PROTECT,
        related_name="schedules",
        db_column="visit_type",
        db_index=False,
        default="consultation",
        verbose_name=_("visit type"),
    )
    room = models.CharField(_("room"), max_length=100, blank=True)
    is_public = models.BooleanField(_("public"), default=True, help_text=_("No: booked by staff only."))
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
                condition=Q(slot_minutes__gte=1, slot_minutes__lte=MOST_MINUTES),
                violation_error_code="invalid_duration",
                violation_error_message=_("A slot lasts from 1 to 1440 minutes."),
            ),
            models.CheckConstraint(
                name="schedule_slot_fits",
                # One fault has one name: what the constraints above refuse is not refused here.
                condition=Q(end_time__lte=F("start_time"))
                | Q(slot_minutes__gt=MOST_MINUTES)
                | Q(GreaterThanOrEqual(F("end_time") - F("start_time"), Minutes("slot_minutes"))),
                violation_error_code="slot_too_long",
                violation_error_message=_("A slot is longer than the session."),
            ),
            models.CheckConstraint(
                name="schedule_seats_sane",
                condition=Q(seats__gte=1, seats__lte=MOST_SEATS, buffer_minutes__lte=MOST_MINUTES),
                violation_error_code="invalid_seats",
                violation_error_message=_("A slot has from 1 to 100 seats; a pause lasts 1440 minutes at most."),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.doctor_id})"

    def clean(self) -> None:
        """Beyond the constraints: the rule can be read, and fires at least once while the schedule is valid."""
        try:
            recurrence.validate_recurrence(self.recurrence)
        except ValidationError as error:
            raise ValidationError({"recurrence": error}) from error
        if self.starts_on is None or (self.ends_on is not None and self.ends_on < self.starts_on):
            return  # which is another fault
        if not recurrence.upcoming(
            self.recurrence, self.starts_on, self.starts_on, 1, self.ends_on, self.start_time or time()
        ):
            raise ValidationError(
                {
                    "recurrence": ValidationError(
                        _("There is no such day between the first and the last day of the schedule."), code="never"
                    )
                }
            )

    @property
    def in_words(self) -> str:
        return recurrence.in_words(self.recurrence, self.starts_on)


class ClosureQuerySet(models.QuerySet["Closure"]):
    def near(self, begin: datetime, end: datetime, doctors: Collection[str]) -> "ClosureQuerySet":
        """Those in force that may concern these doctors from ``begin`` to ``end``, with a day or two to spare: when a
        day begins depends on the site."""
        first, last = begin.date() - timedelta(days=2), end.date() + timedelta(days=2)
        return self.filter(Q(doctor__isnull=True) | Q(doctor_id__in=doctors), is_active=True).filter(
            Q(first_day__lte=last, last_day__gte=first)
            | Q(starts_at__lt=end + timedelta(days=1), ends_at__gt=begin - timedelta(days=1))
        )


class Closure(IdentifiedRecord):
    """No visits: in the whole hospital, in a department, or of a doctor. Either whole days, at each site's own clock,
    or from instant to instant. Written by ``planning``, which takes the seats in it off the market."""

    doctor = models.ForeignKey(
        Doctor, on_delete=models.PROTECT, related_name="closures", null=True, blank=True, verbose_name=_("doctor")
    )
    department = models.ForeignKey(
        Department,
        on_delete=models.PROTECT,
        related_name="closures",
        null=True,
        blank=True,
        verbose_name=_("department"),
    )
    first_day = models.DateField(_("first day"), null=True, blank=True)
    last_day = models.DateField(_("last day"), null=True, blank=True)
    starts_at = models.DateTimeField(_("from"), null=True, blank=True)
    ends_at = models.DateTimeField(_("until"), null=True, blank=True)
    reason = models.CharField(_("reason"), max_length=200)
    source = models.CharField(
        _("source"), max_length=40, blank=True, editable=False
    )  # holidays:BR-ES, or empty: made by hand
    is_active = models.BooleanField(_("active"), default=True)

    objects = ClosureQuerySet.as_manager()

    class Meta:
        db_table = "closures"
        ordering = [Coalesce("first_day", Cast("starts_at", models.DateField()))]
        verbose_name = _("closure")
        verbose_name_plural = _("closures")
        constraints = [
            models.CheckConstraint(
                name="closure_scope_single",
                condition=Q(doctor__isnull=True) | Q(department__isnull=True),
                violation_error_code="scope_ambiguous",
                violation_error_message=_("Close a doctor, a department, or neither for the whole hospital; not both."),
            ),
            models.CheckConstraint(
                name="closure_span_complete",
                condition=(
                    Q(first_day__isnull=False, last_day__isnull=False, starts_at__isnull=True, ends_at__isnull=True)
                    | Q(first_day__isnull=True, last_day__isnull=True, starts_at__isnull=False, ends_at__isnull=False)
                ),
                violation_error_code="span_incomplete",
                violation_error_message=_("Give the first and last day, or both moments; not both kinds."),
            ),
            models.CheckConstraint(
                name="closure_span_in_order",
                condition=(Q(first_day__isnull=True) | Q(last_day__gte=F("first_day")))
                & (Q(starts_at__isnull=True) | Q(ends_at__gt=F("starts_at"))),
                violation_error_code="span_out_of_order",
                violation_error_message=_("A closure ends after it begins."),
            ),
            models.CheckConstraint(
                name="closure_reason_present",
                condition=Q(reason__regex=r"\S"),
                violation_error_code="required",
                violation_error_message=_("Say why: it is what the patients will be told."),
            ),
            models.UniqueConstraint(
                fields=["source", "first_day"],
                name="closure_loaded_once",
                condition=~Q(source=""),
                violation_error_code="already_loaded",
                violation_error_message=_("This holiday has been loaded before."),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.reason} ({self.span})"

    @property
    def span(self) -> str:
        if self.first_day is None or self.last_day is None:
            return f"{_moment(self.starts_at)} – {_moment(self.ends_at)}"
        if self.first_day == self.last_day:
            return short_day_label(self.first_day)
        return f"{short_day_label(self.first_day)} – {short_day_label(self.last_day)}"


def _moment(moment: Any) -> str:
    return f"{short_day_label(moment.date())} {moment:%H:%M %Z}"


class SlotQuerySet(models.QuerySet["AvailableSlot"]):
    def free(self, *, to_staff: bool = False) -> "SlotQuerySet":
        """Seats that can be booked now: the very condition that booking itself claims them by."""
        return self.filter(SqlCondition(FREE_TO_STAFF_SQL if to_staff else FREE_SQL))


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
    duration_minutes = minutes_field(_("duration"))
    status = models.CharField(_("status"), max_length=10, choices=Status, default=Status.AVAILABLE)
    starts_at = models.DateTimeField(_("starts at"))
    ends_at = models.DateTimeField(_("ends at"))
    seat = models.PositiveSmallIntegerField(_("seat"), default=1)
    visit_type = models.ForeignKey(
        VisitType,
        on_delete=models.PROTECT,
        related_name="slots",
        db_column="visit_type",
        db_index=False,
        default="consultation",
        verbose_name=_("visit type"),
    )
    is_public = models.BooleanField(_("public"), default=True, db_default=True)
    retiring = models.BooleanField(_("offered no longer once its patient has gone"), default=False, db_default=False)
    by_hand = models.BooleanField(_("withdrawn by hand"), default=False, db_default=False)  # generation leaves it so
    note = models.CharField(
        _("note"), max_length=200, blank=True, db_default=""
    )  # why it was added or withdrawn by hand
    held_until = models.DateTimeField(_("held until"), null=True, blank=True)
    held_by = models.CharField(_("held by"), max_length=150, blank=True)
    hold_digest = models.CharField(max_length=64, blank=True, editable=False)  # SHA-256 of the hold token, in hex

    objects = SlotQuerySet.as_manager()

    class Meta:
        db_table = "available_slots"
        ordering = ["starts_at", "id"]
        verbose_name = _("slot")
        verbose_name_plural = _("slots")
        permissions = [("overbook_availableslot", gettext_noop("Can add a seat where the doctor has one already"))]
        indexes = [
            models.Index(fields=["doctor", "date", "time"], name="idx_doctor_date_time"),
            models.Index(fields=["status", "date"], name="idx_status_date"),
            # Search walks one of these in order: no sort, and booked seats are not in them. The condition names what
            # is left out: by what is in, the planner would read idx_status_date as well, for the whole hospital.
            models.Index(
                fields=["doctor", "starts_at", "id"],
                name="idx_slot_open_doctor",
                condition=~Q(status__in=["booked", "withdrawn"]),
            ),
            models.Index(
                fields=["department", "starts_at", "id"],
                name="idx_slot_open_department",
                condition=~Q(status__in=["booked", "withdrawn"]),
            ),
            models.Index(
                fields=["starts_at", "id"], name="idx_slot_open", condition=~Q(status__in=["booked", "withdrawn"])
            ),
            models.Index(fields=["held_by", "held_until"], name="idx_slot_held", condition=Q(status="held")),
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
            models.CheckConstraint(
                name="slot_retiring_is_booked",
                condition=Q(retiring=False) | Q(status="booked"),
                violation_error_code="retiring_unbooked",
            ),
            models.CheckConstraint(
                name="slot_by_hand_is_withdrawn",
                condition=Q(by_hand=False) | Q(status="withdrawn"),
                violation_error_code="by_hand_offered",
            ),
        ]

    def __str__(self) -> str:
        return f"{short_day_label(self.date)} {self.time:%H:%M} {self.doctor_id}"

    @property
    def state(self) -> Status:
        """The status, but that a hold past its end counts as available."""
        ended = self.held_until is not None and self.held_until <= timezone.now()
        return self.Status.AVAILABLE if ended else self.Status(self.status)
