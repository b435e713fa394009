"""Who may change how doctors work: the Scheduler, and the Administrator. Whom a change affects must be called."""

from django.db import migrations

from booking_site.core.roles import grant, revoke

PLANNING = [
    "scheduling.add_closure",
    "scheduling.change_closure",
    "scheduling.view_closure",
    "scheduling.add_schedule",
    "scheduling.change_schedule",
    "scheduling.view_schedule",
    "scheduling.overbook_availableslot",
]
ROLES = {
    "Reception": ["scheduling.view_closure", "scheduling.view_visittype"],
    "Scheduler": [*PLANNING, "scheduling.view_visittype", "patients.view_patient"],
    "Clinician": ["scheduling.view_closure", "scheduling.view_schedule", "scheduling.view_visittype"],
    "Administrator": [
        *PLANNING,
        "scheduling.add_visittype",
        "scheduling.change_visittype",
        "scheduling.view_visittype",
    ],
}


def forwards(apps, schema_editor):
    grant(apps, ROLES)


def backwards(apps, schema_editor):
    revoke(apps, ROLES)


class Migration(migrations.Migration):
    dependencies = [("console", "0001_roles"), ("scheduling", "0004_plans")]
    operations = [migrations.RunPython(forwards, backwards)]
