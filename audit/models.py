"""The audit log: who did what, when, from where, with what outcome. Rows are only ever added."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from booking_site.core.ids import uuid7
from booking_site.core.wallclock import moment_label


class AuditLog(models.Model):
    """One operation, done or refused.

    ``appointment_id`` and ``object_id`` are plain values, no foreign keys: the log outlives what it tells of.
    ``details``: ``{"old": {...}, "new": {...}}`` with sensitive values masked, or ``{"code", "detail"}`` of a refusal.
    """

    class Status(models.TextChoices):
        SUCCESS = "success", _("success")
        FAILURE = "failure", _("failure")
        DENIED = "denied", _("denied")

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    timestamp = models.DateTimeField(_("time"))
    action = models.CharField(_("action"), max_length=80)
    status = models.CharField(_("outcome"), max_length=10, choices=Status)
    user_id = models.CharField(_("id of the actor"), max_length=150, blank=True)
    user_kind = models.CharField(_("kind of actor"), max_length=10)
    user_name = models.CharField(_("name"), max_length=200, blank=True)
    on_behalf_of = models.CharField(_("on behalf of"), max_length=150, blank=True)
    appointment_id = models.UUIDField(_("appointment"), null=True, blank=True)
    object_type = models.CharField(_("kind of object"), max_length=40, blank=True)
    object_id = models.CharField(_("object"), max_length=64, blank=True)
    request_id = models.CharField(_("request"), max_length=64, blank=True)
    address = models.CharField(_("address"), max_length=45, blank=True)
    details = models.JSONField(_("details"), default=dict)

    class Meta:
        db_table = "audit_logs"
        ordering = ["-timestamp", "-id"]
        verbose_name = _("audit entry")
        verbose_name_plural = _("audit log")
        default_permissions = ("view",)
        indexes = [
            models.Index(fields=["appointment_id", "timestamp"], name="idx_audit_appointment"),
            models.Index(fields=["object_type", "object_id", "timestamp"], name="idx_audit_object"),
            models.Index(fields=["user_id", "timestamp"], name="idx_audit_user"),
            models.Index(fields=["action", "timestamp"], name="idx_audit_action"),
            models.Index(fields=["timestamp"], name="idx_audit_timestamp"),
        ]
        constraints = [
            models.CheckConstraint(
                name="audit_status_known",
                condition=models.Q(status__in=["success", "failure", "denied"]),
                violation_error_code="invalid_status",
            ),
        ]

    def __str__(self) -> str:
        return f"{moment_label(self.timestamp)} {self.action}"

    @property
    def who(self) -> str:
        return self.user_name or self.user_id or self.user_kind
