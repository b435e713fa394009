"""Where members of staff work, which says what they see."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("doctors", "0002_doctor_code_sequence"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AlterModelOptions(
            name="department",
            options={
                "ordering": ["name"],
                "permissions": [("oversee_department", "Sees every department")],
                "verbose_name": "department",
                "verbose_name_plural": "departments",
            },
        ),
        migrations.CreateModel(
            name="StaffProfile",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("updated_at", models.DateTimeField(auto_now=True)),
                (
                    "all_departments",
                    models.BooleanField(
                        default=False,
                        help_text="Sees every department, also those to come.",
                        verbose_name="all departments",
                    ),
                ),
                (
                    "departments",
                    models.ManyToManyField(
                        blank=True,
                        help_text="Sees these.",
                        related_name="staff",
                        to="doctors.department",
                        verbose_name="departments",
                    ),
                ),
                (
                    "doctor",
                    models.OneToOneField(
                        blank=True,
                        help_text="Who they are, of the doctors: sees their own appointments.",
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="staff_profile",
                        to="doctors.doctor",
                        verbose_name="doctor",
                    ),
                ),
                (
                    "user",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="staff_profile",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="user",
                    ),
                ),
            ],
            options={
                "verbose_name": "place of work",
                "verbose_name_plural": "places of work",
                "db_table": "staff_profiles",
            },
        ),
    ]
