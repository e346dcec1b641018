from django.db import migrations, models


class Migration(migrations.Migration):
    """What the calls to a subscriber's webhook are signed with."""

    dependencies = [("monitor", "0064_what_clients_count")]

    operations = [
        migrations.AddField(
            model_name="statussubscriber",
            name="sealed_secret",
            field=models.BinaryField(editable=False, null=True),
        ),
    ]
