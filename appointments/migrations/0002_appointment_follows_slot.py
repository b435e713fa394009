"""An appointment's doctor and times are those of its slot: one foreign key over all four columns.

It stands for the plain foreign key on slot_id as well (``db_constraint=False`` in the model).
"""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("appointments", "0001_initial"), ("scheduling", "0001_initial")]
    operations = [
        migrations.RunSQL(
            """
            ALTER TABLE appointments ADD CONSTRAINT appointment_follows_slot
            FOREIGN KEY (slot_id, doctor_id, starts_at, ends_at)
            REFERENCES available_slots (id, doctor_id, starts_at, ends_at)
            """,
            "ALTER TABLE appointments DROP CONSTRAINT appointment_follows_slot",
        )
    ]
