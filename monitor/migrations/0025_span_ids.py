from django.db import migrations, models


# The column is a change of the catalogue alone. The index is plain, as there are no installations yet (see
# 0007), and of no log that is there: none has the column set.
class Migration(migrations.Migration):
    dependencies = [
        ("monitor", "0024_silent_processes"),
    ]

    operations = [
        migrations.AddField(
            model_name="requestlog",
            name="span_id",
            field=models.BigIntegerField(null=True),
        ),
        migrations.AddIndex(
            model_name="requestlog",
            index=models.Index(
                condition=models.Q(("span_id__isnull", False)),
                fields=["span_id"],
                name="request_log_of_span",
            ),
        ),
    ]
