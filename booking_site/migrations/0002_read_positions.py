from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("booking_site", "0001_extensions_and_search_fold")]
    operations = [
        migrations.CreateModel(
            name="ReadPosition",
            fields=[
                ("holder", models.CharField(max_length=300, primary_key=True, serialize=False)),
                ("position", models.BigIntegerField()),
            ],
            options={"db_table": "read_positions", "default_permissions": ()},
        ),
    ]
