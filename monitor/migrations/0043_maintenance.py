import django.contrib.postgres.fields
import django.db.models.deletion
from django.db import migrations, models

import monitor.lib.ids


class Migration(migrations.Migration):
    dependencies = [
        ("monitor", "0040_longer_checks"),
    ]

    operations = [
        migrations.CreateModel(
            name="Maintenance",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=monitor.lib.ids.new_uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("title", models.CharField(max_length=128)),
                ("description", models.TextField(blank=True, default="", max_length=8192)),
                ("is_active", models.BooleanField(default=True)),
                (
                    "strategy",
                    models.CharField(
                        choices=[
                            ("manual", "While it is on"),
                            ("once", "Once"),
                            ("cron", "By cron"),
                            ("weekly", "On days of the week"),
                            ("monthly", "On days of the month"),
                            ("interval", "Every so many days"),
                        ],
                        max_length=8,
                    ),
                ),
                ("timezone", models.CharField(default="UTC", max_length=64)),
                ("starts_at", models.DateTimeField(blank=True, null=True)),
                ("ends_at", models.DateTimeField(blank=True, null=True)),
                ("start_time", models.TimeField(blank=True, null=True)),
                ("end_time", models.TimeField(blank=True, null=True)),
                (
                    "weekdays",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.SmallIntegerField(), blank=True, default=list, size=None
                    ),
                ),
                (
                    "month_days",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.SmallIntegerField(), blank=True, default=list, size=None
                    ),
                ),
                ("every_days", models.PositiveSmallIntegerField(default=1)),
                ("expression", models.CharField(blank=True, default="", max_length=128)),
                ("duration_minutes", models.PositiveIntegerField(default=60)),
                ("covers_all", models.BooleanField(default=False)),
                (
                    "tags",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=64), blank=True, default=list, size=None
                    ),
                ),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("updated_at", models.DateTimeField(auto_now=True)),
                (
                    "monitors",
                    models.ManyToManyField(blank=True, related_name="maintenances", to="monitor.monitor"),
                ),
                (
                    "organization",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="maintenances",
                        to="monitor.organization",
                    ),
                ),
            ],
            options={
                "db_table": "maintenance",
                "indexes": [models.Index(fields=["organization", "-id"], name="maintenance_of_organization")],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("every_days__range", (1, 366))),
                        name="maintenance_every_days_in_range",
                    )
                ],
            },
        ),
    ]
