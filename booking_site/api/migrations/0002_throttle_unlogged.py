"""Counts of the running minute need no write-ahead log: lost in a crash, nothing is lost."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("api", "0001_initial")]
    operations = [migrations.RunSQL("ALTER TABLE api_throttle SET UNLOGGED", "ALTER TABLE api_throttle SET LOGGED")]
