import django.core.validators
import django.db.models.deletion
from django.db import migrations, models

# What ingestion knows of a key tells how long its logs are kept.
MAKE = """
CREATE TRIGGER organization_retention_changed AFTER UPDATE OF retention_days, error_retention_days
    ON organization FOR EACH STATEMENT EXECUTE FUNCTION notify_keys_changed();
"""
UNMAKE = "DROP TRIGGER organization_retention_changed ON organization;"


class Migration(migrations.Migration):
    dependencies = [
        ("monitor", "0033_rate_limits"),
    ]

    operations = [
        migrations.CreateModel(
            name="UsageDay",
            fields=[
                (
                    "mode",
                    models.CharField(blank=True, choices=[("live", "Live"), ("test", "Test")], max_length=4),
                ),
                ("day", models.DateField()),
                ("logs", models.BigIntegerField(db_default=0, default=0)),
                ("bytes", models.BigIntegerField(db_default=0, default=0)),
                ("requests", models.BigIntegerField(db_default=0, default=0)),
                ("replays", models.BigIntegerField(db_default=0, default=0)),
                ("checks", models.BigIntegerField(db_default=0, default=0)),
                ("deliveries", models.BigIntegerField(db_default=0, default=0)),
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
            ],
            options={
                "db_table": "usage_day",
            },
        ),
        migrations.CreateModel(
            name="UsageDelta",
            fields=[
                (
                    "mode",
                    models.CharField(blank=True, choices=[("live", "Live"), ("test", "Test")], max_length=4),
                ),
                ("day", models.DateField()),
                ("logs", models.BigIntegerField(db_default=0, default=0)),
                ("bytes", models.BigIntegerField(db_default=0, default=0)),
                ("requests", models.BigIntegerField(db_default=0, default=0)),
                ("replays", models.BigIntegerField(db_default=0, default=0)),
                ("checks", models.BigIntegerField(db_default=0, default=0)),
                ("deliveries", models.BigIntegerField(db_default=0, default=0)),
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
            ],
            options={
                "db_table": "usage_delta",
            },
        ),
        migrations.AddField(
            model_name="organization",
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
            model_name="organization",
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
            model_name="organization",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("retention_days", None), ("retention_days__range", (1, 3650)), _connector="OR"
                ),
                name="organization_retention_in_range",
            ),
        ),
        migrations.AddConstraint(
            model_name="organization",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("error_retention_days", None),
                    ("error_retention_days__range", (1, 3650)),
                    _connector="OR",
                ),
                name="organization_error_retention_in_range",
            ),
        ),
        migrations.AddField(
            model_name="usageday",
            name="key",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="+",
                to="monitor.apikey",
            ),
        ),
        migrations.AddField(
            model_name="usageday",
            name="organization",
            field=models.ForeignKey(
                db_constraint=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="+",
                to="monitor.organization",
            ),
        ),
        migrations.AddField(
            model_name="usagedelta",
            name="key",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="+",
                to="monitor.apikey",
            ),
        ),
        migrations.AddField(
            model_name="usagedelta",
            name="organization",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="+",
                to="monitor.organization",
            ),
        ),
        migrations.AddConstraint(
            model_name="usageday",
            constraint=models.UniqueConstraint(
                fields=("organization", "day", "key", "mode"), name="usage_day_once", nulls_distinct=False
            ),
        ),
        migrations.RunSQL(MAKE, UNMAKE),
    ]
