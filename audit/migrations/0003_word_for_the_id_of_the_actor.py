"""Who did it is shown by name; the id beside it has a name of its own."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("audit", "0002_append_only")]

    operations = [
        migrations.AlterField(
            model_name="auditlog",
            name="user_id",
            field=models.CharField(blank=True, max_length=150, verbose_name="id of the actor"),
        ),
    ]
