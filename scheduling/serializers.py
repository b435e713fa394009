from typing import Any

from django.db.models import F
from rest_framework import serializers

from booking_site.api.serializers import RowSerializer, StrictSerializer, Text, WallClock, localize


class SlotSerializer(RowSerializer):
    """A free seat. ``date`` and ``time`` are the wall clock at the site; instants carry the site's offset."""

    columns = (
        *("id", "doctor_id", "department_id", "date", "time", "starts_at", "ends_at", "duration_minutes"),
        *("visit_type", "seat"),
    )
    expressions = {
        "doctor_name": F("doctor__name"),
        "specialization": F("doctor__specialization"),
        "department_name": F("department__name"),
        "time_zone": F("department__time_zone"),
    }

    id = serializers.UUIDField()
    doctor_id = serializers.CharField()
    doctor_name = serializers.CharField()
    specialization = serializers.CharField()
    department = serializers.CharField(help_text="The department's name.")
    department_id = serializers.UUIDField()
    date = serializers.DateField()
    time = WallClock()
    time_zone = serializers.CharField(help_text="IANA name of the site's time zone.")
    starts_at = serializers.DateTimeField()
    ends_at = serializers.DateTimeField()
    duration_minutes = serializers.IntegerField()
    visit_type = serializers.CharField()
    seat = serializers.IntegerField()
    status = serializers.ChoiceField(["available"])

    @classmethod
    def finish(cls, row: dict[str, Any]) -> dict[str, Any]:
        row["department"] = row.pop("department_name")
        row["status"] = "available"  # a hold past its end counts as available everywhere
        localize(row, "starts_at", "ends_at")
        return row


class HoldRequest(StrictSerializer):
    hold_token = Text(required=False, max_length=200, help_text="The token of a hold of yours, to begin it anew.")


class HoldSerializer(serializers.Serializer):
    """A hold. The token opens the seat to whoever shows it."""

    hold_token = serializers.CharField()
    held_until = serializers.DateTimeField()


class ReleaseRequest(StrictSerializer):
    hold_token = Text(
        required=False, max_length=200, help_text="Without it, only the client that made the hold can release it."
    )
