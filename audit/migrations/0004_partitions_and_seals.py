"""The audit log in monthly partitions, its rows stamped and sealed; the SQL beside this file does it."""

from pathlib import Path

import django.contrib.postgres.fields
import django.contrib.postgres.indexes
import django.db.models.functions
from django.db import migrations, models

HERE = Path(__file__).parent
FORTH = (HERE / "0004_partitions_and_seals.sql").read_text(encoding="utf-8")
BACK = (HERE / "0004_back.sql").read_text(encoding="utf-8")


STATE: list = [
    migrations.CreateModel(
        name="AuditEpoch",
        fields=[
            ("number", models.IntegerField(primary_key=True, serialize=False)),
            ("log_id", models.UUIDField()),
            ("system_identifier", models.BigIntegerField()),
            ("started_at", models.DateTimeField(db_default=django.db.models.functions.Now())),
            ("because", models.CharField(max_length=200)),
        ],
        options={
            "db_table": "audit_epochs",
            "default_permissions": (),
        },
    ),
    migrations.CreateModel(
        name="AuditSeal",
        fields=[
            ("number", models.BigIntegerField(primary_key=True, serialize=False)),
            ("kind", models.CharField(choices=[("rows", "Rows"), ("archive", "Archive")], max_length=10)),
            ("epoch", models.IntegerField()),
            ("xid_from", models.BigIntegerField()),
            ("xid_to", models.BigIntegerField()),
            ("rows", models.BigIntegerField()),
            ("members", models.BinaryField()),
            ("root", models.CharField(max_length=64)),
            ("previous", models.CharField(max_length=64)),
            ("sealed_at", models.DateTimeField()),
            ("details", models.JSONField()),
            ("digest", models.CharField(max_length=64)),
            ("key_id", models.CharField(max_length=16)),
            ("mac", models.CharField(max_length=64)),
        ],
        options={
            "db_table": "audit_seals",
            "default_permissions": (),
        },
    ),
    migrations.AddField(
        model_name="auditlog",
        name="epoch",
        field=models.IntegerField(db_default=0, editable=False),
    ),
    migrations.AddField(
        model_name="auditlog",
        name="patient_id",
        field=models.UUIDField(blank=True, null=True, verbose_name="patient"),
    ),
    migrations.AddField(
        model_name="auditlog",
        name="patient_ids",
        field=django.contrib.postgres.fields.ArrayField(
            base_field=models.UUIDField(), blank=True, null=True, size=None, verbose_name="patients"
        ),
    ),
    migrations.AddField(
        model_name="auditlog",
        name="seq",
        field=models.BigIntegerField(db_default=0, editable=False),
    ),
    migrations.AddField(
        model_name="auditlog",
        name="xid",
        field=models.BigIntegerField(db_default=0, editable=False),
    ),
    migrations.AlterField(
        model_name="auditlog",
        name="timestamp",
        field=models.DateTimeField(db_default=django.db.models.functions.Now(), editable=False, verbose_name="time"),
    ),
    migrations.AddIndex(
        model_name="auditlog",
        index=models.Index(fields=["patient_id", "timestamp"], name="idx_audit_patient"),
    ),
    migrations.AddIndex(
        model_name="auditlog",
        index=django.contrib.postgres.indexes.GinIndex(
            condition=models.Q(("patient_ids__isnull", False)), fields=["patient_ids"], name="idx_audit_patients"
        ),
    ),
    migrations.AddIndex(
        model_name="auditlog",
        index=models.Index(fields=["epoch", "xid", "seq"], name="idx_audit_sealing"),
    ),
    migrations.AddConstraint(
        model_name="auditseal",
        constraint=models.CheckConstraint(
            condition=models.Q(("kind__in", ["rows", "archive"])),
            name="audit_seal_kind_known",
            violation_error_code="invalid_kind",
        ),
    ),
    migrations.AddConstraint(
        model_name="auditseal",
        constraint=models.CheckConstraint(
            condition=models.Q(("number__gt", 0), ("rows__gte", 0), ("xid_from__lte", models.F("xid_to"))),
            name="audit_seal_range",
            violation_error_code="invalid_range",
        ),
    ),
]


class Migration(migrations.Migration):
    dependencies = [("audit", "0003_word_for_the_id_of_the_actor")]
    operations = [migrations.RunSQL(FORTH, BACK, state_operations=STATE)]
