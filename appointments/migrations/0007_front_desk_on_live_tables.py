"""What takes long on a table of millions, without keeping anybody out."""

from django.contrib.postgres.operations import ValidateConstraint
from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("appointments", "0006_front_desk")]
    operations = [ValidateConstraint("appointment", "appointment_cancellation_code_known")]
