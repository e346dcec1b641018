import django.db.models.deletion
from django.db import migrations, models

import monitor.lib.ids


class Migration(migrations.Migration):
    dependencies = [
        ("monitor", "0043_maintenance"),
    ]

    operations = [
        migrations.CreateModel(
            name="StatusPage",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=monitor.lib.ids.new_uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("slug", models.CharField(max_length=63, unique=True)),
                ("name", models.CharField(max_length=128)),
                ("description", models.TextField(blank=True, default="", max_length=8192)),
                ("domain", models.CharField(blank=True, max_length=253, null=True, unique=True)),
                (
                    "theme",
                    models.CharField(
                        choices=[("auto", "As the reader's system"), ("light", "Light"), ("dark", "Dark")],
                        default="auto",
                        max_length=8,
                    ),
                ),
                ("css", models.TextField(blank=True, default="", max_length=20000)),
                ("logo", models.BinaryField(null=True)),
                ("logo_type", models.CharField(blank=True, default="", max_length=16)),
                ("password", models.CharField(blank=True, default="", max_length=256)),
                ("is_published", models.BooleanField(default=True)),
                ("is_indexed", models.BooleanField(default=True)),
                ("shows_uptime", models.BooleanField(default=True)),
                ("days", models.PositiveSmallIntegerField(default=90)),
                ("version", models.PositiveIntegerField(default=1)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("updated_at", models.DateTimeField(auto_now=True)),
                (
                    "organization",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="status_pages",
                        to="monitor.organization",
                    ),
                ),
            ],
            options={
                "db_table": "status_page",
            },
        ),
        migrations.CreateModel(
            name="StatusIncident",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=monitor.lib.ids.new_uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("title", models.CharField(max_length=200)),
                (
                    "impact",
                    models.CharField(
                        choices=[
                            ("none", "None"),
                            ("minor", "Minor"),
                            ("major", "Major"),
                            ("critical", "Critical"),
                        ],
                        default="minor",
                        max_length=8,
                    ),
                ),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("investigating", "Investigating"),
                            ("identified", "Identified"),
                            ("monitoring", "Monitoring"),
                            ("resolved", "Resolved"),
                        ],
                        max_length=16,
                    ),
                ),
                ("started_at", models.DateTimeField()),
                ("resolved_at", models.DateTimeField(null=True)),
                ("updated_at", models.DateTimeField()),
                (
                    "page",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="incidents",
                        to="monitor.statuspage",
                    ),
                ),
            ],
            options={
                "db_table": "status_incident",
            },
        ),
        migrations.CreateModel(
            name="StatusEntry",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=monitor.lib.ids.new_uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("group", models.CharField(blank=True, default="", max_length=128)),
                ("name", models.CharField(blank=True, default="", max_length=128)),
                ("position", models.PositiveSmallIntegerField()),
                (
                    "monitor",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="monitor.monitor"
                    ),
                ),
                (
                    "page",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="entries",
                        to="monitor.statuspage",
                    ),
                ),
            ],
            options={
                "db_table": "status_entry",
            },
        ),
        migrations.CreateModel(
            name="StatusUpdate",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=monitor.lib.ids.new_uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("investigating", "Investigating"),
                            ("identified", "Identified"),
                            ("monitoring", "Monitoring"),
                            ("resolved", "Resolved"),
                        ],
                        max_length=16,
                    ),
                ),
                ("body", models.TextField(max_length=8192)),
                ("created_at", models.DateTimeField()),
                (
                    "incident",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="updates",
                        to="monitor.statusincident",
                    ),
                ),
            ],
            options={
                "db_table": "status_update",
            },
        ),
        migrations.AddIndex(
            model_name="statuspage",
            index=models.Index(fields=["organization", "-id"], name="status_page_of_organization"),
        ),
        migrations.AddConstraint(
            model_name="statuspage",
            constraint=models.CheckConstraint(
                condition=models.Q(("days__range", (7, 90))), name="status_page_days_in_range"
            ),
        ),
        migrations.AddIndex(
            model_name="statusincident",
            index=models.Index(fields=["page", "-started_at"], name="status_incident_of_page"),
        ),
        migrations.AddConstraint(
            model_name="statusentry",
            constraint=models.UniqueConstraint(fields=("page", "monitor"), name="status_entry_once_a_page"),
        ),
    ]
