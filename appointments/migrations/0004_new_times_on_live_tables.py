"""What takes long on a table of millions, without keeping anybody out."""

from django.contrib.postgres.operations import AddIndexConcurrently, ValidateConstraint
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("appointments", "0003_new_times")]

    operations = [
        ValidateConstraint("appointment", "appointment_new_time_while_booked"),
        AddIndexConcurrently(
            model_name="appointment",
            index=models.Index(
                condition=models.Q(("needs_new_time_since__isnull", False)),
                fields=["starts_at", "id"],
                name="idx_appointment_rebooking",
            ),
        ),
    ]
