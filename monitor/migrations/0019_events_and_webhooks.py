import django.contrib.postgres.fields
import django.db.models.deletion
from django.db import migrations, models

import monitor.lib.ids

# Rows change their status and leave the index of what waits all day: each claim passes what was left in it,
# so it is tidied by the number of rows and not by the share.
TIDY_OFTEN = """
ALTER TABLE webhook_delivery SET (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 2000,
    autovacuum_analyze_scale_factor = 0.05);
ALTER TABLE event_outbox SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);
ALTER TABLE event_outbox ALTER COLUMN packed SET STORAGE EXTERNAL;
ALTER TABLE webhook_endpoint SET (fillfactor = 50)
"""


class Migration(migrations.Migration):
    dependencies = [
        ("monitor", "0018_exclusions"),
    ]

    operations = [
        migrations.CreateModel(
            name="EventOutbox",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("packed", models.BinaryField()),
            ],
            options={
                "db_table": "event_outbox",
            },
        ),
        migrations.CreateModel(
            name="Event",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=monitor.lib.ids.new_uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("service_id", models.UUIDField(blank=True, null=True)),
                ("type", models.CharField(max_length=100)),
                (
                    "mode",
                    models.CharField(
                        choices=[("live", "Live"), ("test", "Test")], default="live", max_length=4
                    ),
                ),
                ("environment", models.CharField(blank=True, default="", max_length=64)),
                ("body", models.TextField()),
                ("happened_at", models.DateTimeField()),
                (
                    "organization",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="events",
                        to="monitor.organization",
                    ),
                ),
            ],
            options={
                "db_table": "event",
            },
        ),
        migrations.CreateModel(
            name="WebhookDelivery",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=monitor.lib.ids.new_uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("event_type", models.CharField(max_length=100)),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("pending", "Waiting"),
                            ("leased", "Being sent"),
                            ("succeeded", "Delivered"),
                            ("dead", "Given up"),
                            ("cancelled", "Cancelled"),
                            ("blocked", "Not allowed"),
                        ],
                        default="pending",
                        max_length=9,
                    ),
                ),
                (
                    "trigger",
                    models.CharField(
                        choices=[
                            ("auto", "By schedule"),
                            ("manual", "By hand"),
                            ("replay", "Sent again"),
                            ("test", "Test"),
                        ],
                        default="auto",
                        max_length=6,
                    ),
                ),
                ("attempts", models.PositiveIntegerField(default=0)),
                ("steps", models.PositiveSmallIntegerField(default=0)),
                ("created_at", models.DateTimeField()),
                ("next_attempt_at", models.DateTimeField(null=True)),
                ("resumes_at", models.DateTimeField(null=True)),
                ("lease_id", models.UUIDField(null=True)),
                ("lease_until", models.DateTimeField(null=True)),
                ("finished_at", models.DateTimeField(null=True)),
                ("last_status_code", models.PositiveSmallIntegerField(null=True)),
                ("last_error_class", models.CharField(blank=True, default="", max_length=16)),
                (
                    "event",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="deliveries",
                        to="monitor.event",
                    ),
                ),
                (
                    "organization",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="monitor.organization",
                    ),
                ),
                (
                    "replay_of",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="replays",
                        to="monitor.webhookdelivery",
                    ),
                ),
            ],
            options={
                "verbose_name_plural": "webhook deliveries",
                "db_table": "webhook_delivery",
            },
        ),
        migrations.CreateModel(
            name="WebhookAttempt",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=monitor.lib.ids.new_uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("number", models.PositiveIntegerField()),
                (
                    "trigger",
                    models.CharField(
                        choices=[
                            ("auto", "By schedule"),
                            ("manual", "By hand"),
                            ("replay", "Sent again"),
                            ("test", "Test"),
                        ],
                        max_length=6,
                    ),
                ),
                ("started_at", models.DateTimeField()),
                ("duration_ms", models.FloatField()),
                ("status_code", models.PositiveSmallIntegerField(null=True)),
                ("error_class", models.CharField(blank=True, default="", max_length=16)),
                ("error", models.CharField(blank=True, default="", max_length=500)),
                ("dialled", models.GenericIPAddressField(null=True)),
                ("response_headers", models.JSONField(default=dict)),
                ("response_body", models.TextField(blank=True, default="")),
                ("response_truncated", models.BooleanField(default=False)),
                (
                    "delivery",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="tries",
                        to="monitor.webhookdelivery",
                    ),
                ),
            ],
            options={
                "db_table": "webhook_attempt",
            },
        ),
        migrations.CreateModel(
            name="WebhookEndpoint",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=monitor.lib.ids.new_uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("url", models.CharField(max_length=2048, verbose_name="URL")),
                ("description", models.CharField(blank=True, default="", max_length=512)),
                (
                    "enabled_events",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=100), size=None
                    ),
                ),
                (
                    "mode",
                    models.CharField(
                        choices=[("live", "Live"), ("test", "Test")], default="live", max_length=4
                    ),
                ),
                ("environment", models.CharField(blank=True, default="", max_length=64)),
                ("rate_limit_per_minute", models.PositiveIntegerField(blank=True, null=True)),
                ("sealed_headers", models.BinaryField(blank=True, null=True)),
                (
                    "header_names",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=128),
                        blank=True,
                        default=list,
                        editable=False,
                        size=None,
                    ),
                ),
                ("api_version", models.CharField(max_length=10)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("updated_at", models.DateTimeField(auto_now=True)),
                ("disabled_at", models.DateTimeField(blank=True, editable=False, null=True)),
                ("disabled_reason", models.CharField(blank=True, default="", editable=False, max_length=200)),
                ("deleted_at", models.DateTimeField(blank=True, editable=False, null=True)),
                ("first_failure_at", models.DateTimeField(editable=False, null=True)),
                ("last_failure_at", models.DateTimeField(editable=False, null=True)),
                ("last_success_at", models.DateTimeField(editable=False, null=True)),
                ("failures_in_row", models.PositiveIntegerField(default=0, editable=False)),
                ("last_error_class", models.CharField(blank=True, default="", editable=False, max_length=16)),
                ("failing_told_at", models.DateTimeField(editable=False, null=True)),
                ("limit_until", models.DateTimeField(editable=False, null=True)),
                (
                    "organization",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="webhook_endpoints",
                        to="monitor.organization",
                    ),
                ),
            ],
            options={
                "db_table": "webhook_endpoint",
            },
        ),
        migrations.AddField(
            model_name="webhookdelivery",
            name="endpoint",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="deliveries",
                to="monitor.webhookendpoint",
            ),
        ),
        migrations.CreateModel(
            name="WebhookSecret",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=monitor.lib.ids.new_uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("sealed", models.BinaryField()),
                ("created_at", models.DateTimeField()),
                ("expires_at", models.DateTimeField(null=True)),
                (
                    "endpoint",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="secrets",
                        to="monitor.webhookendpoint",
                    ),
                ),
            ],
            options={
                "db_table": "webhook_secret",
            },
        ),
        migrations.AddIndex(
            model_name="event",
            index=models.Index(fields=["organization", "-id"], name="event_newest_first"),
        ),
        migrations.AddIndex(
            model_name="event",
            index=models.Index(fields=["organization", "type", "-id"], name="event_newest_of_type"),
        ),
        migrations.AddConstraint(
            model_name="webhookattempt",
            constraint=models.UniqueConstraint(
                fields=("delivery", "number"), name="webhook_attempt_number_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="webhookendpoint",
            constraint=models.CheckConstraint(
                condition=models.Q(("mode__in", ["live", "test"])), name="webhook_endpoint_mode_known"
            ),
        ),
        migrations.AddConstraint(
            model_name="webhookendpoint",
            constraint=models.CheckConstraint(
                condition=models.Q(("enabled_events__len__gt", 0)), name="webhook_endpoint_wants_something"
            ),
        ),
        migrations.AddIndex(
            model_name="webhookdelivery",
            index=models.Index(
                condition=models.Q(("status", "pending")),
                fields=["endpoint", "next_attempt_at"],
                name="webhook_delivery_due",
            ),
        ),
        migrations.AddIndex(
            model_name="webhookdelivery",
            index=models.Index(
                condition=models.Q(("status", "leased")),
                fields=["endpoint", "lease_until"],
                name="webhook_delivery_leased",
            ),
        ),
        migrations.AddIndex(
            model_name="webhookdelivery",
            index=models.Index(fields=["organization", "-id"], name="webhook_delivery_newest"),
        ),
        migrations.AddIndex(
            model_name="webhookdelivery",
            index=models.Index(fields=["endpoint", "-id"], name="webhook_delivery_of_endpoint"),
        ),
        migrations.AddIndex(
            model_name="webhookdelivery",
            index=models.Index(
                condition=models.Q(("status__in", ("dead", "blocked", "cancelled"))),
                fields=["endpoint", "-id"],
                name="webhook_delivery_failed",
            ),
        ),
        migrations.AddIndex(
            model_name="webhookdelivery",
            index=models.Index(
                condition=models.Q(("replay_of__isnull", False)),
                fields=["replay_of"],
                name="webhook_delivery_replay",
            ),
        ),
        migrations.AddConstraint(
            model_name="webhookdelivery",
            constraint=models.UniqueConstraint(
                fields=("event", "endpoint", "replay_of"), name="webhook_delivery_once", nulls_distinct=False
            ),
        ),
        migrations.AddConstraint(
            model_name="webhookdelivery",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("status__in", ["pending", "leased", "succeeded", "dead", "cancelled", "blocked"])
                ),
                name="webhook_delivery_status_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="webhookdelivery",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("status", "pending"), _negated=True),
                    ("next_attempt_at__isnull", False),
                    _connector="OR",
                ),
                name="webhook_delivery_pending_is_due",
            ),
        ),
        migrations.AddConstraint(
            model_name="webhooksecret",
            constraint=models.UniqueConstraint(
                condition=models.Q(("expires_at", None)),
                fields=("endpoint",),
                name="webhook_secret_newest_once",
            ),
        ),
        migrations.RunSQL(TIDY_OFTEN, migrations.RunSQL.noop),
    ]
