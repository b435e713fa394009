"""Visit types of slots are references now, in a strict spelling: the appointments in those slots follow."""

from django.db import migrations

FOLLOW = """
UPDATE appointments SET visit_type = available_slots.visit_type FROM available_slots
WHERE available_slots.id = slot_id AND appointments.visit_type <> available_slots.visit_type
    AND appointments.visit_type !~ '^[a-z0-9][a-z0-9_-]*$'
"""


class Migration(migrations.Migration):
    dependencies = [("appointments", "0004_new_times_on_live_tables"), ("scheduling", "0003_visit_types_in_use")]
    operations = [migrations.RunSQL(FOLLOW, migrations.RunSQL.noop)]
