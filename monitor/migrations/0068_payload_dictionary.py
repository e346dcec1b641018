import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    """What the payloads of an organization's logs have in common, and an index that newest logs fill up.

    Entries of (service, id descending) always came before all others of their service, which splits pages in
    halves: 89 bytes a log. Upwards, PostgreSQL sees where they go on, and splits behind them; it reads an
    index in both directions.
    """

    dependencies = [("monitor", "0067_maintenance_tells")]

    operations = [
        migrations.CreateModel(
            name="PayloadDictionary",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("content", models.BinaryField()),
                ("made_at", models.DateTimeField()),
                ("judged_at", models.DateTimeField()),
                (
                    "organization",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="monitor.organization",
                    ),
                ),
            ],
            options={"db_table": "payload_dictionary", "verbose_name_plural": "payload dictionaries"},
        ),
        migrations.RemoveIndex(model_name="requestlog", name="request_log_of_service"),
        migrations.AddIndex(
            model_name="requestlog",
            index=models.Index(fields=["service", "id"], name="request_log_of_service"),
        ),
    ]
