import django.db.models.deletion
from django.db import migrations, models

import monitor.lib.ids


class Migration(migrations.Migration):
    dependencies = [
        ("monitor", "0020_window_rules"),
    ]

    operations = [
        migrations.AddField(
            model_name="alertevent",
            name="is_held",
            field=models.BooleanField(db_default=False, default=False),
        ),
        migrations.AddField(
            model_name="alertgroup",
            name="acknowledged_by",
            field=models.CharField(blank=True, db_default="", default="", max_length=200),
        ),
        migrations.AddField(
            model_name="alertgroup",
            name="acknowledged_until",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="alertrule",
            name="cooldown_s",
            field=models.PositiveIntegerField(db_default=300, default=300),
        ),
        migrations.AddField(
            model_name="alertrule",
            name="notes",
            field=models.TextField(blank=True, db_default="", default="", max_length=4000),
        ),
        migrations.AddField(
            model_name="alertrule",
            name="remind_s",
            field=models.PositiveIntegerField(db_default=0, default=0),
        ),
        migrations.AddField(
            model_name="alertrule",
            name="runbook_url",
            field=models.CharField(
                blank=True, db_default="", default="", max_length=2048, verbose_name="runbook URL"
            ),
        ),
        migrations.AddField(
            model_name="alertrule",
            name="severity",
            field=models.CharField(
                choices=[("info", "Info"), ("warning", "Warning"), ("critical", "Critical")],
                db_default="warning",
                default="warning",
                max_length=8,
            ),
        ),
        migrations.AlterField(
            model_name="alertevent",
            name="kind",
            field=models.CharField(
                choices=[
                    ("match", "A request matched"),
                    ("firing", "Firing"),
                    ("reminder", "Still firing"),
                    ("resolved", "Resolved"),
                    ("error", "Could not be judged"),
                    ("digest", "More than could be told"),
                ],
                db_default="match",
                default="match",
                max_length=16,
            ),
        ),
        migrations.CreateModel(
            name="AlertBudget",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("hour", models.DateTimeField()),
                ("told", models.PositiveIntegerField(default=0)),
                ("held", models.PositiveIntegerField(default=0)),
                ("digest_at", models.DateTimeField(null=True)),
                (
                    "organization",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="monitor.organization",
                    ),
                ),
            ],
            options={
                "db_table": "alert_budget",
                "constraints": [
                    models.UniqueConstraint(fields=("organization", "hour"), name="alert_budget_once_an_hour")
                ],
            },
        ),
        migrations.CreateModel(
            name="AlertSilence",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=monitor.lib.ids.new_uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                (
                    "severity",
                    models.CharField(
                        blank=True,
                        choices=[("info", "Info"), ("warning", "Warning"), ("critical", "Critical")],
                        default="",
                        max_length=8,
                    ),
                ),
                ("group", models.CharField(blank=True, default="", max_length=300)),
                ("reason", models.CharField(blank=True, default="", max_length=512)),
                ("starts_at", models.DateTimeField()),
                ("ends_at", models.DateTimeField()),
                ("created_by", models.CharField(editable=False, max_length=200)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                (
                    "organization",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="monitor.organization",
                    ),
                ),
                (
                    "rule",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="silences",
                        to="monitor.alertrule",
                    ),
                ),
                (
                    "service",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="monitor.service",
                    ),
                ),
            ],
            options={
                "db_table": "alert_silence",
                "indexes": [models.Index(fields=["ends_at"], name="alert_silence_by_end")],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("ends_at__gte", models.F("starts_at"))),
                        name="alert_silence_ends_after_start",
                    )
                ],
            },
        ),
    ]
