from typing import Any

from rest_framework import serializers

from appointments.models import BESIDE, MOMENTS, Appointment, CancellationCode, Status
from booking_site.api.serializers import (
    Flag,
    Identifier,
    Instant,
    RowSerializer,
    StrictSerializer,
    Text,
    WallClock,
    localize,
)


class AppointmentSerializer(RowSerializer):
    """An appointment. ``date`` and ``time`` are the wall clock at the site; instants carry the site's offset."""

    columns = (
        *("id", "patient_id", "doctor_id", "department_id", "slot_id", "status", "reason", "date", "time"),
        *("starts_at", "ends_at", "requested_datetime", "visit_type", "source", "booked_by", "cancellation_code"),
        *("cancellation_reason", "is_urgent", "needs_new_time_since", "needs_new_time_because"),
        *MOMENTS.values(),
        *("created_at", "updated_at"),
    )
    expressions = BESIDE

    id = serializers.UUIDField()
    patient_id = serializers.UUIDField()
    doctor_id = serializers.CharField()
    doctor_name = serializers.CharField()
    department = serializers.CharField(help_text="The department's name.")
    department_id = serializers.UUIDField()
    slot_id = serializers.UUIDField(allow_null=True, help_text="Empty for imported history only.")
    status = serializers.ChoiceField(Status.choices)
    reason = serializers.CharField()
    date = serializers.DateField()
    time = WallClock(allow_null=True, help_text="Empty where imported history knows the day only.")
    time_zone = serializers.CharField(help_text="IANA name of the site's time zone.")
    starts_at = serializers.DateTimeField()
    ends_at = serializers.DateTimeField()
    requested_datetime = serializers.DateTimeField(allow_null=True)
    visit_type = serializers.CharField()
    source = serializers.CharField()  # type: ignore[assignment]  # a column; DRF takes declared fields out of the class
    booked_by = serializers.CharField()
    cancellation_code = serializers.ChoiceField([("", ""), *CancellationCode.choices])
    cancellation_reason = serializers.CharField()
    is_urgent = serializers.BooleanField(help_text="First in line for a new time.")
    needs_new_time_since = serializers.DateTimeField(
        allow_null=True, help_text="The doctor's plan has changed: the visit cannot take place then. Else empty."
    )
    needs_new_time_because = serializers.CharField(help_text="What has changed, such as the reason of a closure.")
    booked_at = serializers.DateTimeField()
    checked_in_at = serializers.DateTimeField(allow_null=True)
    started_at = serializers.DateTimeField(allow_null=True)
    completed_at = serializers.DateTimeField(allow_null=True)
    cancelled_at = serializers.DateTimeField(allow_null=True)
    no_show_at = serializers.DateTimeField(allow_null=True)
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()

    @classmethod
    def row_of(cls, appointment: Appointment) -> dict[str, Any]:
        """The row of what an operation gives back."""
        return {name: getattr(appointment, name) for name in (*cls.columns, *cls.expressions)}

    @classmethod
    def finish(cls, row: dict[str, Any]) -> dict[str, Any]:
        row["department"] = row.pop("department_name")
        localize(row, "starts_at", "ends_at", "requested_datetime", "needs_new_time_since", *MOMENTS.values())
        return row


class StepRequest(StrictSerializer):
    """A step at the front desk needs no more than its address."""


class BookRequest(StrictSerializer):
    patient_id = Identifier()
    slot_id = Identifier()
    reason = Text(max_length=2000, required=False, allow_blank=True)
    doctor_id = Text(max_length=32, required=False, help_text="When given, it must be the slot's doctor.")
    requested_datetime = Instant(
        required=False, allow_null=True, help_text="What the patient asked for, with an offset."
    )
    hold_token = Text(max_length=200, required=False, help_text="Opens a seat that you hold.")
    is_urgent = Flag(required=False, help_text="First in line for a new time, should this one fall through.")


class CancelRequest(StrictSerializer):
    appointment_id = Identifier()
    reason = Text(max_length=2000, required=False, allow_blank=True)
    cancellation_code = serializers.ChoiceField(
        CancellationCode.choices, required=False, help_text="What kind of reason, for the statistics."
    )


class RescheduleRequest(StrictSerializer):
    appointment_id = Identifier()
    slot_id = Identifier()
    reason = Text(max_length=2000, required=False, allow_blank=True)
    hold_token = Text(max_length=200, required=False, help_text="Opens a seat that you hold.")
