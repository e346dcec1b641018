from django.db import migrations, models

SIZED = ("request_sized", "response_sized")
BYTES = ("request_bytes", "response_bytes")


class Migration(migrations.Migration):
    """Numbers say how many requests told the sizes of their bodies. Null: not known, as of old rows."""

    dependencies = [("monitor", "0063_erasure_of_set_up")]

    operations = [
        migrations.AddField(model_name=model, name=name, field=models.BigIntegerField(null=True))
        for model, names in (("metricrollup", SIZED), ("countedseries", (*BYTES, *SIZED)))
        for name in names
    ]
