"""A closure's source is shown to people: it has a name that can be translated."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("scheduling", "0006_open_slots_by_what_is_left_out")]

    operations = [
        migrations.AlterField(
            model_name="closure",
            name="source",
            field=models.CharField(blank=True, editable=False, max_length=40, verbose_name="source"),
        ),
    ]
