from django.db import migrations, models


class Migration(migrations.Migration):
    """What was told of a rule is found by the beginning of its key. A month of notifications is a small
    table, so it is locked for as long as an index of it takes."""

    dependencies = [("monitor", "0048_handed_invitations")]

    operations = [
        migrations.AddIndex(
            model_name="notificationdelivery",
            index=models.Index(
                fields=["organization", "key"],
                name="notification_delivery_of_rule",
                opclasses=["uuid_ops", "varchar_pattern_ops"],
            ),
        ),
    ]
