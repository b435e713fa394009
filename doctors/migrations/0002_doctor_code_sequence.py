"""Numbers for the codes of doctors that come without one."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("doctors", "0001_initial")]
    operations = [migrations.RunSQL("CREATE SEQUENCE doctor_code_seq", "DROP SEQUENCE doctor_code_seq")]
