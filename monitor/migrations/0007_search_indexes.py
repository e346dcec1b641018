import django.contrib.postgres.indexes
from django.db import migrations, models


# Plain, as there are no installations yet: from the first one on, an index on these tables is made ON ONLY
# the parent, built concurrently on each day, and attached.
class Migration(migrations.Migration):
    dependencies = [
        ("monitor", "0006_key_notices"),
    ]

    operations = [
        migrations.AddIndex(
            model_name="requestlog",
            index=models.Index(fields=["status_code"], name="request_log_of_status"),
        ),
        migrations.AddIndex(
            model_name="requestlog",
            index=models.Index(fields=["method"], name="request_log_of_method"),
        ),
        migrations.AddIndex(
            model_name="requestlog",
            index=models.Index(fields=["environment"], name="request_log_of_environment"),
        ),
        migrations.AddIndex(
            model_name="requestlog",
            index=models.Index(fields=["latency_ms"], name="request_log_of_latency"),
        ),
        migrations.AddIndex(
            model_name="requestlog",
            index=django.contrib.postgres.indexes.GinIndex(
                condition=models.Q(("tags", []), _negated=True), fields=["tags"], name="request_log_of_tag"
            ),
        ),
    ]
