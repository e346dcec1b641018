import django.db.models.deletion
from django.db import migrations, models

import monitor.lib.ids


class Migration(migrations.Migration):
    dependencies = [
        ("monitor", "0045_badges_and_dependencies"),
    ]

    operations = [
        migrations.CreateModel(
            name="MonitorProxy",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=monitor.lib.ids.new_uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("name", models.CharField(max_length=128)),
                ("url", models.CharField(max_length=512)),
                ("username", models.CharField(blank=True, default="", max_length=255)),
                ("sealed", models.BinaryField(null=True)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("updated_at", models.DateTimeField(auto_now=True)),
                (
                    "organization",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="monitor_proxies",
                        to="monitor.organization",
                    ),
                ),
            ],
            options={
                "verbose_name_plural": "monitor proxies",
                "db_table": "monitor_proxy",
            },
        ),
        migrations.AddField(
            model_name="monitor",
            name="proxy",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.RESTRICT,
                related_name="monitors",
                to="monitor.monitorproxy",
            ),
        ),
        migrations.CreateModel(
            name="MonitorTag",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=monitor.lib.ids.new_uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("name", models.CharField(max_length=64)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                (
                    "organization",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="monitor_tags",
                        to="monitor.organization",
                    ),
                ),
            ],
            options={
                "db_table": "monitor_tag",
            },
        ),
        migrations.AddConstraint(
            model_name="monitorproxy",
            constraint=models.UniqueConstraint(
                fields=("organization", "name"), name="monitor_proxy_named_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="monitortag",
            constraint=models.UniqueConstraint(fields=("organization", "name"), name="monitor_tag_once"),
        ),
    ]
