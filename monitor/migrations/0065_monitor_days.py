import django.contrib.postgres.fields
import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    """Hours of monitors added up by day, with how answers were spread: percentiles outlive the checks. The
    worker fills it from what is kept."""

    dependencies = [("monitor", "0064_what_clients_count")]

    operations = [
        migrations.CreateModel(
            name="MonitorDay",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "monitor_id", "day", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("day", models.DateField()),
                ("up_ms", models.BigIntegerField(default=0)),
                ("down_ms", models.BigIntegerField(default=0)),
                ("maintenance_ms", models.BigIntegerField(default=0)),
                ("checks", models.IntegerField(default=0)),
                ("failures", models.IntegerField(default=0)),
                ("answers", models.IntegerField(default=0)),
                ("response_ms", models.FloatField(default=0)),
                (
                    "buckets",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.SmallIntegerField(), null=True, size=None
                    ),
                ),
                (
                    "counts",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.IntegerField(), null=True, size=None
                    ),
                ),
                (
                    "monitor",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="days",
                        to="monitor.monitor",
                    ),
                ),
            ],
            options={
                "db_table": "monitor_day",
                "indexes": [models.Index(fields=["day"], name="monitor_day_by_time")],
            },
        ),
        # Days are folded, and hours let go, by time.
        migrations.AddIndex(
            model_name="monitorhour",
            index=models.Index(fields=["hour"], name="monitor_hour_by_time"),
        ),
    ]
