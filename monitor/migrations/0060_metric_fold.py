import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    """How far days are added up to longer spans. Without a row, days are read as before."""

    dependencies = [("monitor", "0058_what_the_worker_did")]

    operations = [
        migrations.CreateModel(
            name="MetricFold",
            fields=[
                (
                    "service",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="+",
                        serialize=False,
                        to="monitor.service",
                    ),
                ),
                ("until", models.DateTimeField()),
            ],
            options={"db_table": "metric_fold"},
        ),
        migrations.AlterField(
            model_name="metricrollup",
            name="resolution",
            field=models.CharField(
                choices=[
                    ("minute", "Minute"),
                    ("10min", "Ten minutes"),
                    ("hour", "Hour"),
                    ("6hours", "Six hours"),
                    ("day", "Day"),
                    ("4days", "Four days"),
                    ("16days", "Sixteen days"),
                ],
                max_length=6,
            ),
        ),
    ]
