from django.db import migrations, models


# Plain, as there are no installations yet; see 0007.
class Migration(migrations.Migration):
    dependencies = [
        ("monitor", "0008_rollups"),
    ]

    operations = [
        migrations.AddIndex(
            model_name="requestlog",
            index=models.Index(fields=["endpoint"], name="request_log_of_endpoints"),
        ),
        migrations.AddIndex(
            model_name="requestlog",
            index=models.Index(
                condition=models.Q(("consumer__isnull", False)),
                fields=["consumer"],
                name="request_log_of_consumers",
            ),
        ),
        migrations.AddIndex(
            model_name="requestlog",
            index=models.Index(fields=["mode"], name="request_log_of_mode"),
        ),
        migrations.RemoveIndex(model_name="requestlog", name="request_log_of_endpoint"),
        migrations.RemoveIndex(model_name="requestlog", name="request_log_of_consumer"),
    ]
