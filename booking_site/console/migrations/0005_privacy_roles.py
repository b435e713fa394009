"""Who may give out all that is kept on a patient, and who may erase it: the Administrator."""

from django.db import migrations

from booking_site.core.roles import grant, revoke

ROLES = {"Administrator": ["patients.export_patient", "patients.erase_patient"]}


def forwards(apps, schema_editor):
    grant(apps, ROLES)


def backwards(apps, schema_editor):
    revoke(apps, ROLES)


class Migration(migrations.Migration):
    dependencies = [("console", "0004_who_merges_patients"), ("patients", "0006_privacy")]
    operations = [migrations.RunPython(forwards, backwards)]
