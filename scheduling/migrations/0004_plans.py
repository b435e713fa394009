"""Schedules say more, closures, and what generation must know of a slot."""

import django.core.validators
import django.db.models.deletion
import django.db.models.expressions
import django.db.models.functions.comparison
import django.db.models.lookups
from django.contrib.postgres.operations import AddConstraintNotValid
from django.db import migrations, models

import booking_site.core.ids
import booking_site.core.sql

# The texts that slots and schedules have become references to visit_types. The column stays as it is.
REFER = """
ALTER TABLE schedules ADD CONSTRAINT schedule_visit_type_known FOREIGN KEY (visit_type) REFERENCES visit_types (code);
ALTER TABLE available_slots ADD CONSTRAINT slot_visit_type_known FOREIGN KEY (visit_type) REFERENCES visit_types (code)
    NOT VALID;
"""
REFER_NOT = """
ALTER TABLE available_slots DROP CONSTRAINT slot_visit_type_known;
ALTER TABLE schedules DROP CONSTRAINT schedule_visit_type_known;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("doctors", "0002_doctor_code_sequence"),
        ("scheduling", "0003_visit_types_in_use"),
    ]

    operations = [
        migrations.AlterModelOptions(
            name="availableslot",
            options={
                "ordering": ["starts_at", "id"],
                "permissions": [("overbook_availableslot", "Can add a seat where the doctor has one already")],
                "verbose_name": "slot",
                "verbose_name_plural": "slots",
            },
        ),
        migrations.AddField(
            model_name="availableslot",
            name="by_hand",
            field=models.BooleanField(db_default=False, default=False, verbose_name="withdrawn by hand"),
        ),
        migrations.AddField(
            model_name="availableslot",
            name="is_public",
            field=models.BooleanField(db_default=True, default=True, verbose_name="public"),
        ),
        migrations.AddField(
            model_name="availableslot",
            name="note",
            field=models.CharField(blank=True, db_default="", max_length=200, verbose_name="note"),
        ),
        migrations.AddField(
            model_name="availableslot",
            name="retiring",
            field=models.BooleanField(
                db_default=False, default=False, verbose_name="offered no longer once its patient has gone"
            ),
        ),
        migrations.AddField(
            model_name="schedule",
            name="buffer_minutes",
            field=models.PositiveSmallIntegerField(
                default=0,
                help_text="Minutes.",
                validators=[django.core.validators.MaxValueValidator(1440)],
                verbose_name="pause between slots",
            ),
        ),
        migrations.AddField(
            model_name="schedule",
            name="is_public",
            field=models.BooleanField(default=True, help_text="No: booked by staff only.", verbose_name="public"),
        ),
        migrations.AddField(
            model_name="schedule",
            name="room",
            field=models.CharField(blank=True, max_length=100, verbose_name="room"),
        ),
        migrations.AddField(
            model_name="schedule",
            name="seats",
            field=models.PositiveSmallIntegerField(
                default=1,
                help_text="Patients in each slot: more than one for a group.",
                validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(100)],
                verbose_name="seats",
            ),
        ),
        migrations.AlterField(
            model_name="availableslot",
            name="duration_minutes",
            field=models.PositiveSmallIntegerField(
                help_text="Minutes.",
                validators=[
                    django.core.validators.MinValueValidator(1),
                    django.core.validators.MaxValueValidator(1440),
                ],
                verbose_name="duration",
            ),
        ),
        migrations.AlterField(
            model_name="schedule",
            name="slot_minutes",
            field=models.PositiveSmallIntegerField(
                help_text="Minutes.",
                validators=[
                    django.core.validators.MinValueValidator(1),
                    django.core.validators.MaxValueValidator(1440),
                ],
                verbose_name="slot length",
            ),
        ),
        migrations.CreateModel(
            name="Closure",
            fields=[
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("updated_at", models.DateTimeField(auto_now=True)),
                (
                    "id",
                    models.UUIDField(
                        default=booking_site.core.ids.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("first_day", models.DateField(blank=True, null=True, verbose_name="first day")),
                ("last_day", models.DateField(blank=True, null=True, verbose_name="last day")),
                ("starts_at", models.DateTimeField(blank=True, null=True, verbose_name="from")),
                ("ends_at", models.DateTimeField(blank=True, null=True, verbose_name="until")),
                ("reason", models.CharField(max_length=200, verbose_name="reason")),
                ("source", models.CharField(blank=True, editable=False, max_length=40)),
                ("is_active", models.BooleanField(default=True, verbose_name="active")),
                (
                    "department",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="closures",
                        to="doctors.department",
                        verbose_name="department",
                    ),
                ),
                (
                    "doctor",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="closures",
                        to="doctors.doctor",
                        verbose_name="doctor",
                    ),
                ),
            ],
            options={
                "verbose_name": "closure",
                "verbose_name_plural": "closures",
                "db_table": "closures",
                "ordering": [
                    django.db.models.functions.comparison.Coalesce(
                        "first_day", django.db.models.functions.comparison.Cast("starts_at", models.DateField())
                    )
                ],
            },
        ),
        migrations.AddConstraint(
            model_name="schedule",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("end_time__lte", models.F("start_time")),
                    ("slot_minutes__gt", 1440),
                    django.db.models.lookups.GreaterThanOrEqual(
                        django.db.models.expressions.CombinedExpression(
                            models.F("end_time"), "-", models.F("start_time")
                        ),
                        booking_site.core.sql.Minutes("slot_minutes"),
                    ),
                    _connector="OR",
                ),
                name="schedule_slot_fits",
                violation_error_code="slot_too_long",
                violation_error_message="A slot is longer than the session.",
            ),
        ),
        migrations.AddConstraint(
            model_name="schedule",
            constraint=models.CheckConstraint(
                condition=models.Q(("buffer_minutes__lte", 1440), ("seats__gte", 1), ("seats__lte", 100)),
                name="schedule_seats_sane",
                violation_error_code="invalid_seats",
                violation_error_message="A slot has from 1 to 100 seats; a pause lasts 1440 minutes at most.",
            ),
        ),
        migrations.AddConstraint(
            model_name="closure",
            constraint=models.CheckConstraint(
                condition=models.Q(("doctor__isnull", True), ("department__isnull", True), _connector="OR"),
                name="closure_scope_single",
                violation_error_code="scope_ambiguous",
                violation_error_message="Close a doctor, a department, or neither for the whole hospital; not both.",
            ),
        ),
        migrations.AddConstraint(
            model_name="closure",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("ends_at__isnull", True),
                        ("first_day__isnull", False),
                        ("last_day__isnull", False),
                        ("starts_at__isnull", True),
                    ),
                    models.Q(
                        ("ends_at__isnull", False),
                        ("first_day__isnull", True),
                        ("last_day__isnull", True),
                        ("starts_at__isnull", False),
                    ),
                    _connector="OR",
                ),
                name="closure_span_complete",
                violation_error_code="span_incomplete",
                violation_error_message="Give the first and last day, or both moments; not both kinds.",
            ),
        ),
        migrations.AddConstraint(
            model_name="closure",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("first_day__isnull", True), ("last_day__gte", models.F("first_day")), _connector="OR"),
                    models.Q(("starts_at__isnull", True), ("ends_at__gt", models.F("starts_at")), _connector="OR"),
                ),
                name="closure_span_in_order",
                violation_error_code="span_out_of_order",
                violation_error_message="A closure ends after it begins.",
            ),
        ),
        migrations.AddConstraint(
            model_name="closure",
            constraint=models.CheckConstraint(
                condition=models.Q(("reason__regex", "\\S")),
                name="closure_reason_present",
                violation_error_code="required",
                violation_error_message="Say why: it is what the patients will be told.",
            ),
        ),
        migrations.AddConstraint(
            model_name="closure",
            constraint=models.UniqueConstraint(
                condition=models.Q(("source", ""), _negated=True),
                fields=("source", "first_day"),
                name="closure_loaded_once",
                violation_error_code="already_loaded",
                violation_error_message="This holiday has been loaded before.",
            ),
        ),
        AddConstraintNotValid(
            model_name="availableslot",
            constraint=models.CheckConstraint(
                condition=models.Q(("retiring", False), ("status", "booked"), _connector="OR"),
                name="slot_retiring_is_booked",
                violation_error_code="retiring_unbooked",
            ),
        ),
        AddConstraintNotValid(
            model_name="availableslot",
            constraint=models.CheckConstraint(
                condition=models.Q(("by_hand", False), ("status", "withdrawn"), _connector="OR"),
                name="slot_by_hand_is_withdrawn",
                violation_error_code="by_hand_offered",
            ),
        ),
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.AlterField(
                    model_name="availableslot",
                    name="visit_type",
                    field=models.ForeignKey(
                        db_column="visit_type",
                        db_index=False,
                        default="consultation",
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="slots",
                        to="scheduling.visittype",
                        verbose_name="visit type",
                    ),
                ),
                migrations.AlterField(
                    model_name="schedule",
                    name="visit_type",
                    field=models.ForeignKey(
                        db_column="visit_type",
                        db_index=False,
                        default="consultation",
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="schedules",
                        to="scheduling.visittype",
                        verbose_name="visit type",
                    ),
                ),
            ],
            database_operations=[migrations.RunSQL(REFER, REFER_NOT)],
        ),
    ]
