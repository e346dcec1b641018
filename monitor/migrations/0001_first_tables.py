import django.contrib.postgres.fields
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import monitor.lib.actors
import monitor.lib.ids
import monitor.models.keys

# Wide fixed columns first: PostgreSQL pads what stands before them. The primary key holds the partition
# key, as it must, and is all that a distributed PostgreSQL needs to shard the table.
REQUEST_LOG = """
CREATE TABLE request_log (
    id uuid NOT NULL,
    service_id uuid NOT NULL,
    endpoint_id uuid,
    consumer_id uuid,
    captured_at timestamptz NOT NULL,
    received_at timestamptz NOT NULL,
    latency_ms double precision,
    request_bytes integer,
    response_bytes integer,
    status_code smallint,
    mode varchar(4) NOT NULL,
    environment varchar(64) NOT NULL,
    method varchar(16) NOT NULL,
    url text NOT NULL,
    path text NOT NULL,
    error text,
    tags varchar(128)[] NOT NULL,
    source_ip inet,
    trace_id varchar(64) NOT NULL,
    CONSTRAINT request_log_pkey PRIMARY KEY (id),
    CONSTRAINT request_log_mode_known CHECK (mode IN ('live', 'test'))
) PARTITION BY RANGE (id)
"""

# Compressed before it arrives, so the server need not try.
LOG_PAYLOAD = """
CREATE TABLE log_payload (
    log_id uuid NOT NULL,
    packed bytea NOT NULL,
    CONSTRAINT log_payload_pkey PRIMARY KEY (log_id)
) PARTITION BY RANGE (log_id);
ALTER TABLE log_payload ALTER COLUMN packed SET STORAGE EXTERNAL
"""


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Endpoint",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=monitor.lib.ids.new_uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("method", models.CharField(max_length=16)),
                ("route", models.CharField(max_length=256)),
                ("first_seen_at", models.DateTimeField()),
            ],
            options={
                "db_table": "endpoint",
            },
        ),
        # Django cannot say PARTITION BY, so the table is made in SQL and Django is told of it.
        migrations.SeparateDatabaseAndState(
            database_operations=[migrations.RunSQL(LOG_PAYLOAD, reverse_sql="DROP TABLE log_payload")],
            state_operations=[
                migrations.CreateModel(
                    name="LogPayload",
                    fields=[
                        ("log_id", models.UUIDField(editable=False, primary_key=True, serialize=False)),
                        ("packed", models.BinaryField()),
                    ],
                    options={
                        "db_table": "log_payload",
                    },
                ),
            ],
        ),
        migrations.CreateModel(
            name="Organization",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=monitor.lib.ids.new_uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("name", models.CharField(max_length=128, unique=True)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
            ],
            options={
                "db_table": "organization",
            },
        ),
        migrations.CreateModel(
            name="Consumer",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=monitor.lib.ids.new_uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("identifier", models.CharField(max_length=128)),
                ("name", models.CharField(blank=True, default="", max_length=128)),
                ("group", models.CharField(blank=True, default="", max_length=64)),
                ("first_seen_at", models.DateTimeField()),
                (
                    "organization",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="consumers",
                        to="monitor.organization",
                    ),
                ),
            ],
            options={
                "db_table": "consumer",
            },
        ),
        migrations.CreateModel(
            name="Service",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=monitor.lib.ids.new_uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("name", models.CharField(max_length=128)),
                ("description", models.CharField(blank=True, default="", max_length=512)),
                (
                    "base_url",
                    models.CharField(blank=True, default="", max_length=2048, verbose_name="base URL"),
                ),
                (
                    "keep_bodies",
                    models.CharField(
                        choices=[
                            ("all", "All requests"),
                            ("errors", "Only requests that failed"),
                            ("none", "None"),
                        ],
                        default="all",
                        max_length=8,
                    ),
                ),
                (
                    "replay_origins",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=300), blank=True, default=list, size=None
                    ),
                ),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("deleted_at", models.DateTimeField(blank=True, editable=False, null=True)),
                (
                    "organization",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="services",
                        to="monitor.organization",
                    ),
                ),
            ],
            options={
                "db_table": "service",
            },
        ),
        # Django cannot say PARTITION BY, so the table is made in SQL and Django is told of it.
        migrations.SeparateDatabaseAndState(
            database_operations=[migrations.RunSQL(REQUEST_LOG, reverse_sql="DROP TABLE request_log")],
            state_operations=[
                migrations.CreateModel(
                    name="RequestLog",
                    fields=[
                        ("id", models.UUIDField(editable=False, primary_key=True, serialize=False)),
                        (
                            "mode",
                            models.CharField(
                                choices=[("live", "Live"), ("test", "Test")], default="live", max_length=4
                            ),
                        ),
                        ("environment", models.CharField(default="", max_length=64)),
                        ("method", models.CharField(max_length=16)),
                        ("url", models.TextField()),
                        ("path", models.TextField()),
                        ("status_code", models.SmallIntegerField(null=True)),
                        ("latency_ms", models.FloatField(null=True)),
                        ("error", models.TextField(null=True)),
                        (
                            "tags",
                            django.contrib.postgres.fields.ArrayField(
                                base_field=models.CharField(max_length=128), default=list, size=None
                            ),
                        ),
                        ("source_ip", models.GenericIPAddressField(null=True)),
                        ("trace_id", models.CharField(default="", max_length=64)),
                        ("request_bytes", models.IntegerField(null=True)),
                        ("response_bytes", models.IntegerField(null=True)),
                        ("captured_at", models.DateTimeField()),
                        ("received_at", models.DateTimeField()),
                        (
                            "consumer",
                            models.ForeignKey(
                                db_constraint=False,
                                db_index=False,
                                null=True,
                                on_delete=django.db.models.deletion.DO_NOTHING,
                                to="monitor.consumer",
                            ),
                        ),
                        (
                            "endpoint",
                            models.ForeignKey(
                                db_constraint=False,
                                db_index=False,
                                null=True,
                                on_delete=django.db.models.deletion.DO_NOTHING,
                                to="monitor.endpoint",
                            ),
                        ),
                        (
                            "service",
                            models.ForeignKey(
                                db_constraint=False,
                                db_index=False,
                                on_delete=django.db.models.deletion.DO_NOTHING,
                                to="monitor.service",
                            ),
                        ),
                    ],
                    options={
                        "verbose_name": "request log",
                        "db_table": "request_log",
                    },
                ),
            ],
        ),
        migrations.CreateModel(
            name="Replay",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=monitor.lib.ids.new_uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("original_log_id", models.UUIDField()),
                ("method", models.CharField(max_length=16)),
                ("url", models.TextField()),
                ("overrides", models.JSONField(default=dict)),
                (
                    "omitted_headers",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.TextField(), default=list, size=None
                    ),
                ),
                (
                    "omitted_params",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.TextField(), default=list, size=None
                    ),
                ),
                (
                    "status",
                    models.CharField(
                        choices=[("success", "Answered"), ("failed", "No answer")], max_length=8
                    ),
                ),
                ("status_code", models.SmallIntegerField(null=True)),
                ("response_headers", models.JSONField(null=True)),
                ("response_body", models.TextField(null=True)),
                ("response_truncated", models.BooleanField(default=False)),
                ("latency_ms", models.FloatField(null=True)),
                ("error", models.TextField(null=True)),
                ("replayed_at", models.DateTimeField()),
                ("replayed_by", models.CharField(max_length=200)),
                ("source_ip", models.GenericIPAddressField(null=True)),
                (
                    "service",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="replays",
                        to="monitor.service",
                    ),
                ),
            ],
            options={
                "db_table": "replay",
            },
        ),
        migrations.AddField(
            model_name="endpoint",
            name="service",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="endpoints", to="monitor.service"
            ),
        ),
        migrations.CreateModel(
            name="ApiKey",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=monitor.lib.ids.new_uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("name", models.CharField(max_length=128)),
                ("prefix", models.CharField(editable=False, max_length=24)),
                ("digest", models.BinaryField(max_length=32, unique=True)),
                (
                    "scopes",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(
                            choices=[
                                (monitor.lib.actors.Scope["INGEST"], "ingest"),
                                (monitor.lib.actors.Scope["READ"], "read"),
                                (monitor.lib.actors.Scope["REPLAY"], "replay"),
                                (monitor.lib.actors.Scope["MANAGE"], "manage"),
                            ],
                            max_length=16,
                        ),
                        default=monitor.models.keys.default_scopes,
                        size=None,
                    ),
                ),
                (
                    "mode",
                    models.CharField(
                        choices=[("live", "Live"), ("test", "Test")], default="live", max_length=4
                    ),
                ),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("expires_at", models.DateTimeField(blank=True, null=True)),
                ("revoked_at", models.DateTimeField(blank=True, null=True)),
                ("last_used_at", models.DateTimeField(blank=True, editable=False, null=True)),
                (
                    "created_by",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "organization",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="keys",
                        to="monitor.organization",
                    ),
                ),
                (
                    "service",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="keys",
                        to="monitor.service",
                    ),
                ),
            ],
            options={
                "verbose_name": "API key",
                "db_table": "api_key",
            },
        ),
        migrations.CreateModel(
            name="AlertRule",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=monitor.lib.ids.new_uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("name", models.CharField(max_length=128)),
                ("description", models.CharField(blank=True, default="", max_length=512)),
                (
                    "condition_field",
                    models.CharField(
                        choices=[
                            ("status_code", "Status code"),
                            ("latency_ms", "Latency (ms)"),
                            ("error", "Error reported"),
                        ],
                        max_length=16,
                    ),
                ),
                (
                    "condition_operator",
                    models.CharField(
                        choices=[
                            (">=", ">="),
                            ("<=", "<="),
                            ("==", "=="),
                            ("!=", "!="),
                            (">", ">"),
                            ("<", "<"),
                        ],
                        max_length=2,
                    ),
                ),
                ("condition_value", models.CharField(max_length=64)),
                ("is_active", models.BooleanField(default=True)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("last_error", models.CharField(blank=True, default="", editable=False, max_length=512)),
                ("last_error_at", models.DateTimeField(blank=True, editable=False, null=True)),
                (
                    "service",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="alert_rules",
                        to="monitor.service",
                    ),
                ),
            ],
            options={
                "db_table": "alert_rule",
            },
        ),
        migrations.CreateModel(
            name="AlertEvent",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=monitor.lib.ids.new_uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("log_id", models.UUIDField(db_index=True)),
                ("message", models.CharField(max_length=1024)),
                ("triggered_at", models.DateTimeField()),
                (
                    "rule",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="events",
                        to="monitor.alertrule",
                    ),
                ),
            ],
            options={
                "db_table": "alert_event",
                "indexes": [models.Index(fields=["rule", "-id"], name="alert_event_newest_of_rule")],
            },
        ),
        migrations.CreateModel(
            name="Membership",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=monitor.lib.ids.new_uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                (
                    "role",
                    models.CharField(
                        choices=[
                            (monitor.lib.actors.Role["OWNER"], "Owner"),
                            (monitor.lib.actors.Role["ADMIN"], "Admin"),
                            (monitor.lib.actors.Role["MEMBER"], "Member"),
                            (monitor.lib.actors.Role["VIEWER"], "Viewer"),
                        ],
                        default=monitor.lib.actors.Role["VIEWER"],
                        max_length=16,
                    ),
                ),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="memberships",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "organization",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="memberships",
                        to="monitor.organization",
                    ),
                ),
            ],
            options={
                "db_table": "membership",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("organization", "user"), name="membership_once_per_organization"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "role__in",
                                [
                                    monitor.lib.actors.Role["OWNER"],
                                    monitor.lib.actors.Role["ADMIN"],
                                    monitor.lib.actors.Role["MEMBER"],
                                    monitor.lib.actors.Role["VIEWER"],
                                ],
                            )
                        ),
                        name="membership_role_known",
                    ),
                ],
            },
        ),
        migrations.AddConstraint(
            model_name="consumer",
            constraint=models.UniqueConstraint(
                fields=("organization", "identifier"), name="consumer_once_per_organization"
            ),
        ),
        migrations.AddConstraint(
            model_name="service",
            constraint=models.UniqueConstraint(
                condition=models.Q(("deleted_at", None)),
                fields=("organization", "name"),
                name="service_name_once_per_organization",
            ),
        ),
        migrations.AddConstraint(
            model_name="service",
            constraint=models.CheckConstraint(
                condition=models.Q(("keep_bodies__in", ["all", "errors", "none"])),
                name="service_keep_bodies_known",
            ),
        ),
        migrations.AddIndex(
            model_name="requestlog",
            index=models.Index(fields=["service", "-id"], name="request_log_of_service"),
        ),
        migrations.AddIndex(
            model_name="requestlog",
            index=models.Index(fields=["endpoint", "-id"], name="request_log_of_endpoint"),
        ),
        migrations.AddIndex(
            model_name="requestlog",
            index=models.Index(
                condition=models.Q(("consumer__isnull", False)),
                fields=["consumer", "-id"],
                name="request_log_of_consumer",
            ),
        ),
        migrations.AddIndex(
            model_name="requestlog",
            index=models.Index(
                condition=models.Q(("error__isnull", False), ("status_code__gte", 500), _connector="OR"),
                fields=["service", "-id"],
                name="request_log_failed",
            ),
        ),
        migrations.AddIndex(
            model_name="requestlog",
            index=models.Index(
                condition=models.Q(("trace_id", ""), _negated=True),
                fields=["trace_id"],
                name="request_log_of_trace",
            ),
        ),
        migrations.AddIndex(
            model_name="replay",
            index=models.Index(fields=["original_log_id", "-id"], name="replay_newest_of_log"),
        ),
        migrations.AddConstraint(
            model_name="replay",
            constraint=models.CheckConstraint(
                condition=models.Q(("status__in", ["success", "failed"])), name="replay_status_known"
            ),
        ),
        migrations.AddConstraint(
            model_name="endpoint",
            constraint=models.UniqueConstraint(
                fields=("service", "method", "route"), name="endpoint_once_per_service"
            ),
        ),
        migrations.AddConstraint(
            model_name="apikey",
            constraint=models.CheckConstraint(
                condition=models.Q(("mode__in", ["live", "test"])), name="api_key_mode_known"
            ),
        ),
        migrations.AddConstraint(
            model_name="alertrule",
            constraint=models.CheckConstraint(
                condition=models.Q(("condition_field__in", ["status_code", "latency_ms", "error"])),
                name="alert_rule_field_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="alertrule",
            constraint=models.CheckConstraint(
                condition=models.Q(("condition_operator__in", [">=", "<=", "==", "!=", ">", "<"])),
                name="alert_rule_operator_known",
            ),
        ),
    ]
