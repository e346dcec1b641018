import django.db.models.deletion
from django.db import migrations, models

import monitor.lib.ids


class Migration(migrations.Migration):
    dependencies = [
        ("monitor", "0012_deployments"),
    ]

    operations = [
        migrations.AddField(
            model_name="consumer",
            name="is_hidden",
            field=models.BooleanField(db_default=False, default=False, verbose_name="hidden"),
        ),
        migrations.AddField(
            model_name="consumer",
            name="forgotten_at",
            field=models.DateTimeField(blank=True, editable=False, null=True),
        ),
        migrations.CreateModel(
            name="ConsumerErasure",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=monitor.lib.ids.new_uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("asked_by", models.CharField(max_length=200)),
                ("asked_at", models.DateTimeField()),
                ("finished_at", models.DateTimeField(null=True)),
                ("logs", models.BigIntegerField(default=0)),
                ("payloads", models.BigIntegerField(default=0)),
                ("replays", models.BigIntegerField(default=0)),
                (
                    "consumer",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="erasure",
                        to="monitor.consumer",
                    ),
                ),
            ],
            options={
                "db_table": "consumer_erasure",
            },
        ),
    ]
