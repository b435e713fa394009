from rest_framework import serializers

from audit.models import AuditLog
from booking_site.api.serializers import RowSerializer


class AuditLogSerializer(RowSerializer):
    """An entry of the audit log."""

    columns = (
        *("id", "timestamp", "action", "status", "user_id", "user_kind", "user_name", "on_behalf_of"),
        *("appointment_id", "patient_id", "patient_ids", "object_type", "object_id", "request_id", "address"),
        "details",
    )

    id = serializers.UUIDField()
    timestamp = serializers.DateTimeField()
    action = serializers.CharField(help_text="What was done, such as appointment.booked or patient.viewed.")
    status = serializers.ChoiceField(AuditLog.Status.choices)
    user_id = serializers.CharField(help_text="Of the user, the client application or the command.")
    user_kind = serializers.CharField(help_text="user, client, command, anonymous or database.")
    user_name = serializers.CharField()
    on_behalf_of = serializers.CharField(help_text="Whom a client application acted for.")
    appointment_id = serializers.UUIDField(allow_null=True)
    patient_id = serializers.UUIDField(allow_null=True, help_text="Whose data it was about.")
    patient_ids = serializers.ListField(
        child=serializers.UUIDField(), allow_null=True, help_text="All patients that a list showed."
    )
    object_type = serializers.CharField()
    object_id = serializers.CharField()
    request_id = serializers.CharField(help_text="The X-Request-ID of the answer.")
    address = serializers.CharField()
    details = serializers.DictField(help_text="Old and new values, sensitive ones masked, or why it was refused.")
