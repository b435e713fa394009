"""A column whose default is kept in the catalogue, so that no row is written, and a rule for rows yet to come."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("scheduling", "0001_initial")]
    operations = [
        migrations.RunSQL(
            "ALTER TABLE available_slots ADD COLUMN remark text DEFAULT '' NOT NULL",
            "ALTER TABLE available_slots DROP COLUMN remark",
        ),
        migrations.RunSQL(
            "ALTER TABLE available_slots ADD CONSTRAINT slot_remark CHECK (length(remark) < 1000) NOT VALID",
            "ALTER TABLE available_slots DROP CONSTRAINT IF EXISTS slot_remark",
        ),
    ]
