"""Client applications of the API, and their throttle."""

from django.db import models
from django.utils.translation import gettext_lazy as _
from oauth2_provider.models import AbstractApplication


class ApiClient(AbstractApplication):
    """A registered application: portal, kiosk, bot, partner system. ``scopes`` is all it may ever be granted."""

    scopes = models.CharField(_("scopes"), max_length=500, help_text=_("Separated by spaces."))
    requests_per_minute = models.PositiveIntegerField(
        _("requests per minute"), null=True, blank=True, help_text=_("Empty: the general limit.")
    )

    class Meta(AbstractApplication.Meta):
        db_table = "api_clients"
        verbose_name = _("API client")
        verbose_name_plural = _("API clients")

    def __str__(self) -> str:
        return self.name or self.client_id


class ThrottleWindow(models.Model):
    """How many requests of a client a minute has seen: shared by all web processes (an UNLOGGED table)."""

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
