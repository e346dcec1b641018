from django.db import migrations, models


class Migration(migrations.Migration):
    """What the calls to a subscriber's webhook are signed with."""

    dependencies = [("monitor", "0065_monitor_days")]

    operations = [
        migrations.AddField(
            model_name="statussubscriber",
            name="sealed_secret",
            field=models.BinaryField(editable=False, null=True),
        ),
    ]
