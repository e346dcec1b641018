import django.db.models.deletion
from django.db import migrations, models

# What is there already is no news. PostgreSQL adds the column without touching a row, as now() is one value;
# code of before writes no value, so what it makes is news too.
ADD = """
ALTER TABLE {table} ADD COLUMN noticed_at timestamptz NULL DEFAULT now();
ALTER TABLE {table} ALTER COLUMN noticed_at DROP DEFAULT;
"""
REMOVE = "ALTER TABLE {table} DROP COLUMN noticed_at"


class Migration(migrations.Migration):
    dependencies = [
        ("monitor", "0027_notification_channels"),
    ]

    operations = [
        migrations.CreateModel(
            name="AlertArrival",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("rule_id", models.UUIDField()),
                ("matches", models.IntegerField()),
                ("event_id", models.UUIDField()),
                ("arrived_at", models.DateTimeField()),
            ],
            options={
                "db_table": "alert_arrival",
            },
        ),
        migrations.CreateModel(
            name="AlertTally",
            fields=[
                (
                    "rule",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="tally",
                        serialize=False,
                        to="monitor.alertrule",
                    ),
                ),
                ("told_at", models.DateTimeField(null=True)),
                ("hour", models.DateTimeField(null=True)),
                ("told", models.PositiveIntegerField(default=0)),
                ("waiting", models.PositiveIntegerField(default=0)),
                ("event_id", models.UUIDField(null=True)),
                ("has_told_error", models.BooleanField(default=False)),
            ],
            options={
                "db_table": "alert_tally",
            },
        ),
        migrations.RunSQL(
            ADD.format(table="endpoint"),
            REMOVE.format(table="endpoint"),
            state_operations=[
                migrations.AddField(
                    model_name="endpoint",
                    name="noticed_at",
                    field=models.DateTimeField(blank=True, editable=False, null=True),
                ),
            ],
        ),
        migrations.RunSQL(
            ADD.format(table="error_issue"),
            REMOVE.format(table="error_issue"),
            state_operations=[
                migrations.AddField(
                    model_name="errorissue",
                    name="noticed_at",
                    field=models.DateTimeField(null=True),
                ),
            ],
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
                    ("news", "New"),
                ],
                db_default="match",
                default="match",
                max_length=16,
            ),
        ),
        migrations.AlterField(
            model_name="alertrule",
            name="kind",
            field=models.CharField(
                choices=[
                    ("log", "Each request"),
                    ("metric", "A number over a window"),
                    ("absence", "No requests"),
                    ("silence", "No process reports"),
                    ("new_endpoint", "A new endpoint"),
                    ("new_error", "A new error"),
                ],
                db_default="log",
                default="log",
                max_length=16,
            ),
        ),
        migrations.AddIndex(
            model_name="endpoint",
            index=models.Index(
                condition=models.Q(("noticed_at", None)), fields=["id"], name="endpoint_is_news"
            ),
        ),
        migrations.AddIndex(
            model_name="errorissue",
            index=models.Index(
                condition=models.Q(("noticed_at", None)), fields=["id"], name="error_issue_is_news"
            ),
        ),
        migrations.AddIndex(
            model_name="alerttally",
            index=models.Index(
                condition=models.Q(("waiting__gt", 0)), fields=["rule"], name="alert_tally_waiting"
            ),
        ),
    ]
