"""Each visit type that slots and schedules name already becomes a row, and the default one is always there."""

from django.db import migrations

# A code of the old, free kind may hold anything: it is brought into shape, here and where it is used.
SHAPED = (
    "coalesce(nullif(ltrim(regexp_replace(lower(visit_type), '[^a-z0-9_-]+', '_', 'g'), '_-'), ''), 'consultation')"
)
IN_SHAPE = f"""
UPDATE available_slots SET visit_type = {SHAPED} WHERE visit_type !~ '^[a-z0-9][a-z0-9_-]*$';
UPDATE schedules SET visit_type = {SHAPED} WHERE visit_type !~ '^[a-z0-9][a-z0-9_-]*$';
"""

CREATE = """
INSERT INTO visit_types (
    code, name, duration_minutes, latest_minutes, is_public, instructions, is_active, created_at, updated_at
)
SELECT code, initcap(btrim(regexp_replace(code, '[_-]+', ' ', 'g'))), greatest(least(minutes, 1440), 1), 0, TRUE, '',
    TRUE, now(), now()
FROM (
    SELECT code, max(minutes) AS minutes FROM (
        SELECT 'consultation' AS code, 30 AS minutes
        UNION ALL SELECT visit_type, mode() WITHIN GROUP (ORDER BY duration_minutes) FROM available_slots GROUP BY 1
        UNION ALL SELECT visit_type, max(slot_minutes) FROM schedules GROUP BY 1
    ) AS found GROUP BY code
) AS types
"""


class Migration(migrations.Migration):
    dependencies = [("scheduling", "0002_visit_types")]

    operations = [
        migrations.RunSQL(IN_SHAPE, migrations.RunSQL.noop),
        migrations.RunSQL(CREATE, "DELETE FROM visit_types"),
    ]
