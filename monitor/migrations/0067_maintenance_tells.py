from django.db import migrations, models


class Migration(migrations.Migration):
    """Maintenance that comes often is told to subscribers too, unless its planner says no."""

    dependencies = [("monitor", "0066_subscriber_secret")]

    operations = [
        migrations.AddField(
            model_name="maintenance",
            name="tells_subscribers",
            field=models.BooleanField(db_default=True, default=True),
        ),
    ]
