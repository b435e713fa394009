"""Notes for reception, and records that have been merged into others."""

import django.db.models.deletion
from django.contrib.postgres.operations import AddConstraintNotValid
from django.db import migrations, models

import booking_site.core.ids

# Who is merged goes straight to a record that is not. Of two merges that would make a chain, the later waits for the
# row that both want, and then sees the other.
CREATE = """
CREATE FUNCTION patients_refuse_chains() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM patients WHERE id = NEW.merged_into_id AND merged_into_id IS NULL FOR NO KEY UPDATE;
    IF NOT FOUND OR EXISTS (SELECT FROM patients WHERE merged_into_id = NEW.id) THEN
        RAISE EXCEPTION 'patient % cannot be merged into %: that would make a chain', NEW.id, NEW.merged_into_id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'patient_merged_once', TABLE = 'patients';
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER patients_no_chains AFTER INSERT OR UPDATE OF merged_into_id ON patients
    FOR EACH ROW WHEN (NEW.merged_into_id IS NOT NULL) EXECUTE FUNCTION patients_refuse_chains();
"""
DROP = """
DROP TRIGGER patients_no_chains ON patients;
DROP FUNCTION patients_refuse_chains();
"""


class Migration(migrations.Migration):
    dependencies = [("patients", "0001_initial")]

    operations = [
        migrations.AlterModelOptions(
            name="patient",
            options={
                "ordering": ["last_name", "first_name", "id"],
                "permissions": [("merge_patient", "Can merge duplicate records of a patient")],
                "verbose_name": "patient",
                "verbose_name_plural": "patients",
            },
        ),
        migrations.AddField(
            model_name="patient",
            name="notes",
            field=models.TextField(
                blank=True,
                db_default="",
                default="",
                help_text="For reception only.",
                max_length=4000,
                verbose_name="notes",
            ),
        ),
        migrations.AddField(
            model_name="patient",
            name="merged_into",
            field=models.ForeignKey(
                blank=True,
                db_index=False,
                editable=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="duplicates",
                to="patients.patient",
                verbose_name="merged into",
            ),
        ),
        AddConstraintNotValid(
            model_name="patient",
            constraint=models.CheckConstraint(
                condition=models.Q(("merged_into", models.F("id")), _negated=True),
                name="patient_not_into_itself",
                violation_error_code="merged_into_itself",
                violation_error_message="A record cannot be merged into itself.",
            ),
        ),
        AddConstraintNotValid(
            model_name="patient",
            constraint=models.CheckConstraint(
                condition=models.Q(("merged_into__isnull", True), ("is_active", False), _connector="OR"),
                name="patient_merged_is_closed",
                violation_error_code="patient_merged",
                violation_error_message="This record has been merged into another one and stays closed.",
            ),
        ),
        migrations.RunSQL(CREATE, DROP),
        migrations.CreateModel(
            name="PatientMerge",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=booking_site.core.ids.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("merged_at", models.DateTimeField(auto_now_add=True, verbose_name="merged at")),
                ("merged_by", models.CharField(max_length=200, verbose_name="merged by")),
                ("undone_at", models.DateTimeField(blank=True, null=True, verbose_name="undone at")),
                ("undone_by", models.CharField(blank=True, default="", max_length=200, verbose_name="undone by")),
                ("moved", models.JSONField(default=list)),
                ("repointed", models.JSONField(default=list)),
                ("changed", models.JSONField(default=dict)),
                (
                    "duplicate",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="patients.patient",
                    ),
                ),
                (
                    "survivor",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="merges",
                        to="patients.patient",
                    ),
                ),
            ],
            options={
                "verbose_name": "merge of records",
                "verbose_name_plural": "merges of records",
                "db_table": "patient_merges",
                "ordering": ["-merged_at", "-id"],
                "default_permissions": (),
                "indexes": [
                    models.Index(fields=["survivor", "merged_at"], name="idx_merge_survivor"),
                    models.Index(fields=["duplicate", "merged_at"], name="idx_merge_duplicate"),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("survivor", models.F("duplicate")), _negated=True),
                        name="merge_of_two",
                        violation_error_code="merged_into_itself",
                        violation_error_message="A record cannot be merged into itself.",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("undone_at__isnull", True)),
                        fields=["duplicate"],
                        name="merge_once",
                        violation_error_code="patient_merged",
                        violation_error_message="This record has been merged into another one already.",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("undone_at__isnull", True), ("undone_by", "")),
                            models.Q(("undone_at__isnull", False), models.Q(("undone_by", ""), _negated=True)),
                            _connector="OR",
                        ),
                        name="merge_undone_by_somebody",
                        violation_error_code="undone_by_missing",
                    ),
                ],
            },
        ),
    ]
