from typing import Any

from django.core.validators import RegexValidator
from rest_framework import serializers

from booking_site.api.serializers import Day, Email, Flag, RowSerializer, StrictSerializer, Text
from booking_site.core.validators import validate_birth_date, validate_name, validate_phone
from patients.consents import SAID
from patients.models import Channel, ConsentSource, Patient

LANGUAGE_TAG = r"\A[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*\Z"


class PatientRequest(StrictSerializer):
    """A patient to register. Names, addresses and numbers are kept exactly as sent."""

    first_name = Text(
        max_length=200,
        allow_blank=True,
        validators=[validate_name],
        help_text="May be empty for people with a single name.",
    )
    last_name = Text(max_length=200, allow_blank=True, validators=[validate_name])
    email = Email(required=False, allow_blank=True)
    phone = Text(max_length=60, required=False, allow_blank=True, validators=[validate_phone])
    dob = Day(validators=[validate_birth_date])
    insurance_provider = Text(max_length=200, required=False, allow_blank=True)
    insurance_id = Text(max_length=100, required=False, allow_blank=True)
    mrn = Text(max_length=64, required=False, allow_null=True, help_text="The hospital's record number; unique.")
    preferred_language = Text(
        max_length=35,
        required=False,
        allow_blank=True,
        validators=[RegexValidator(LANGUAGE_TAG, message="Enter a language tag such as de or pt-BR.")],
        help_text="A language tag (BCP 47) such as de or pt-BR.",
    )
    remind_by_email = Flag(required=False)
    remind_by_sms = Flag(required=False)
    remind_by_phone = Flag(required=False)
    consent_source = serializers.ChoiceField(
        choices=[(source.value, source.value) for source in SAID],
        required=False,
        help_text="How the patient has said by what they may be reminded. Without it: in an app.",
    )
    is_active = Flag(required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        names = [attrs.get(name, getattr(self.instance, name, "")) for name in ("first_name", "last_name")]
        if not any(name.strip() for name in names):
            message = "A patient needs a first name or a last name."
            raise serializers.ValidationError({"last_name": [message]}, code="required")
        return attrs

    def build(self, instance: Patient | None = None) -> Patient:
        """The patient with these values, not yet saved."""
        patient = instance or Patient()
        for name, value in self.validated_data.items():
            setattr(patient, name, value)
        return patient


class PatientSerializer(RowSerializer):
    """A patient."""

    columns = (
        *("id", "first_name", "last_name", "email", "phone", "dob", "insurance_provider", "insurance_id", "mrn"),
        *("preferred_language", "remind_by_email", "remind_by_sms", "remind_by_phone", "is_active"),
        *("erased_at", "created_at", "updated_at"),
    )

    id = serializers.UUIDField()
    first_name = serializers.CharField()
    last_name = serializers.CharField()
    email = serializers.CharField()
    phone = serializers.CharField()
    dob = serializers.DateField(allow_null=True)
    insurance_provider = serializers.CharField()
    insurance_id = serializers.CharField()
    mrn = serializers.CharField(allow_null=True)
    preferred_language = serializers.CharField()
    remind_by_email = serializers.BooleanField()
    remind_by_sms = serializers.BooleanField()
    remind_by_phone = serializers.BooleanField()
    is_active = serializers.BooleanField()
    erased_at = serializers.DateTimeField(
        allow_null=True, help_text="When all that tells who this was has been erased. Erase your copy of it too."
    )
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()


class ConsentSerializer(serializers.Serializer):
    """That a consent was given or withdrawn."""

    channel = serializers.ChoiceField(choices=Channel.values)
    is_given = serializers.BooleanField()
    recorded_at = serializers.DateTimeField()
    recorded_by = serializers.CharField()
    source = serializers.ChoiceField(  # type: ignore[assignment]
        choices=ConsentSource.values, help_text="How the patient has said it."
    )


class ConsentsSerializer(serializers.Serializer):
    """What a patient has agreed to and what not any more, newest first."""

    results = ConsentSerializer(many=True)
