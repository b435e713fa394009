"""What a client application is limited to, whom it has registered, and a secret that is being changed for another."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    dependencies = [
        ("api", "0002_throttle_unlogged"),
        ("doctors", "0001_initial"),
        ("patients", "0001_initial"),
    ]
    operations = [
        migrations.AddField(
            model_name="apiclient",
            name="departments",
            field=models.ManyToManyField(
                blank=True,
                related_name="+",
                to="doctors.department",
                verbose_name="departments",
                help_text="Sees and touches nothing outside these. None at all: no limit.",
            ),
        ),
        migrations.AddField(
            model_name="apiclient",
            name="may_act_for_patients",
            field=models.BooleanField(
                default=False,
                verbose_name="may act for patients",
                help_text="May ask for tokens that are limited to one patient, whom it has identified: a patient "
                "portal.",
            ),
        ),
        migrations.AddField(
            model_name="apiclient",
            name="patient",
            field=models.ForeignKey(
                blank=True,
                null=True,
                editable=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="+",
                to="patients.patient",
                verbose_name="patient",
                help_text="The only patient for whom it acts.",
            ),
        ),
        migrations.AddField(
            model_name="apiclient",
            name="previous_secret",
            field=models.CharField(blank=True, default="", editable=False, max_length=255),
        ),
        migrations.AddField(
            model_name="apiclient",
            name="previous_secret_until",
            field=models.DateTimeField(blank=True, editable=False, null=True),
        ),
        migrations.AddConstraint(
            model_name="apiclient",
            constraint=models.CheckConstraint(
                name="api_client_previous_secret_ends",
                condition=Q(previous_secret="", previous_secret_until__isnull=True)
                | ~Q(previous_secret="") & Q(previous_secret_until__isnull=False),
                violation_error_code="previous_secret_without_end",
            ),
        ),
        migrations.AddConstraint(
            model_name="apiclient",
            constraint=models.CheckConstraint(
                name="api_client_of_a_patient_acts_for_no_other",
                condition=Q(patient__isnull=True) | Q(may_act_for_patients=False),
                violation_error_code="acts_for_others",
            ),
        ),
        migrations.CreateModel(
            name="Registration",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "client",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="registrations",
                        to=settings.OAUTH2_PROVIDER_APPLICATION_MODEL,
                    ),
                ),
                (
                    "patient",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="registrations",
                        to="patients.patient",
                    ),
                ),
            ],
            options={
                "db_table": "api_registrations",
                "default_permissions": (),
                "constraints": [
                    models.UniqueConstraint(
                        fields=["client", "patient"], name="api_registration_once", violation_error_code="duplicate"
                    )
                ],
            },
        ),
    ]
