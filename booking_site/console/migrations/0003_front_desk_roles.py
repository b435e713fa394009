"""Who keeps the queue moving, who sees which departments, and who sees the numbers."""

from django.db import migrations

from booking_site.core.roles import grant, revoke

ROLES = {
    "Reception": ["appointments.attend_appointment", "scheduling.overbook_availableslot"],
    "Scheduler": ["appointments.report_appointment"],
    "Clinician": ["appointments.attend_appointment"],
    "Administrator": [
        "appointments.attend_appointment",
        "appointments.report_appointment",
        "doctors.add_staffprofile",
        "doctors.change_staffprofile",
        "doctors.view_staffprofile",
        "doctors.oversee_department",
    ],
}


def forwards(apps, schema_editor):
    grant(apps, ROLES)


def backwards(apps, schema_editor):
    revoke(apps, ROLES)


class Migration(migrations.Migration):
    dependencies = [
        ("appointments", "0006_front_desk"),
        ("console", "0002_planning_roles"),
        ("doctors", "0003_staff_profiles"),
    ]
    operations = [migrations.RunPython(forwards, backwards)]
