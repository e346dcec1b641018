from django.db import migrations, models


class Migration(migrations.Migration):
    """Keys may be pinned to a version of the API. Old code leaves the column at its default."""

    dependencies = [("monitor", "0035_audit")]

    operations = [
        migrations.AddField(
            model_name="apikey",
            name="api_version",
            field=models.CharField(blank=True, db_default="", default="", max_length=10),
        ),
    ]
