import django.contrib.postgres.fields
import django.db.models.deletion
from django.db import migrations, models

import monitor.lib.ids

# Wide fixed columns first, as in the log table.
BEAT = """
CREATE TABLE beat (
    id uuid NOT NULL,
    monitor_id uuid NOT NULL,
    response_ms double precision,
    state smallint NOT NULL,
    retries smallint NOT NULL,
    is_important boolean NOT NULL,
    is_degraded boolean NOT NULL,
    region varchar(32) NOT NULL,
    message varchar(512) NOT NULL,
    phases_ms double precision[],
    detail bytea,
    CONSTRAINT beat_pkey PRIMARY KEY (id)
) PARTITION BY RANGE (id);
ALTER TABLE beat ALTER COLUMN detail SET STORAGE EXTERNAL
"""
# Rewritten with each check: room on the page keeps the new row beside the old one, and vacuum comes soon.
STORAGE = """
ALTER TABLE monitor_standing SET (fillfactor = 50, autovacuum_vacuum_scale_factor = 0,
    autovacuum_vacuum_threshold = 2000);
ALTER TABLE monitor_check SET (fillfactor = 70, autovacuum_vacuum_scale_factor = 0,
    autovacuum_vacuum_threshold = 2000)
"""


class Migration(migrations.Migration):
    dependencies = [
        ("monitor", "0021_alert_hygiene"),
    ]

    operations = [
        migrations.CreateModel(
            name="Monitor",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=monitor.lib.ids.new_uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("name", models.CharField(max_length=128)),
                ("description", models.CharField(blank=True, default="", max_length=512)),
                ("kind", models.CharField(max_length=16)),
                ("config", models.JSONField(default=dict)),
                ("sealed", models.BinaryField(null=True)),
                ("is_active", models.BooleanField(default=True)),
                ("interval_s", models.PositiveIntegerField(default=60)),
                ("timeout_s", models.PositiveSmallIntegerField(default=20)),
                ("max_retries", models.PositiveSmallIntegerField(default=0)),
                ("retry_interval_s", models.PositiveIntegerField(default=20)),
                ("recovery_successes", models.PositiveSmallIntegerField(default=1)),
                ("degraded_ms", models.PositiveIntegerField(blank=True, null=True)),
                ("reminder_minutes", models.PositiveIntegerField(default=0)),
                ("most_reminders", models.PositiveSmallIntegerField(default=3)),
                (
                    "regions",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=32), blank=True, default=list, size=None
                    ),
                ),
                ("down_regions", models.PositiveSmallIntegerField(default=1)),
                (
                    "tags",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=64), blank=True, default=list, size=None
                    ),
                ),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("updated_at", models.DateTimeField(auto_now=True)),
                (
                    "organization",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="monitors",
                        to="monitor.organization",
                    ),
                ),
                (
                    "parent",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="children",
                        to="monitor.monitor",
                    ),
                ),
                (
                    "service",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="monitors",
                        to="monitor.service",
                    ),
                ),
            ],
            options={
                "db_table": "monitor",
            },
        ),
        migrations.CreateModel(
            name="MonitorStanding",
            fields=[
                (
                    "monitor",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="standing",
                        serialize=False,
                        to="monitor.monitor",
                    ),
                ),
                (
                    "state",
                    models.SmallIntegerField(
                        choices=[(0, "Down"), (1, "Up"), (2, "Pending"), (3, "Maintenance"), (4, "No data")],
                        null=True,
                    ),
                ),
                ("is_degraded", models.BooleanField(default=False)),
                ("in_maintenance", models.BooleanField(default=False)),
                ("is_flapping", models.BooleanField(default=False)),
                ("retries", models.PositiveIntegerField(default=0)),
                ("successes", models.PositiveIntegerField(default=0)),
                ("down_since", models.DateTimeField(null=True)),
                ("since", models.DateTimeField(null=True)),
                (
                    "last_notified_state",
                    models.SmallIntegerField(
                        choices=[(0, "Down"), (1, "Up"), (2, "Pending"), (3, "Maintenance"), (4, "No data")],
                        null=True,
                    ),
                ),
                ("last_notified_at", models.DateTimeField(null=True)),
                ("reminders", models.PositiveIntegerField(default=0)),
                (
                    "changes",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.DateTimeField(), default=list, size=None
                    ),
                ),
                ("last_beat_at", models.DateTimeField(null=True)),
                ("last_known_at", models.DateTimeField(null=True)),
                ("message", models.CharField(default="", max_length=512)),
                ("response_ms", models.FloatField(null=True)),
                ("certificate_until", models.DateTimeField(null=True)),
                ("recent", models.BinaryField(default=b"")),
                ("silent_since", models.DateTimeField(null=True)),
            ],
            options={
                "db_table": "monitor_standing",
            },
        ),
        # Django cannot say PARTITION BY, so the table is made in SQL and Django is told of it.
        migrations.SeparateDatabaseAndState(
            database_operations=[migrations.RunSQL(BEAT, reverse_sql="DROP TABLE beat")],
            state_operations=[
                migrations.CreateModel(
                    name="Beat",
                    fields=[
                        ("id", models.UUIDField(editable=False, primary_key=True, serialize=False)),
                        (
                            "state",
                            models.SmallIntegerField(
                                choices=[
                                    (0, "Down"),
                                    (1, "Up"),
                                    (2, "Pending"),
                                    (3, "Maintenance"),
                                    (4, "No data"),
                                ]
                            ),
                        ),
                        ("is_important", models.BooleanField(default=False)),
                        ("is_degraded", models.BooleanField(default=False)),
                        ("retries", models.SmallIntegerField(default=0)),
                        ("region", models.CharField(default="", max_length=32)),
                        ("response_ms", models.FloatField(null=True)),
                        (
                            "phases_ms",
                            django.contrib.postgres.fields.ArrayField(
                                base_field=models.FloatField(null=True), null=True, size=None
                            ),
                        ),
                        ("message", models.CharField(default="", max_length=512)),
                        ("detail", models.BinaryField(null=True)),
                        (
                            "monitor",
                            models.ForeignKey(
                                db_constraint=False,
                                db_index=False,
                                on_delete=django.db.models.deletion.DO_NOTHING,
                                to="monitor.monitor",
                            ),
                        ),
                    ],
                    options={
                        "db_table": "beat",
                    },
                ),
            ],
        ),
        migrations.CreateModel(
            name="MonitorCheck",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=monitor.lib.ids.new_uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("region", models.CharField(default="", max_length=32)),
                ("is_active", models.BooleanField(default=True)),
                ("next_check_at", models.DateTimeField()),
                ("planned_at", models.DateTimeField(null=True)),
                ("claim", models.UUIDField(null=True)),
                ("checked_at", models.DateTimeField(null=True)),
                ("is_failing", models.BooleanField(null=True)),
                (
                    "monitor",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="checks",
                        to="monitor.monitor",
                    ),
                ),
            ],
            options={
                "db_table": "monitor_check",
            },
        ),
        migrations.CreateModel(
            name="MonitorEvent",
            fields=[
                ("id", models.UUIDField(editable=False, primary_key=True, serialize=False)),
                ("notice", models.CharField(max_length=16)),
                (
                    "state",
                    models.SmallIntegerField(
                        choices=[(0, "Down"), (1, "Up"), (2, "Pending"), (3, "Maintenance"), (4, "No data")]
                    ),
                ),
                ("message", models.CharField(default="", max_length=512)),
                ("outage_s", models.FloatField(null=True)),
                ("beat_id", models.UUIDField()),
                ("happened_at", models.DateTimeField()),
                (
                    "monitor",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="events",
                        to="monitor.monitor",
                    ),
                ),
            ],
            options={
                "db_table": "monitor_event",
            },
        ),
        migrations.CreateModel(
            name="MonitorHour",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "monitor_id", "hour", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("hour", models.DateTimeField()),
                ("up_ms", models.BigIntegerField(default=0)),
                ("down_ms", models.BigIntegerField(default=0)),
                ("maintenance_ms", models.BigIntegerField(default=0)),
                ("checks", models.IntegerField(default=0)),
                ("failures", models.IntegerField(default=0)),
                ("answers", models.IntegerField(default=0)),
                ("response_ms", models.FloatField(default=0)),
                (
                    "monitor",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="hours",
                        to="monitor.monitor",
                    ),
                ),
            ],
            options={
                "db_table": "monitor_hour",
            },
        ),
        migrations.AddIndex(
            model_name="monitor",
            index=models.Index(fields=["organization", "-id"], name="monitor_of_organization"),
        ),
        migrations.AddConstraint(
            model_name="monitor",
            constraint=models.CheckConstraint(
                condition=models.Q(("interval_s__range", (5, 2678400))), name="monitor_interval_in_range"
            ),
        ),
        migrations.AddConstraint(
            model_name="monitor",
            constraint=models.CheckConstraint(
                condition=models.Q(("timeout_s__range", (1, 120))), name="monitor_timeout_in_range"
            ),
        ),
        migrations.AddIndex(
            model_name="beat",
            index=models.Index(fields=["monitor", "-id"], name="beat_of_monitor"),
        ),
        migrations.AddIndex(
            model_name="beat",
            index=models.Index(
                condition=models.Q(("is_important", True)), fields=["monitor", "-id"], name="beat_important"
            ),
        ),
        migrations.AddIndex(
            model_name="monitorcheck",
            index=models.Index(
                condition=models.Q(("is_active", True)), fields=["next_check_at"], name="monitor_check_due"
            ),
        ),
        migrations.AddConstraint(
            model_name="monitorcheck",
            constraint=models.UniqueConstraint(
                fields=("monitor", "region"), name="monitor_check_once_per_region"
            ),
        ),
        migrations.AddIndex(
            model_name="monitorevent",
            index=models.Index(fields=["monitor", "-id"], name="monitor_event_of_monitor"),
        ),
        migrations.RunSQL(STORAGE, migrations.RunSQL.noop),
    ]
