import django.contrib.postgres.fields
import django.db.models.deletion
from django.db import migrations, models

import monitor.lib.ids


class Migration(migrations.Migration):
    dependencies = [
        ("monitor", "0015_counted_series"),
    ]

    operations = [
        migrations.CreateModel(
            name="ErrorArrival",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("ids", models.BinaryField()),
            ],
            options={
                "db_table": "error_arrival",
            },
        ),
        migrations.CreateModel(
            name="ErrorIssue",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=monitor.lib.ids.new_uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("mode", models.CharField(choices=[("live", "Live"), ("test", "Test")], max_length=4)),
                (
                    "kind",
                    models.CharField(
                        choices=[("validation", "Validation"), ("server", "Server error")], max_length=10
                    ),
                ),
                ("fingerprint", models.CharField(max_length=32)),
                ("field", models.CharField(blank=True, default="", max_length=200)),
                ("message", models.CharField(max_length=300)),
                ("requests", models.BigIntegerField(default=0)),
                ("consumers", models.IntegerField(default=0)),
                ("first_seen_at", models.DateTimeField()),
                ("last_seen_at", models.DateTimeField()),
                (
                    "samples",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.UUIDField(), default=list, size=None
                    ),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("open", "Open"),
                            ("acknowledged", "Acknowledged"),
                            ("resolved", "Resolved"),
                            ("muted", "Muted"),
                            ("regressed", "Regressed"),
                        ],
                        default="open",
                        max_length=12,
                    ),
                ),
                ("state_changed_at", models.DateTimeField(null=True)),
                ("state_changed_by", models.CharField(blank=True, default="", max_length=200)),
                ("muted_until_requests", models.BigIntegerField(null=True)),
                (
                    "endpoint",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="error_issues",
                        to="monitor.endpoint",
                    ),
                ),
                (
                    "service",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="error_issues",
                        to="monitor.service",
                    ),
                ),
            ],
            options={
                "db_table": "error_issue",
            },
        ),
        migrations.CreateModel(
            name="ErrorIssueConsumer",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "issue", "consumer", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("requests", models.BigIntegerField()),
                ("last_seen_at", models.DateTimeField()),
                (
                    "consumer",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="monitor.consumer"
                    ),
                ),
                (
                    "issue",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="affected",
                        to="monitor.errorissue",
                    ),
                ),
            ],
            options={
                "db_table": "error_issue_consumer",
            },
        ),
        migrations.CreateModel(
            name="ErrorIssueHour",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "issue", "start", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("start", models.DateTimeField()),
                ("requests", models.BigIntegerField()),
                (
                    "issue",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="hours",
                        to="monitor.errorissue",
                    ),
                ),
            ],
            options={
                "db_table": "error_issue_hour",
            },
        ),
        migrations.AddIndex(
            model_name="errorissue",
            index=models.Index(fields=["service", "-last_seen_at"], name="error_issue_newest_of_service"),
        ),
        migrations.AddConstraint(
            model_name="errorissue",
            constraint=models.UniqueConstraint(
                fields=("service", "endpoint", "mode", "fingerprint"),
                name="error_issue_once",
                nulls_distinct=False,
            ),
        ),
        migrations.AddConstraint(
            model_name="errorissue",
            constraint=models.CheckConstraint(
                condition=models.Q(("state__in", ["open", "acknowledged", "resolved", "muted", "regressed"])),
                name="error_issue_state_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="errorissue",
            constraint=models.CheckConstraint(
                condition=models.Q(("muted_until_requests", None), ("state", "muted"), _connector="OR"),
                name="error_issue_only_muted_waits",
            ),
        ),
        migrations.AddIndex(
            model_name="errorissuehour",
            index=models.Index(fields=["start"], name="error_issue_hour_by_age"),
        ),
    ]
