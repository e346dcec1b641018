from django.db import migrations, models


class Migration(migrations.Migration):
    """Since when the hours of a service's consumers are kept, where that is longer than usual."""

    dependencies = [("monitor", "0061_rollup_kinds")]

    operations = [
        migrations.AddField(
            model_name="metricfold",
            name="hours_from",
            field=models.DateTimeField(null=True),
        ),
    ]
