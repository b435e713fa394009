from typing import Any

from django.conf import settings
from django.db.models import F
from rest_framework import serializers

from booking_site.api.serializers import (
    RowSerializer,
    StrictSerializer,
    Text,
    WallClock,
    WholeNumber,
    localize,
)
from scheduling.operations import MOST_HOLD_MINUTES


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


class CalendarDaySerializer(RowSerializer):
    """A date at the site on which seats are free. Sites in two time zones give two rows for one date."""

    date = serializers.DateField()
    time_zone = serializers.CharField(help_text="IANA name of the site's time zone.")
    free = serializers.IntegerField(min_value=1, help_text="How many seats can be booked.")
    first_starts_at = serializers.DateTimeField()
    slots = SlotSerializer(many=True, required=False, help_text="The first of them, with `per_day`.")

    @classmethod
    def finish(cls, row: dict[str, Any]) -> dict[str, Any]:
        del row["last_starts_at"]
        localize(row, "first_starts_at")
        for slot in row.get("slots", ()):
            SlotSerializer.finish(slot)
        return row


class VisitTypeSerializer(RowSerializer):
    """A kind of visit, and when and how often it can be booked."""

    columns = (
        *("code", "name", "duration_minutes", "earliest_days", "latest_minutes", "instructions", "is_public"),
        *("limit_per_patient", "limit_per_doctor_day", "created_at", "updated_at"),
    )

    code = serializers.CharField()
    name = serializers.CharField()
    duration_minutes = serializers.IntegerField()
    earliest_days = serializers.IntegerField(allow_null=True, help_text="So many days before the visit, not before.")
    latest_minutes = serializers.IntegerField(help_text="So many minutes before the visit at the latest.")
    instructions = serializers.CharField(help_text="For the patient, such as: do not eat before.")
    is_public = serializers.BooleanField(help_text="Not: booked by the hospital's staff only.")
    limit_per_patient = serializers.IntegerField(allow_null=True, help_text="Visits still to come, at most.")
    limit_per_doctor_day = serializers.IntegerField(allow_null=True, help_text="Visits of a doctor on a day, at most.")
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()


class HoldRequest(StrictSerializer):
    minutes = WholeNumber(
        required=False,
        min_value=1,
        max_value=MOST_HOLD_MINUTES,
        help_text=f"How long; {settings.HOLD_MINUTES} when not given. No hold outlasts the beginning of the visit.",
    )
    hold_token = Text(required=False, max_length=200, help_text="The token of a hold of yours, to begin it anew.")


class HoldSerializer(serializers.Serializer):
    """A hold. The token opens the seat to whoever shows it."""

    hold_token = serializers.CharField()
    held_until = serializers.DateTimeField()


class ReleaseRequest(StrictSerializer):
    hold_token = Text(
        required=False, max_length=200, help_text="Without it, only the client that made the hold can release it."
    )
