import django.db.models.deletion
from django.db import migrations, models

import monitor.lib.ids


class Migration(migrations.Migration):
    dependencies = [
        ("monitor", "0016_error_issues"),
    ]

    operations = [
        migrations.AddField(
            model_name="endpoint",
            name="merged_into",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="other_names",
                to="monitor.endpoint",
            ),
        ),
        migrations.AddField(
            model_name="service",
            name="path_rules",
            field=models.JSONField(
                db_default=models.Value([], models.JSONField()), default=list, editable=False
            ),
        ),
        migrations.CreateModel(
            name="EndpointMove",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=monitor.lib.ids.new_uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("method", models.CharField(blank=True, default="", max_length=16)),
                ("pattern", models.CharField(blank=True, default="", max_length=256)),
                ("asked_by", models.CharField(max_length=200)),
                ("asked_at", models.DateTimeField()),
                ("finished_at", models.DateTimeField(null=True)),
                ("logs", models.BigIntegerField(default=0)),
                (
                    "service",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="monitor.service"
                    ),
                ),
                (
                    "source",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="monitor.endpoint"
                    ),
                ),
                (
                    "target",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="monitor.endpoint"
                    ),
                ),
            ],
            options={
                "db_table": "endpoint_move",
            },
        ),
    ]
