"""Who may make two records of one patient one: those who register patients and so find the duplicates."""

from django.db import migrations

from booking_site.core.roles import grant, revoke

ROLES = {"Reception": ["patients.merge_patient"], "Administrator": ["patients.merge_patient"]}


def forwards(apps, schema_editor):
    grant(apps, ROLES)


def backwards(apps, schema_editor):
    revoke(apps, ROLES)


class Migration(migrations.Migration):
    dependencies = [("console", "0003_front_desk_roles"), ("patients", "0002_merging")]
    operations = [migrations.RunPython(forwards, backwards)]
