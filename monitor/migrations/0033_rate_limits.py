import django.core.validators
import django.db.models.deletion
from django.db import migrations, models

import monitor.lib.ids

# All of the limits, or none. Rows are locked in one order, so callers never wait for each other crosswise;
# each statement of a volatile function sees what was committed before it, so whoever waited counts on from
# there. `ahead` is how far a bucket is used up, in seconds of a minute. A thousandth of one call is rounding.
MAKE = """
ALTER TABLE rate_bucket SET UNLOGGED;

CREATE FUNCTION take_quota(names text[], quotas integer[], asked integer, fewest integer)
RETURNS TABLE (granted integer, remaining integer, wait_s float8) LANGUAGE plpgsql AS $$
DECLARE
    at float8;
    fits integer;
BEGIN
    INSERT INTO rate_bucket (name, full_at)
        SELECT each, 0 FROM unnest(names) AS each ORDER BY each ON CONFLICT DO NOTHING;
    PERFORM FROM rate_bucket AS b WHERE b.name = ANY (names) ORDER BY b.name FOR UPDATE;
    at := extract(epoch FROM clock_timestamp());
    SELECT min(floor((60 - greatest(b.full_at - at, 0)) * limits.quota / 60 + 0.001)) INTO fits
        FROM unnest(names, quotas) AS limits (name, quota) JOIN rate_bucket AS b USING (name);
    fits := CASE WHEN fits >= fewest THEN least(fits, asked) ELSE 0 END;
    IF fits > 0 THEN
        UPDATE rate_bucket AS b SET full_at = greatest(b.full_at, at) + fits * 60.0 / limits.quota
            FROM unnest(names, quotas) AS limits (name, quota) WHERE b.name = limits.name;
    END IF;
    RETURN QUERY
        SELECT fits, floor((60 - ahead.s) * limits.quota / 60 + 0.001)::integer,
            CASE WHEN fits > 0 THEN ahead.s - floor(ahead.s * limits.quota / 60 - 0.001) * 60.0 / limits.quota
                ELSE greatest(ahead.s + fewest * 60.0 / limits.quota - 60, 0) END
        FROM unnest(names, quotas) WITH ORDINALITY AS limits (name, quota, place)
        JOIN rate_bucket AS b USING (name)
        CROSS JOIN LATERAL (SELECT greatest(b.full_at - at, 0) AS s) AS ahead
        ORDER BY limits.place;
END $$;

CREATE TRIGGER api_key_limits_changed AFTER UPDATE OF requests_per_minute, logs_per_minute
    ON api_key FOR EACH STATEMENT EXECUTE FUNCTION notify_keys_changed();
CREATE TRIGGER plan_changed AFTER UPDATE OR DELETE
    ON plan FOR EACH STATEMENT EXECUTE FUNCTION notify_keys_changed();
CREATE TRIGGER organization_plan_changed AFTER UPDATE OF plan_id
    ON organization FOR EACH STATEMENT EXECUTE FUNCTION notify_keys_changed();
"""
UNMAKE = """
DROP TRIGGER organization_plan_changed ON organization;
DROP TRIGGER plan_changed ON plan;
DROP TRIGGER api_key_limits_changed ON api_key;
DROP FUNCTION take_quota(text[], integer[], integer, integer);
"""


class Migration(migrations.Migration):
    dependencies = [
        ("monitor", "0032_idempotent_requests"),
    ]

    operations = [
        migrations.CreateModel(
            name="Plan",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=monitor.lib.ids.new_uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("name", models.CharField(max_length=64, unique=True)),
                (
                    "key_requests",
                    models.PositiveIntegerField(
                        blank=True,
                        help_text="Empty: as the installation is set. 0: no limit.",
                        null=True,
                        verbose_name="requests of one key, a minute",
                    ),
                ),
                (
                    "requests",
                    models.PositiveIntegerField(
                        blank=True,
                        help_text="Empty: as the installation is set. 0: no limit.",
                        null=True,
                        verbose_name="requests, a minute",
                    ),
                ),
                (
                    "writes",
                    models.PositiveIntegerField(
                        blank=True,
                        help_text="Empty: as the installation is set. 0: no limit.",
                        null=True,
                        verbose_name="changes, a minute",
                    ),
                ),
                (
                    "replays",
                    models.PositiveIntegerField(
                        blank=True,
                        help_text="Empty: as the installation is set. 0: no limit.",
                        null=True,
                        verbose_name="requests and webhooks sent again, a minute",
                    ),
                ),
                (
                    "tests",
                    models.PositiveIntegerField(
                        blank=True,
                        help_text="Empty: as the installation is set. 0: no limit.",
                        null=True,
                        verbose_name="tests, a minute",
                    ),
                ),
                (
                    "exports",
                    models.PositiveIntegerField(
                        blank=True,
                        help_text="Empty: as the installation is set. 0: no limit.",
                        null=True,
                        verbose_name="exports, a minute",
                    ),
                ),
                (
                    "logs",
                    models.PositiveIntegerField(
                        blank=True,
                        help_text="Empty: as the installation is set. 0: no limit.",
                        null=True,
                        verbose_name="logs, a minute",
                    ),
                ),
                ("created_at", models.DateTimeField(auto_now_add=True)),
            ],
            options={
                "db_table": "plan",
            },
        ),
        migrations.CreateModel(
            name="RateBucket",
            fields=[
                ("name", models.CharField(max_length=100, primary_key=True, serialize=False)),
                ("full_at", models.FloatField()),
            ],
            options={
                "db_table": "rate_bucket",
            },
        ),
        migrations.AddField(
            model_name="apikey",
            name="logs_per_minute",
            field=models.PositiveIntegerField(
                blank=True,
                null=True,
                validators=[
                    django.core.validators.MinValueValidator(1),
                    django.core.validators.MaxValueValidator(100000000),
                ],
            ),
        ),
        migrations.AddField(
            model_name="apikey",
            name="requests_per_minute",
            field=models.PositiveIntegerField(
                blank=True,
                null=True,
                validators=[
                    django.core.validators.MinValueValidator(1),
                    django.core.validators.MaxValueValidator(100000000),
                ],
            ),
        ),
        migrations.AddField(
            model_name="organization",
            name="plan",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="organizations",
                to="monitor.plan",
            ),
        ),
        migrations.RunSQL(MAKE, UNMAKE),
    ]
