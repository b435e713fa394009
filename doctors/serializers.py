from django.db.models import F
from rest_framework import serializers

from booking_site.api.serializers import RowSerializer


class DoctorSerializer(RowSerializer):
    """A doctor, with the department's name."""

    columns = (
        *("id", "name", "email", "phone", "department_id", "specialization", "experience", "is_active"),
        *("created_at", "updated_at"),
    )
    expressions = {
        "department_name": F("department__name"),
        "time_zone": F("department__time_zone"),
    }

    id = serializers.CharField(help_text="The hospital's own code.")
    name = serializers.CharField()
    email = serializers.CharField(help_text="An e-mail address, or empty.")
    phone = serializers.CharField()
    department = serializers.CharField(help_text="The department's name.")
    department_id = serializers.UUIDField()
    time_zone = serializers.CharField(help_text="IANA name of the department's time zone.")
    specialization = serializers.CharField()
    experience = serializers.IntegerField(allow_null=True, help_text="Years.")
    is_active = serializers.BooleanField()
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()

    @classmethod
    def finish(cls, row: dict) -> dict:
        row["department"] = row.pop("department_name")
        return row
