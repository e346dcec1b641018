import django.contrib.postgres.fields
import django.db.models.deletion
from django.db import migrations, models

# Deltas are compressed before they arrive, and come and go by the thousand: without the threshold readers
# would pass the dead ones until a fifth of the table is dead. Rollups are written again and again in place.
STORAGE = """
ALTER TABLE metric_delta ALTER COLUMN packed SET STORAGE EXTERNAL;
ALTER TABLE metric_delta SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);
ALTER TABLE metric_rollup SET (fillfactor = 90)
"""


class Migration(migrations.Migration):
    dependencies = [
        ("monitor", "0007_search_indexes"),
    ]

    operations = [
        migrations.CreateModel(
            name="MetricDelta",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                (
                    "services",
                    django.contrib.postgres.fields.ArrayField(base_field=models.UUIDField(), size=None),
                ),
                ("packed", models.BinaryField()),
            ],
            options={
                "db_table": "metric_delta",
            },
        ),
        migrations.CreateModel(
            name="MetricRollup",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "service",
                        "family",
                        "resolution",
                        "start",
                        "subject",
                        "environment",
                        "mode",
                        "source",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("start", models.DateTimeField()),
                ("requests", models.BigIntegerField()),
                ("errors", models.BigIntegerField()),
                ("request_bytes", models.BigIntegerField()),
                ("response_bytes", models.BigIntegerField()),
                ("latency_ms", models.FloatField()),
                (
                    "family",
                    models.CharField(
                        choices=[
                            ("total", "All requests"),
                            ("answer", "Method and status code"),
                            ("endpoint", "Endpoint"),
                            ("consumer", "Consumer"),
                        ],
                        max_length=8,
                    ),
                ),
                (
                    "resolution",
                    models.CharField(
                        choices=[
                            ("minute", "Minute"),
                            ("10min", "Ten minutes"),
                            ("hour", "Hour"),
                            ("6hours", "Six hours"),
                            ("day", "Day"),
                        ],
                        max_length=6,
                    ),
                ),
                ("mode", models.CharField(choices=[("live", "Live"), ("test", "Test")], max_length=4)),
                ("source", models.CharField(choices=[("logs", "Logs"), ("client", "Client")], max_length=6)),
                ("environment", models.CharField(max_length=64)),
                ("subject", models.CharField(max_length=40)),
                ("packed", models.BinaryField()),
                (
                    "service",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="monitor.service",
                    ),
                ),
            ],
            options={
                "db_table": "metric_rollup",
                "indexes": [
                    models.Index(
                        condition=models.Q(("family__in", ["endpoint", "consumer"])),
                        fields=["subject", "resolution", "start"],
                        name="metric_rollup_of_subject",
                    ),
                    models.Index(fields=["resolution", "start"], name="metric_rollup_by_age"),
                ],
            },
        ),
        migrations.RunSQL(STORAGE, migrations.RunSQL.noop),
    ]
