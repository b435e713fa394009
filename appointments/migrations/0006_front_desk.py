"""What the front desk needs: kinds of cancellation, and permissions for the steps of a visit and for the numbers."""

from django.contrib.postgres.operations import AddConstraintNotValid
from django.db import migrations, models

CODES = ["patient", "ill", "not_needed", "hospital", "mistake", "died", "other"]


class Migration(migrations.Migration):
    dependencies = [
        ("appointments", "0005_visit_types_of_their_slots"),
        ("doctors", "0003_staff_profiles"),
    ]

    operations = [
        migrations.AlterModelOptions(
            name="appointment",
            options={
                "ordering": ["starts_at", "id"],
                "permissions": [
                    ("attend_appointment", "Can check patients in and keep the queue moving"),
                    ("report_appointment", "Can see the numbers"),
                ],
                "verbose_name": "appointment",
                "verbose_name_plural": "appointments",
            },
        ),
        migrations.AddField(
            model_name="appointment",
            name="cancellation_code",
            field=models.CharField(
                blank=True,
                choices=[
                    ("patient", "The patient asked for it"),
                    ("ill", "The patient is ill"),
                    ("not_needed", "No longer needed"),
                    ("hospital", "The hospital cannot keep it"),
                    ("mistake", "Booked by mistake"),
                    ("died", "The patient has died"),
                    ("other", "Another reason"),
                ],
                db_default="",
                default="",
                max_length=12,
                verbose_name="kind of cancellation",
            ),
        ),
        AddConstraintNotValid(
            model_name="appointment",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("cancellation_code", ""),
                    models.Q(("cancellation_code__in", CODES), ("status", "cancelled")),
                    _connector="OR",
                ),
                name="appointment_cancellation_code_known",
                violation_error_code="invalid_cancellation_code",
            ),
        ),
    ]
