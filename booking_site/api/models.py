"""Client applications of the API, whom they have registered, and their throttle."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from oauth2_provider.models import AbstractApplication


class ApiClient(AbstractApplication):
    """A registered application: portal, kiosk, bot, partner system. ``scopes`` is all it may ever be granted.

    ``departments`` and ``patient`` limit the rows that it reaches (``booking_site.core.reach``). While a secret is
    being changed for another, ``previous_secret`` (hashed, as the other is) is good until ``previous_secret_until``.
    """

    scopes = models.CharField(_("scopes"), max_length=500, help_text=_("Separated by spaces."))
    requests_per_minute = models.PositiveIntegerField(
        _("requests per minute"), null=True, blank=True, help_text=_("Empty: the general limit.")
    )
    departments = models.ManyToManyField(
        "doctors.Department",
        blank=True,
        related_name="+",
        verbose_name=_("departments"),
        help_text=_("Sees and touches nothing outside these. None at all: no limit."),
    )
    may_act_for_patients = models.BooleanField(
        _("may act for patients"),
        default=False,
        help_text=_("May ask for tokens that are limited to one patient, whom it has identified: a patient portal."),
    )
    patient = models.ForeignKey(
        "patients.Patient",
        on_delete=models.CASCADE,  # without the patient it would be an application without a limit
        null=True,
        blank=True,
        editable=False,
        related_name="+",
        verbose_name=_("patient"),
        help_text=_("The only patient for whom it acts."),
    )
    previous_secret = models.CharField(max_length=255, blank=True, default="", editable=False)
    previous_secret_until = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta(AbstractApplication.Meta):
        db_table = "api_clients"
        verbose_name = _("API client")
        verbose_name_plural = _("API clients")
        constraints = [
            models.CheckConstraint(
                name="api_client_previous_secret_ends",
                condition=Q(previous_secret="", previous_secret_until__isnull=True)
                | ~Q(previous_secret="") & Q(previous_secret_until__isnull=False),
                violation_error_code="previous_secret_without_end",
            ),
            models.CheckConstraint(
                name="api_client_of_a_patient_acts_for_no_other",
                condition=Q(patient__isnull=True) | Q(may_act_for_patients=False),
                violation_error_code="acts_for_others",
            ),
        ]

    def __str__(self) -> str:
        return self.name or self.client_id


class Registration(models.Model):
    """A client that is limited to departments registered this patient, whom it may see from then on."""

    client = models.ForeignKey(ApiClient, on_delete=models.CASCADE, related_name="registrations", db_index=False)
    patient = models.ForeignKey("patients.Patient", on_delete=models.CASCADE, related_name="registrations")

    class Meta:
        db_table = "api_registrations"
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(
                fields=["client", "patient"], name="api_registration_once", violation_error_code="duplicate"
            )
        ]

    def __str__(self) -> str:
        return f"{self.client_id} {self.patient_id}"


class ThrottleWindow(models.Model):
    """How many requests of a client, or failures of an address, a minute has seen: shared by all web processes (an
    UNLOGGED table)."""

    client = models.CharField(max_length=150)
    minute = models.BigIntegerField()  # minutes since the epoch
    requests = models.PositiveIntegerField()

    class Meta:
        db_table = "api_throttle"
        constraints = [
            models.UniqueConstraint(
                fields=["client", "minute"], name="api_throttle_once", violation_error_code="duplicate"
            )
        ]

    def __str__(self) -> str:
        return f"{self.client} {self.minute}"
