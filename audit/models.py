"""The audit log: who did what, when, from where, with what outcome; and its seals. Rows are only ever added."""

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from booking_site.core.ids import uuid7
from booking_site.core.wallclock import moment_label


class AuditLog(models.Model):
    """One operation, done or refused.

    ``appointment_id`` and ``object_id`` are plain values, no foreign keys: the log outlives what it tells of.
    ``patient_id``: whose record it is about; ``patient_ids``: of all patients that a list showed.
    ``details``: ``{"old": {...}, "new": {...}}`` with sensitive values masked, or ``{"code", "detail"}`` of a refusal.

    ``timestamp`` and the stamp are set by the database, whatever a client says: ``xid``, the transaction that wrote
    the row; ``epoch``, within which transaction ids grow (see AuditEpoch); ``seq``, the order within a transaction.
    """

    of_patient = "patient_id"  # see core.shown

    class Status(models.TextChoices):
        SUCCESS = "success", _("success")
        FAILURE = "failure", _("failure")
        DENIED = "denied", _("denied")

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    seq = models.BigIntegerField(db_default=0, editable=False)
    epoch = models.IntegerField(db_default=0, editable=False)
    xid = models.BigIntegerField(db_default=0, editable=False)
    timestamp = models.DateTimeField(_("time"), db_default=Now(), editable=False)
    action = models.CharField(_("action"), max_length=80)
    status = models.CharField(_("outcome"), max_length=10, choices=Status)
    user_id = models.CharField(_("id of the actor"), max_length=150, blank=True)
    user_kind = models.CharField(_("kind of actor"), max_length=10)
    user_name = models.CharField(_("name"), max_length=200, blank=True)
    on_behalf_of = models.CharField(_("on behalf of"), max_length=150, blank=True)
    appointment_id = models.UUIDField(_("appointment"), null=True, blank=True)
    patient_id = models.UUIDField(_("patient"), null=True, blank=True)
    patient_ids = ArrayField(models.UUIDField(), verbose_name=_("patients"), null=True, blank=True)
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
            models.Index(fields=["patient_id", "timestamp"], name="idx_audit_patient"),
            GinIndex(fields=["patient_ids"], name="idx_audit_patients", condition=models.Q(patient_ids__isnull=False)),
            models.Index(fields=["timestamp"], name="idx_audit_timestamp"),
            models.Index(fields=["epoch", "xid", "seq"], name="idx_audit_sealing"),
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


class AuditEpoch(models.Model):
    """A time during which transaction ids grow: those of one cluster, from a restore to the next.

    ``log_id``: of this audit log, the same in all its epochs; what is kept elsewhere says which log it is of.
    """

    number = models.IntegerField(primary_key=True)
    log_id = models.UUIDField()
    system_identifier = models.BigIntegerField()  # PostgreSQL's name of the cluster
    started_at = models.DateTimeField(db_default=Now())
    because = models.CharField(max_length=200)

    class Meta:
        db_table = "audit_epochs"
        default_permissions = ()

    def __str__(self) -> str:
        return f"epoch {self.number}"


class AuditSeal(models.Model):
    """Rows of the log that are not to change any more, by their hashes; see ``audit.sealing``.

    Of kind ``rows``: all rows of the epoch whose transaction is in ``xid_from <= xid < xid_to``.
    Of kind ``archive``: none; ``details`` tells which partition was put away, and where.
    """

    class Kind(models.TextChoices):
        ROWS = "rows"
        ARCHIVE = "archive"

    number = models.BigIntegerField(primary_key=True)
    kind = models.CharField(max_length=10, choices=Kind)
    epoch = models.IntegerField()
    xid_from = models.BigIntegerField()
    xid_to = models.BigIntegerField()
    rows = models.BigIntegerField()
    members = models.BinaryField()  # of each row in (xid, seq) order: 16 bytes of its id, 32 of its hash
    root = models.CharField(max_length=64)  # SHA-256 of members, hex
    previous = models.CharField(max_length=64)  # digest of the seal before
    sealed_at = models.DateTimeField()
    details = models.JSONField()
    digest = models.CharField(max_length=64)  # SHA-256 of all of the above but members
    key_id = models.CharField(max_length=16)
    mac = models.CharField(max_length=64)  # HMAC-SHA-256 of digest under the key

    class Meta:
        db_table = "audit_seals"
        default_permissions = ()
        constraints = [
            models.CheckConstraint(
                name="audit_seal_kind_known",
                condition=models.Q(kind__in=["rows", "archive"]),
                violation_error_code="invalid_kind",
            ),
            models.CheckConstraint(
                name="audit_seal_range",
                condition=models.Q(xid_from__lte=models.F("xid_to"), rows__gte=0, number__gt=0),
                violation_error_code="invalid_range",
            ),
        ]

    def __str__(self) -> str:
        return f"seal {self.number}"
