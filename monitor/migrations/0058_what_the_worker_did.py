from django.db import migrations, models


class Migration(migrations.Migration):
    """What nobody asked for is told as done by the worker. Words alone: the column is a text."""

    dependencies = [("monitor", "0057_receipts_by_person")]

    operations = [
        migrations.AlterField(
            "auditentry",
            "face",
            models.CharField(
                choices=[
                    ("api", "API"),
                    ("page", "Pages"),
                    ("admin", "Admin"),
                    ("command", "Command line"),
                    ("worker", "By itself"),
                ],
                max_length=8,
            ),
        ),
    ]
