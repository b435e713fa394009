"""Records that can be erased, and the history of consents."""

import django.contrib.postgres.functions
import django.db.models.deletion
from django.contrib.postgres.operations import AddConstraintNotValid
from django.db import migrations, models

# However a consent is written (form, API, import, merge, SQL), when it changed is known.
CREATE = """
CREATE FUNCTION patients_keep_consents() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO patient_consents (patient_id, channel, is_given)
    SELECT NEW.id, channel, is_given
    FROM (VALUES
        ('email', NEW.remind_by_email, CASE TG_OP WHEN 'INSERT' THEN false ELSE OLD.remind_by_email END),
        ('sms', NEW.remind_by_sms, CASE TG_OP WHEN 'INSERT' THEN false ELSE OLD.remind_by_sms END),
        ('phone', NEW.remind_by_phone, CASE TG_OP WHEN 'INSERT' THEN false ELSE OLD.remind_by_phone END)
    ) AS consents (channel, is_given, was_given)
    WHERE is_given <> was_given;
    RETURN NULL;
END
$$;
CREATE TRIGGER patients_consents_given AFTER INSERT ON patients
    FOR EACH ROW WHEN (NEW.remind_by_email OR NEW.remind_by_sms OR NEW.remind_by_phone)
    EXECUTE FUNCTION patients_keep_consents();
CREATE TRIGGER patients_consents_changed AFTER UPDATE OF remind_by_email, remind_by_sms, remind_by_phone ON patients
    FOR EACH ROW WHEN (
        (NEW.remind_by_email, NEW.remind_by_sms, NEW.remind_by_phone)
        IS DISTINCT FROM (OLD.remind_by_email, OLD.remind_by_sms, OLD.remind_by_phone)
    )
    EXECUTE FUNCTION patients_keep_consents();
"""
DROP = """
DROP TRIGGER patients_consents_given ON patients;
DROP TRIGGER patients_consents_changed ON patients;
DROP FUNCTION patients_keep_consents();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("patients", "0005_name_and_record_number_indexes"),
    ]

    operations = [
        migrations.CreateModel(
            name="PatientConsent",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                (
                    "channel",
                    models.CharField(
                        choices=[("email", "e-mail"), ("sms", "SMS"), ("phone", "phone")],
                        max_length=8,
                        verbose_name="channel",
                    ),
                ),
                ("is_given", models.BooleanField(verbose_name="given")),
                (
                    "recorded_at",
                    models.DateTimeField(
                        db_default=django.contrib.postgres.functions.TransactionNow(), verbose_name="recorded at"
                    ),
                ),
                (
                    "recorded_by",
                    models.CharField(blank=True, db_default="", default="", max_length=200, verbose_name="recorded by"),
                ),
                (
                    "source",
                    models.CharField(
                        choices=[
                            ("desk", "at the desk"),
                            ("phone", "on the phone"),
                            ("writing", "in writing"),
                            ("app", "in an app"),
                            ("file", "in the file of another system"),
                            ("merge", "in another record of the same person"),
                            ("unknown", "not recorded"),
                        ],
                        db_default="unknown",
                        default="unknown",
                        max_length=8,
                        verbose_name="how",
                    ),
                ),
            ],
            options={
                "verbose_name": "consent",
                "verbose_name_plural": "consents",
                "db_table": "patient_consents",
                "ordering": ["-id"],
                "default_permissions": (),
            },
        ),
        migrations.AlterModelOptions(
            name="patient",
            options={
                "ordering": ["last_name", "first_name", "id"],
                "permissions": [
                    ("merge_patient", "Can merge duplicate records of a patient"),
                    ("export_patient", "Can export all that is kept on a patient"),
                    ("erase_patient", "Can erase what is kept on a patient"),
                ],
                "verbose_name": "patient",
                "verbose_name_plural": "patients",
            },
        ),
        migrations.RemoveConstraint(
            model_name="patient",
            name="patient_name_present",
        ),
        migrations.AddField(
            model_name="patient",
            name="erased_at",
            field=models.DateTimeField(blank=True, editable=False, null=True, verbose_name="erased at"),
        ),
        migrations.AddField(
            model_name="patient",
            name="erased_because",
            field=models.CharField(
                blank=True,
                choices=[
                    ("request", "The person has asked for it"),
                    ("retention", "The time that records are kept is over"),
                    ("mistake", "The record was made by mistake"),
                ],
                db_default="",
                default="",
                editable=False,
                max_length=12,
                verbose_name="erased because",
            ),
        ),
        AddConstraintNotValid(
            model_name="patient",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("first_name__regex", "\\S"),
                    ("last_name__regex", "\\S"),
                    ("erased_at__isnull", False),
                    _connector="OR",
                ),
                name="patient_name_present",
                violation_error_code="required",
                violation_error_message="A patient needs a first name or a last name.",
            ),
        ),
        AddConstraintNotValid(
            model_name="patient",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("erased_at__isnull", True), ("erased_because", "")),
                    models.Q(
                        ("dob__isnull", True),
                        ("email", ""),
                        ("erased_at__isnull", False),
                        ("erased_because__in", ["request", "retention", "mistake"]),
                        ("first_name", ""),
                        ("insurance_id", ""),
                        ("insurance_provider", ""),
                        ("is_active", False),
                        ("last_name", ""),
                        ("mrn__isnull", True),
                        ("notes", ""),
                        ("phone", ""),
                        ("preferred_language", ""),
                        ("remind_by_email", False),
                        ("remind_by_phone", False),
                        ("remind_by_sms", False),
                    ),
                    _connector="OR",
                ),
                name="patient_erased_is_empty",
                violation_error_code="patient_erased",
                violation_error_message="This record has been erased and stays empty.",
            ),
        ),
        migrations.AddField(
            model_name="patientconsent",
            name="patient",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="consents",
                to="patients.patient",
            ),
        ),
        migrations.AddIndex(
            model_name="patientconsent",
            index=models.Index(fields=["patient", "channel", "-id"], name="idx_consent_patient"),
        ),
        migrations.AddConstraint(
            model_name="patientconsent",
            constraint=models.CheckConstraint(
                condition=models.Q(("channel__in", ["email", "sms", "phone"])),
                name="consent_channel_known",
                violation_error_code="invalid_channel",
            ),
        ),
        migrations.AddConstraint(
            model_name="patientconsent",
            constraint=models.CheckConstraint(
                condition=models.Q(("source__in", ["desk", "phone", "writing", "app", "file", "merge", "unknown"])),
                name="consent_source_known",
                violation_error_code="invalid_source",
            ),
        ),
        migrations.RunSQL(CREATE, DROP),
    ]
