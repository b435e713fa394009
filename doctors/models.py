"""Departments and the doctors who see patients in them."""

from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.core.validators import RegexValidator
from django.db import connection, models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop

from booking_site.core.models import IdentifiedRecord, Record, default_time_zone
from booking_site.core.reach import Reach
from booking_site.core.scope import Scope
from booking_site.core.validators import validate_time_zone

CODE_PATTERN = r"[A-Za-z0-9][A-Za-z0-9._-]{0,31}"


class Department(IdentifiedRecord):
    """A part of the hospital at one site. All its local dates and times are in ``time_zone`` (an IANA name)."""

    name = models.CharField(_("name"), max_length=200)
    code = models.CharField(
        _("code"), max_length=64, null=True, blank=True, help_text=_("The hospital's own code, if any.")
    )
    site = models.CharField(_("site"), max_length=200, blank=True)
    time_zone = models.CharField(
        _("time zone"), max_length=64, default=default_time_zone, validators=[validate_time_zone]
    )
    phone = models.CharField(_("phone"), max_length=200, blank=True)
    is_active = models.BooleanField(_("active"), default=True)

    class Meta:
        db_table = "departments"
        ordering = ["name"]
        verbose_name = _("department")
        verbose_name_plural = _("departments")
        permissions = [("oversee_department", gettext_noop("Sees every department"))]
        constraints = [
            models.CheckConstraint(
                name="department_name_present",
                condition=Q(name__regex=r"\S"),
                violation_error_code="required",
                violation_error_message=_("A department needs a name."),
            ),
            models.UniqueConstraint(
                fields=["name"],
                name="department_name_unique",
                violation_error_code="duplicate_name",
                violation_error_message=_("Another department has this name."),
            ),
            models.UniqueConstraint(
                fields=["code"],
                name="department_code_unique",
                violation_error_code="duplicate_code",
                violation_error_message=_("Another department has this code."),
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def tz(self) -> ZoneInfo:
        return ZoneInfo(self.time_zone)


class DoctorQuerySet(models.QuerySet["Doctor"]):
    def seen_by(self, scope: Scope) -> "DoctorQuerySet":
        """Those of the departments, and their guests: doctors of elsewhere who have a schedule there."""
        if scope.everything:
            return self
        if not scope.departments:
            return self.filter(scope.q(doctor="pk"))
        guests = Doctor.objects.order_by().filter(schedules__department__in=scope.departments).values("pk")
        return self.filter(scope.q(doctor="pk") | Q(pk__in=guests))

    def within(self, reach: Reach) -> "DoctorQuerySet":
        return self.seen_by(reach.client).seen_by(reach.person)


class Doctor(Record):
    """A person (or a clinic without a named doctor) who sees patients. The key is the hospital's own short code."""

    id = models.CharField(
        _("code"),
        primary_key=True,
        max_length=32,
        blank=True,
        validators=[RegexValidator(rf"\A{CODE_PATTERN}\Z", message=_("Letters, digits and . _ - only."))],
        help_text=_("The hospital's own code, such as DOC-0042. Made for you when left empty."),
    )
    name = models.CharField(_("name"), max_length=200)
    email = models.EmailField(_("e-mail"), blank=True)
    phone = models.CharField(_("phone"), max_length=200, blank=True)
    department = models.ForeignKey(
        Department, on_delete=models.PROTECT, related_name="doctors", verbose_name=_("department"), db_index=False
    )
    specialization = models.CharField(_("specialization"), max_length=200, blank=True)
    experience = models.PositiveSmallIntegerField(_("experience"), null=True, blank=True, help_text=_("Years."))
    is_active = models.BooleanField(_("active"), default=True)

    objects = DoctorQuerySet.as_manager()

    class Meta:
        db_table = "doctors"
        ordering = ["name", "id"]
        verbose_name = _("doctor")
        verbose_name_plural = _("doctors")
        indexes = [
            models.Index(fields=["department", "is_active"], name="idx_doctor_department"),
            models.Index(fields=["specialization"], name="idx_doctor_specialization"),
        ]
        constraints = [
            models.CheckConstraint(
                name="doctor_name_present",
                condition=Q(name__regex=r"\S"),
                violation_error_code="required",
                violation_error_message=_("A doctor needs a name."),
            ),
            models.CheckConstraint(
                name="doctor_code_shape",
                condition=Q(id__regex=rf"^{CODE_PATTERN}$"),
                violation_error_code="invalid_code",
                violation_error_message=_("A doctor's code holds letters, digits and . _ - only."),
            ),
            models.CheckConstraint(
                name="doctor_experience_plausible",
                condition=Q(experience__isnull=True) | Q(experience__lte=80),
                violation_error_code="invalid",
                violation_error_message=_("Experience is a number of years, at most 80."),
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def save(self, *args: Any, **kwargs: Any) -> None:
        if not self.id:
            self.id = next_code()
        super().save(*args, **kwargs)


class StaffProfile(Record):
    """Where a user of the console works, which says what they see (``booking_site.core.scope``). A clinician is one of
    the doctors."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="staff_profile", verbose_name=_("user")
    )
    all_departments = models.BooleanField(
        _("all departments"), default=False, help_text=_("Sees every department, also those to come.")
    )
    departments = models.ManyToManyField(
        Department, blank=True, related_name="staff", verbose_name=_("departments"), help_text=_("Sees these.")
    )
    doctor = models.OneToOneField(
        Doctor,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="staff_profile",
        verbose_name=_("doctor"),
        help_text=_("Who they are, of the doctors: sees their own appointments."),
    )

    class Meta:
        db_table = "staff_profiles"
        verbose_name = _("place of work")
        verbose_name_plural = _("places of work")

    def __str__(self) -> str:
        return str(self.user)


def next_code() -> str:
    """The next free code of the form DOC-0042."""
    with connection.cursor() as cursor:
        while True:
            cursor.execute("SELECT nextval('doctor_code_seq')")
            code = f"DOC-{cursor.fetchone()[0]:04d}"
            if not Doctor.objects.filter(pk=code).exists():
                return code
