"""What was counted before a crash need not be known after it."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("accounts", "0001_initial")]
    operations = [migrations.RunSQL("ALTER TABLE sign_in_tries SET UNLOGGED", "ALTER TABLE sign_in_tries SET LOGGED")]
