"""Each move of an appointment leaves a row, for the numbers: the appointment itself knows its present time only."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("appointments", "0007_front_desk_on_live_tables")]

    operations = [
        migrations.CreateModel(
            name="AppointmentMove",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("moved_at", models.DateTimeField()),
                (
                    "appointment",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="moves",
                        to="appointments.appointment",
                    ),
                ),
            ],
            options={
                "db_table": "appointment_moves",
                "default_permissions": (),
                "indexes": [models.Index(fields=["moved_at"], name="idx_move_moved_at")],
            },
        ),
    ]
