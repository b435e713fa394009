"""The indexes of open seats, with their condition in words that no other index answers to."""

from django.contrib.postgres.operations import AddIndexConcurrently, RemoveIndexConcurrently
from django.db import migrations, models

FIELDS = {
    "idx_slot_open_doctor": ["doctor", "starts_at", "id"],
    "idx_slot_open_department": ["department", "starts_at", "id"],
    "idx_slot_open": ["starts_at", "id"],
}


def replaced(name: str) -> list[migrations.operations.base.Operation]:
    """Made under another name first: there is one at every moment."""
    new = models.Index(
        condition=models.Q(("status__in", ["booked", "withdrawn"]), _negated=True),
        fields=FIELDS[name],
        name=f"{name}_new",
    )
    return [
        AddIndexConcurrently(model_name="availableslot", index=new),
        RemoveIndexConcurrently(model_name="availableslot", name=name),
        migrations.RenameIndex(model_name="availableslot", old_name=f"{name}_new", new_name=name),
    ]


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("scheduling", "0005_plans_on_live_tables")]

    operations = [operation for name in FIELDS for operation in replaced(name)]
