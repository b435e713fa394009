"""What takes long on a table of millions, without keeping anybody out."""

from django.contrib.postgres.operations import AddIndexConcurrently, ValidateConstraint
from django.db import migrations, models

REMEMBER = "UPDATE available_slots SET by_hand = TRUE WHERE status = 'withdrawn'"  # so far, always by hand
FORGET = "UPDATE available_slots SET by_hand = FALSE WHERE by_hand"


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("scheduling", "0004_plans")]

    operations = [
        migrations.RunSQL(REMEMBER, FORGET),
        migrations.RunSQL(
            "ALTER TABLE available_slots VALIDATE CONSTRAINT slot_visit_type_known", migrations.RunSQL.noop
        ),
        ValidateConstraint("availableslot", "slot_retiring_is_booked"),
        ValidateConstraint("availableslot", "slot_by_hand_is_withdrawn"),
        AddIndexConcurrently(
            model_name="availableslot",
            index=models.Index(
                condition=models.Q(("status", "held")), fields=["held_by", "held_until"], name="idx_slot_held"
            ),
        ),
    ]
