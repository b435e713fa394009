"""What takes long on a table of millions, without keeping anybody out."""

from django.db import migrations


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("rollout", "0001_expand")]
    operations = [
        migrations.RunSQL("ALTER TABLE available_slots VALIDATE CONSTRAINT slot_remark", migrations.RunSQL.noop),
        migrations.RunSQL(
            "CREATE INDEX CONCURRENTLY idx_slot_remark ON available_slots (remark)",
            "DROP INDEX CONCURRENTLY IF EXISTS idx_slot_remark",
        ),
    ]
