"""What takes long on a table of millions, without keeping anybody out."""

from django.contrib.postgres.operations import ValidateConstraint
from django.db import migrations

# Consents from before their history was kept: how they were given is not known, when not after the last change.
BACKFILL = """
INSERT INTO patient_consents (patient_id, channel, is_given, recorded_at)
SELECT patients.id, channel, true, patients.updated_at
FROM patients, LATERAL (VALUES
    ('email', remind_by_email), ('sms', remind_by_sms), ('phone', remind_by_phone)
) AS consents (channel, is_given)
WHERE is_given AND NOT EXISTS (
    SELECT FROM patient_consents AS known WHERE known.patient_id = patients.id AND known.channel = consents.channel
)
"""


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("patients", "0006_privacy")]

    operations = [
        ValidateConstraint("patient", "patient_name_present"),
        ValidateConstraint("patient", "patient_erased_is_empty"),
        migrations.RunSQL(BACKFILL, migrations.RunSQL.noop),
    ]
