import django.db.models.deletion
from django.db import migrations, models

import monitor.lib.ids

# A table of days, as the log is; monitor.alerts.evaluations makes and drops them.
EVALUATIONS = """
CREATE TABLE alert_evaluation (
    id uuid NOT NULL,
    rule_id uuid NOT NULL,
    "group" varchar(300) NOT NULL,
    since timestamptz NOT NULL,
    until timestamptz NOT NULL,
    state varchar(8) NOT NULL,
    value double precision,
    requests bigint NOT NULL,
    duration_ms double precision NOT NULL,
    error varchar(512) NOT NULL,
    CONSTRAINT alert_evaluation_pkey PRIMARY KEY (id)
) PARTITION BY RANGE (id);
CREATE INDEX alert_evaluation_of_rule ON alert_evaluation (rule_id, id DESC);
"""


class Migration(migrations.Migration):
    dependencies = [
        ("monitor", "0019_events_and_webhooks"),
    ]

    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[migrations.RunSQL(EVALUATIONS, "DROP TABLE alert_evaluation")],
            state_operations=[
                migrations.CreateModel(
                    name="AlertEvaluation",
                    fields=[
                        ("id", models.UUIDField(editable=False, primary_key=True, serialize=False)),
                        ("rule_id", models.UUIDField()),
                        ("group", models.CharField(blank=True, max_length=300)),
                        ("since", models.DateTimeField()),
                        ("until", models.DateTimeField()),
                        (
                            "state",
                            models.CharField(
                                choices=[
                                    ("ok", "OK"),
                                    ("pending", "Pending"),
                                    ("firing", "Firing"),
                                    ("no_data", "No data"),
                                    ("resolved", "Resolved"),
                                    ("error", "Error"),
                                    ("muted", "Muted"),
                                ],
                                max_length=8,
                            ),
                        ),
                        ("value", models.FloatField(null=True)),
                        ("requests", models.BigIntegerField(default=0)),
                        ("duration_ms", models.FloatField(default=0)),
                        ("error", models.CharField(blank=True, max_length=512)),
                    ],
                    options={
                        "db_table": "alert_evaluation",
                    },
                ),
                migrations.AddIndex(
                    model_name="alertevaluation",
                    index=models.Index(fields=["rule_id", "-id"], name="alert_evaluation_of_rule"),
                ),
            ],
        ),
        migrations.CreateModel(
            name="AlertGroup",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=monitor.lib.ids.new_uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("key", models.CharField(blank=True, max_length=128)),
                ("label", models.CharField(blank=True, max_length=300)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("ok", "OK"),
                            ("pending", "Pending"),
                            ("firing", "Firing"),
                            ("no_data", "No data"),
                            ("resolved", "Resolved"),
                            ("error", "Error"),
                            ("muted", "Muted"),
                        ],
                        max_length=8,
                    ),
                ),
                ("since", models.DateTimeField()),
                ("value", models.FloatField(null=True)),
                ("requests", models.BigIntegerField(default=0)),
                ("breaching_since", models.DateTimeField(null=True)),
                ("fired_at", models.DateTimeField(null=True)),
                ("told_at", models.DateTimeField(null=True)),
                ("seen_at", models.DateTimeField(null=True)),
                ("evaluated_at", models.DateTimeField()),
                ("recorded_at", models.DateTimeField()),
            ],
            options={
                "db_table": "alert_group",
            },
        ),
        migrations.RemoveConstraint(
            model_name="alertrule",
            name="alert_rule_field_known",
        ),
        migrations.RemoveConstraint(
            model_name="alertrule",
            name="alert_rule_operator_known",
        ),
        migrations.AddField(
            model_name="alertevent",
            name="group",
            field=models.CharField(blank=True, db_default="", default="", max_length=300),
        ),
        migrations.AddField(
            model_name="alertevent",
            name="kind",
            field=models.CharField(
                choices=[
                    ("match", "A request matched"),
                    ("firing", "Firing"),
                    ("resolved", "Resolved"),
                    ("error", "Could not be judged"),
                ],
                db_default="match",
                default="match",
                max_length=16,
            ),
        ),
        migrations.AddField(
            model_name="alertevent",
            name="since",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="alertevent",
            name="until",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="alertevent",
            name="value",
            field=models.FloatField(null=True),
        ),
        migrations.AddField(
            model_name="alertrule",
            name="apdex_ms",
            field=models.FloatField(db_default=500.0, default=500.0),
        ),
        migrations.AddField(
            model_name="alertrule",
            name="consumer",
            field=models.CharField(blank=True, db_default="", default="", max_length=128),
        ),
        migrations.AddField(
            model_name="alertrule",
            name="direction",
            field=models.CharField(
                blank=True,
                choices=[("above", "above"), ("below", "below")],
                db_default="",
                default="",
                max_length=5,
            ),
        ),
        migrations.AddField(
            model_name="alertrule",
            name="endpoint",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="+",
                to="monitor.endpoint",
            ),
        ),
        migrations.AddField(
            model_name="alertrule",
            name="environment",
            field=models.CharField(blank=True, db_default="", default="", max_length=64),
        ),
        migrations.AddField(
            model_name="alertrule",
            name="for_s",
            field=models.PositiveIntegerField(db_default=0, default=0),
        ),
        migrations.AddField(
            model_name="alertrule",
            name="kind",
            field=models.CharField(
                choices=[
                    ("log", "Each request"),
                    ("metric", "A number over a window"),
                    ("absence", "No requests"),
                ],
                db_default="log",
                default="log",
                max_length=16,
            ),
        ),
        migrations.AddField(
            model_name="alertrule",
            name="measure",
            field=models.CharField(
                blank=True,
                choices=[
                    ("p50_latency", "p50 latency"),
                    ("p95_latency", "p95 latency"),
                    ("p99_latency", "p99 latency"),
                    ("error_rate", "error rate"),
                    ("error_count", "error count"),
                    ("request_count", "request count"),
                    ("status_share", "share of a status class"),
                    ("apdex", "Apdex"),
                ],
                db_default="",
                default="",
                max_length=16,
            ),
        ),
        migrations.AddField(
            model_name="alertrule",
            name="min_requests",
            field=models.PositiveIntegerField(db_default=0, default=0),
        ),
        migrations.AddField(
            model_name="alertrule",
            name="per",
            field=models.CharField(
                blank=True,
                choices=[("endpoint", "endpoint"), ("consumer", "consumer"), ("environment", "environment")],
                db_default="",
                default="",
                max_length=16,
            ),
        ),
        migrations.AddField(
            model_name="alertrule",
            name="status_class",
            field=models.CharField(blank=True, db_default="", default="", max_length=3),
        ),
        migrations.AddField(
            model_name="alertrule",
            name="tag",
            field=models.CharField(blank=True, db_default="", default="", max_length=128),
        ),
        migrations.AddField(
            model_name="alertrule",
            name="threshold",
            field=models.FloatField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="alertrule",
            name="window_s",
            field=models.PositiveIntegerField(blank=True, null=True),
        ),
        migrations.AlterField(
            model_name="alertevent",
            name="log_id",
            field=models.UUIDField(db_index=True, null=True),
        ),
        migrations.AlterField(
            model_name="alertrule",
            name="condition_field",
            field=models.CharField(
                blank=True,
                choices=[
                    ("status_code", "Status code"),
                    ("latency_ms", "Latency (ms)"),
                    ("error", "Error reported"),
                ],
                default="",
                max_length=16,
            ),
        ),
        migrations.AlterField(
            model_name="alertrule",
            name="condition_operator",
            field=models.CharField(
                blank=True,
                choices=[(">=", ">="), ("<=", "<="), ("==", "=="), ("!=", "!="), (">", ">"), ("<", "<")],
                default="",
                max_length=2,
            ),
        ),
        migrations.AlterField(
            model_name="alertrule",
            name="condition_value",
            field=models.CharField(blank=True, default="", max_length=64),
        ),
        migrations.AddConstraint(
            model_name="alertrule",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("condition_field__in", ["status_code", "latency_ms", "error"]),
                    models.Q(models.Q(("kind", "log"), _negated=True), ("condition_field", "")),
                    _connector="OR",
                ),
                name="alert_rule_field_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="alertrule",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("condition_operator__in", [">=", "<=", "==", "!=", ">", "<"]),
                    models.Q(models.Q(("kind", "log"), _negated=True), ("condition_operator", "")),
                    _connector="OR",
                ),
                name="alert_rule_operator_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="alertrule",
            constraint=models.CheckConstraint(
                condition=models.Q(("window_s", None), ("window_s__range", (60, 86400)), _connector="OR"),
                name="alert_rule_window_in_range",
            ),
        ),
        migrations.AddField(
            model_name="alertgroup",
            name="rule",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="groups", to="monitor.alertrule"
            ),
        ),
        migrations.AddConstraint(
            model_name="alertgroup",
            constraint=models.UniqueConstraint(fields=("rule", "key"), name="alert_group_once_per_rule"),
        ),
        migrations.AddConstraint(
            model_name="alertgroup",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("state__in", ["ok", "pending", "firing", "no_data", "resolved", "error", "muted"])
                ),
                name="alert_group_state_known",
            ),
        ),
    ]
