"""When no version that runs knows of it any more. Its index and its rule go with it."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("rollout", "0002_fill")]
    operations = [
        migrations.RunSQL(
            "ALTER TABLE available_slots DROP COLUMN remark",
            "ALTER TABLE available_slots ADD COLUMN remark text DEFAULT '' NOT NULL",
        )
    ]
