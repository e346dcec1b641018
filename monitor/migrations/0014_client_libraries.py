import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import monitor.lib.ids


class Migration(migrations.Migration):
    dependencies = [
        ("monitor", "0013_consumers"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="CountedDay",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "service",
                        "environment",
                        "mode",
                        "day",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("environment", models.CharField(max_length=64)),
                ("mode", models.CharField(choices=[("live", "Live"), ("test", "Test")], max_length=4)),
                ("day", models.DateField()),
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
                "db_table": "counted_day",
            },
        ),
        migrations.CreateModel(
            name="ErrorCount",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=monitor.lib.ids.new_uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("environment", models.CharField(max_length=64)),
                ("mode", models.CharField(choices=[("live", "Live"), ("test", "Test")], max_length=4)),
                ("day", models.DateField()),
                (
                    "kind",
                    models.CharField(
                        choices=[("validation", "Validation error"), ("server", "Server error")],
                        max_length=10,
                    ),
                ),
                ("fingerprint", models.BinaryField(max_length=32)),
                ("type", models.CharField(max_length=256)),
                ("message", models.TextField()),
                ("field", models.CharField(default="", max_length=512)),
                ("traceback", models.TextField(default="")),
                ("sentry_event_id", models.CharField(default="", max_length=64)),
                ("count", models.BigIntegerField()),
                ("first_seen_at", models.DateTimeField()),
                ("last_seen_at", models.DateTimeField()),
            ],
            options={
                "db_table": "error_count",
            },
        ),
        migrations.CreateModel(
            name="Instance",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=monitor.lib.ids.new_uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("environment", models.CharField(max_length=64)),
                ("mode", models.CharField(choices=[("live", "Live"), ("test", "Test")], max_length=4)),
                ("name", models.CharField(max_length=64)),
                ("client", models.CharField(default="", max_length=64)),
                ("versions", models.JSONField(default=dict)),
                ("first_seen_at", models.DateTimeField()),
                ("last_seen_at", models.DateTimeField()),
                ("started_at", models.DateTimeField(null=True)),
                ("cpu_percent", models.FloatField(null=True)),
                ("memory_bytes", models.BigIntegerField(null=True)),
            ],
            options={
                "db_table": "instance",
            },
        ),
        migrations.CreateModel(
            name="ReceivedMessage",
            fields=[
                ("digest", models.BinaryField(max_length=32, primary_key=True, serialize=False)),
                ("received_at", models.DateTimeField()),
            ],
            options={
                "db_table": "received_message",
            },
        ),
        migrations.AddField(
            model_name="apikey",
            name="kind",
            field=models.CharField(
                choices=[
                    ("own", "API key"),
                    ("client_id", "Apitally 0.x client ID"),
                    ("token", "Apitally 1.x write token"),
                ],
                db_default="own",
                default="own",
                max_length=9,
            ),
        ),
        migrations.AddField(
            model_name="endpoint",
            name="declared_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddConstraint(
            model_name="apikey",
            constraint=models.CheckConstraint(
                condition=models.Q(("kind__in", ["own", "client_id", "token"])), name="api_key_kind_known"
            ),
        ),
        migrations.AddField(
            model_name="errorcount",
            name="consumer",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to="monitor.consumer",
            ),
        ),
        migrations.AddField(
            model_name="errorcount",
            name="endpoint",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="+", to="monitor.endpoint"
            ),
        ),
        migrations.AddField(
            model_name="errorcount",
            name="service",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="error_counts", to="monitor.service"
            ),
        ),
        migrations.AddField(
            model_name="instance",
            name="service",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="instances", to="monitor.service"
            ),
        ),
        migrations.AddIndex(
            model_name="receivedmessage",
            index=models.Index(fields=["received_at"], name="received_message_by_age"),
        ),
        migrations.AddConstraint(
            model_name="errorcount",
            constraint=models.UniqueConstraint(
                fields=("service", "environment", "mode", "day", "fingerprint"), name="error_count_once_a_day"
            ),
        ),
        migrations.AddIndex(
            model_name="instance",
            index=models.Index(fields=["last_seen_at"], name="instance_by_last_seen"),
        ),
        migrations.AddConstraint(
            model_name="instance",
            constraint=models.UniqueConstraint(
                fields=("service", "environment", "mode", "name"), name="instance_once_per_environment"
            ),
        ),
    ]
