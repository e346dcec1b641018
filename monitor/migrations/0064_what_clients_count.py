from django.db import migrations, models

SIZED = ("request_sized", "response_sized")
BYTES = ("request_bytes", "response_bytes")
# What was counted before is no news: an issue opens when it happens again.
KNOWN = "UPDATE error_count SET grouped = count"


class Migration(migrations.Migration):
    """Numbers say how many requests told the sizes of their bodies; null: not known, as of old rows. Errors
    that clients count become issues."""

    dependencies = [("monitor", "0063_erasure_of_set_up")]

    operations = [
        *(
            migrations.AddField(model_name=model, name=name, field=models.BigIntegerField(null=True))
            for model, names in (("metricrollup", SIZED), ("countedseries", (*BYTES, *SIZED)))
            for name in names
        ),
        migrations.AddField(
            model_name="errorissue",
            name="is_reported",
            field=models.BooleanField(default=False, db_default=False),
        ),
        migrations.AddField(
            model_name="errorcount",
            name="grouped",
            field=models.BigIntegerField(default=0, db_default=0),
        ),
        migrations.RunSQL(KNOWN, migrations.RunSQL.noop),
        migrations.AddIndex(
            model_name="errorcount",
            index=models.Index(
                fields=["id"],
                condition=models.Q(count__gt=models.F("grouped")),
                name="error_count_to_group",
            ),
        ),
    ]
