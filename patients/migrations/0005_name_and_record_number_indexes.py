"""Patients are found by the keys of their names and by the beginning of their record number. The table is not blocked
while the indexes are made."""

from django.contrib.postgres.indexes import GinIndex, OpClass
from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models
from django.db.models.functions import Upper

from booking_site.core.sql import NameKeys


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("patients", "0004_name_keys")]
    operations = [
        AddIndexConcurrently(
            "patient", models.Index(OpClass(Upper("mrn"), name="text_pattern_ops"), name="idx_patient_mrn")
        ),
        AddIndexConcurrently(
            "patient",
            GinIndex(NameKeys("first_name", "last_name"), name="idx_patient_name_keys", gin_pending_list_limit=256),
        ),
    ]
