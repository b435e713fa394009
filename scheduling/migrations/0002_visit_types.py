import django.core.validators
import django.db.models.expressions
import django.db.models.lookups
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("scheduling", "0001_initial")]

    operations = [
        migrations.CreateModel(
            name="VisitType",
            fields=[
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("updated_at", models.DateTimeField(auto_now=True)),
                (
                    "code",
                    models.CharField(
                        help_text="What programs call it, such as follow_up.",
                        max_length=40,
                        primary_key=True,
                        serialize=False,
                        validators=[
                            django.core.validators.RegexValidator(
                                "\\A[a-z0-9][a-z0-9_-]*\\Z", message="Small letters, digits and _ - only."
                            )
                        ],
                        verbose_name="code",
                    ),
                ),
                ("name", models.CharField(max_length=200, verbose_name="name")),
                (
                    "duration_minutes",
                    models.PositiveSmallIntegerField(
                        help_text="Minutes.",
                        validators=[
                            django.core.validators.MinValueValidator(1),
                            django.core.validators.MaxValueValidator(1440),
                        ],
                        verbose_name="length",
                    ),
                ),
                (
                    "earliest_days",
                    models.PositiveSmallIntegerField(
                        blank=True,
                        help_text="So many days before the visit, and not before. Empty: any time.",
                        null=True,
                        validators=[django.core.validators.MinValueValidator(1)],
                        verbose_name="earliest booking",
                    ),
                ),
                (
                    "latest_minutes",
                    models.PositiveIntegerField(
                        default=0,
                        help_text="So many minutes before the visit at the latest.",
                        verbose_name="latest booking",
                    ),
                ),
                (
                    "is_public",
                    models.BooleanField(default=True, help_text="No: booked by staff only.", verbose_name="public"),
                ),
                (
                    "instructions",
                    models.TextField(
                        blank=True,
                        help_text="Such as: do not eat before.",
                        max_length=4000,
                        verbose_name="instructions for the patient",
                    ),
                ),
                (
                    "limit_per_doctor_day",
                    models.PositiveSmallIntegerField(
                        blank=True,
                        null=True,
                        validators=[django.core.validators.MinValueValidator(1)],
                        verbose_name="limit per doctor and day",
                    ),
                ),
                (
                    "limit_per_patient",
                    models.PositiveSmallIntegerField(
                        blank=True,
                        help_text="So many visits of this type still to come, at most.",
                        null=True,
                        validators=[django.core.validators.MinValueValidator(1)],
                        verbose_name="limit per patient ahead",
                    ),
                ),
                ("is_active", models.BooleanField(default=True, verbose_name="active")),
            ],
            options={
                "verbose_name": "visit type",
                "verbose_name_plural": "visit types",
                "db_table": "visit_types",
                "ordering": ["name", "code"],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("code__regex", "^[a-z0-9][a-z0-9_-]*$")),
                        name="visit_type_code_shape",
                        violation_error_code="invalid_code",
                        violation_error_message="A visit type's code holds small letters, digits and _ - only.",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("name__regex", "\\S")),
                        name="visit_type_name_present",
                        violation_error_code="required",
                        violation_error_message="A visit type needs a name.",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("duration_minutes__gte", 1), ("duration_minutes__lte", 1440)),
                        name="visit_type_duration_sane",
                        violation_error_code="invalid_duration",
                        violation_error_message="A visit lasts from 1 to 1440 minutes.",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("earliest_days__isnull", True),
                            django.db.models.lookups.GreaterThanOrEqual(
                                django.db.models.expressions.CombinedExpression(
                                    models.F("earliest_days"), "*", models.Value(1440)
                                ),
                                models.F("latest_minutes"),
                            ),
                            _connector="OR",
                        ),
                        name="visit_type_lead_in_order",
                        violation_error_code="lead_out_of_order",
                        violation_error_message="The earliest booking lies before the latest.",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("limit_per_doctor_day__isnull", True),
                                ("limit_per_doctor_day__gte", 1),
                                _connector="OR",
                            ),
                            models.Q(
                                ("limit_per_patient__isnull", True), ("limit_per_patient__gte", 1), _connector="OR"
                            ),
                        ),
                        name="visit_type_limits_positive",
                        violation_error_code="invalid_limit",
                        violation_error_message="A limit is at least 1.",
                    ),
                ],
            },
        ),
    ]
