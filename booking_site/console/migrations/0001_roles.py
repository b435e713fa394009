"""The roles of the hospital's staff as Django groups, with the least that each needs."""

from django.db import migrations

# role: the permissions that it has, as app.codename
ROLES = {
    "Reception": [
        "appointments.view_appointment",
        "appointments.add_appointment",
        "appointments.change_appointment",
        "doctors.view_department",
        "doctors.view_doctor",
        "patients.view_patient",
        "patients.add_patient",
        "patients.change_patient",
        "scheduling.view_availableslot",
        "scheduling.view_schedule",
    ],
    "Scheduler": [
        "appointments.view_appointment",
        "appointments.change_appointment",
        "doctors.view_department",
        "doctors.add_doctor",
        "doctors.change_doctor",
        "doctors.view_doctor",
        "scheduling.add_availableslot",
        "scheduling.change_availableslot",
        "scheduling.view_availableslot",
        "scheduling.view_schedule",
    ],
    "Clinician": [
        "appointments.view_appointment",
        "doctors.view_department",
        "doctors.view_doctor",
        "patients.view_patient",
        "scheduling.view_availableslot",
    ],
    "Auditor": ["audit.view_auditlog"],
    "Administrator": [
        "api.add_apiclient",
        "api.change_apiclient",
        "api.view_apiclient",
        "appointments.view_appointment",
        "appointments.add_appointment",
        "appointments.change_appointment",
        "audit.view_auditlog",
        "auth.add_user",
        "auth.change_user",
        "auth.view_user",
        "auth.view_group",
        "doctors.add_department",
        "doctors.change_department",
        "doctors.view_department",
        "doctors.add_doctor",
        "doctors.change_doctor",
        "doctors.view_doctor",
        "patients.view_patient",
        "patients.add_patient",
        "patients.change_patient",
        "scheduling.add_availableslot",
        "scheduling.change_availableslot",
        "scheduling.view_availableslot",
        "scheduling.view_schedule",
    ],
}


def create(apps, schema_editor):
    Group = apps.get_model("auth", "Group")
    Permission = apps.get_model("auth", "Permission")
    ContentType = apps.get_model("contenttypes", "ContentType")
    for role, names in ROLES.items():
        group, _ = Group.objects.get_or_create(name=role)
        for name in names:
            app, codename = name.split(".")
            verb, model = codename.split("_", 1)
            # Django makes permissions after all migrations have run; on a new database they are not there yet.
            content_type, _ = ContentType.objects.get_or_create(app_label=app, model=model)
            permission, _ = Permission.objects.get_or_create(
                content_type=content_type,
                codename=codename,
                defaults={"name": f"Can {verb} {model}"},
            )
            group.permissions.add(permission)


def remove(apps, schema_editor):
    apps.get_model("auth", "Group").objects.filter(name__in=ROLES).delete()


class Migration(migrations.Migration):
    initial = True
    dependencies = [
        ("api", "0001_initial"),
        ("appointments", "0001_initial"),
        ("audit", "0001_initial"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
        ("doctors", "0001_initial"),
        ("patients", "0001_initial"),
        ("scheduling", "0001_initial"),
    ]
    operations = [migrations.RunPython(create, remove)]
