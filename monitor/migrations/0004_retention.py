import django.core.validators
from django.db import migrations, models

import monitor.lib.ids

# Rows are noted by the trigger that a rewrite puts on the one day it works on. One rewrite runs at a time.
CHANGES = """
CREATE TABLE retention_change (log_id uuid NOT NULL);
CREATE FUNCTION note_changed_log() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        INSERT INTO retention_change VALUES (OLD.id);
    ELSE
        INSERT INTO retention_change VALUES (NEW.id);
    END IF;
    RETURN NULL;
END $$
"""
NO_CHANGES = "DROP FUNCTION note_changed_log(); DROP TABLE retention_change"


class Migration(migrations.Migration):
    dependencies = [
        ("monitor", "0003_rule_changes"),
    ]

    operations = [
        migrations.RunSQL(CHANGES, NO_CHANGES),
        migrations.CreateModel(
            name="StorageEvent",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=monitor.lib.ids.new_uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("checked", "Checked"),
                            ("dropped", "Day dropped"),
                            ("rewritten", "Day rewritten"),
                            ("trimmed", "Logs removed"),
                            ("failed", "Failed"),
                        ],
                        max_length=16,
                    ),
                ),
                (
                    "cause",
                    models.CharField(
                        choices=[("age", "Retention"), ("disk", "Disk guard")], default="age", max_length=8
                    ),
                ),
                ("day", models.DateField(null=True)),
                ("logs_removed", models.BigIntegerField(null=True)),
                ("bytes_freed", models.BigIntegerField(null=True)),
                ("message", models.CharField(max_length=512)),
                ("happened_at", models.DateTimeField()),
            ],
            options={
                "db_table": "storage_event",
            },
        ),
        migrations.AddField(
            model_name="service",
            name="error_retention_days",
            field=models.PositiveSmallIntegerField(
                blank=True,
                null=True,
                validators=[
                    django.core.validators.MinValueValidator(1),
                    django.core.validators.MaxValueValidator(3650),
                ],
            ),
        ),
        migrations.AddField(
            model_name="service",
            name="retention_days",
            field=models.PositiveSmallIntegerField(
                blank=True,
                null=True,
                validators=[
                    django.core.validators.MinValueValidator(1),
                    django.core.validators.MaxValueValidator(3650),
                ],
            ),
        ),
        migrations.AddConstraint(
            model_name="service",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("retention_days", None), ("retention_days__range", (1, 3650)), _connector="OR"
                ),
                name="service_retention_in_range",
            ),
        ),
        migrations.AddConstraint(
            model_name="service",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("error_retention_days", None),
                    ("error_retention_days__range", (1, 3650)),
                    _connector="OR",
                ),
                name="service_error_retention_in_range",
            ),
        ),
    ]
