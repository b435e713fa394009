"""What takes long on a table of millions, without keeping anybody out."""

from django.contrib.postgres.operations import AddIndexConcurrently, ValidateConstraint
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("patients", "0002_merging")]

    operations = [
        ValidateConstraint("patient", "patient_not_into_itself"),
        ValidateConstraint("patient", "patient_merged_is_closed"),
        AddIndexConcurrently(
            model_name="patient",
            index=models.Index(
                condition=models.Q(("merged_into__isnull", False)),
                fields=["merged_into"],
                name="idx_patient_merged_into",
            ),
        ),
    ]
