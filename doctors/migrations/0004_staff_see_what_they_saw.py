"""Those who have worked in the console so far have seen every department, and go on seeing it."""

from django.conf import settings
from django.db import migrations


def forwards(apps, schema_editor):
    user_model = apps.get_model(settings.AUTH_USER_MODEL)
    profile_model = apps.get_model("doctors", "StaffProfile")
    without = user_model.objects.filter(is_staff=True, staff_profile__isnull=True)
    profile_model.objects.bulk_create(
        [profile_model(user=user, all_departments=True) for user in without], batch_size=1000
    )


class Migration(migrations.Migration):
    dependencies = [("doctors", "0003_staff_profiles"), migrations.swappable_dependency(settings.AUTH_USER_MODEL)]
    operations = [migrations.RunPython(forwards, migrations.RunPython.noop)]
