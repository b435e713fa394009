"""Appointments that need a new time, and which of them are urgent."""

from django.contrib.postgres.operations import AddConstraintNotValid
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("appointments", "0002_appointment_follows_slot"),
        ("scheduling", "0005_plans_on_live_tables"),
    ]

    operations = [
        migrations.AddField(
            model_name="appointment",
            name="is_urgent",
            field=models.BooleanField(
                db_default=False, default=False, help_text="First in line for a new time.", verbose_name="urgent"
            ),
        ),
        migrations.AddField(
            model_name="appointment",
            name="needs_new_time_because",
            field=models.CharField(blank=True, db_default="", default="", max_length=300, verbose_name="because"),
        ),
        migrations.AddField(
            model_name="appointment",
            name="needs_new_time_since",
            field=models.DateTimeField(blank=True, null=True, verbose_name="needs a new time since"),
        ),
        AddConstraintNotValid(
            model_name="appointment",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("needs_new_time_because", ""), ("needs_new_time_since__isnull", True)),
                    models.Q(("needs_new_time_since__isnull", False), ("status", "booked")),
                    _connector="OR",
                ),
                name="appointment_new_time_while_booked",
                violation_error_code="new_time_unneeded",
            ),
        ),
    ]
