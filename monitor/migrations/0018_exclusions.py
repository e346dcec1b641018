import django.db.models.deletion
from django.db import migrations, models

import monitor.lib.ids


class Migration(migrations.Migration):
    dependencies = [
        ("monitor", "0017_endpoint_moves"),
    ]

    operations = [
        migrations.AddField(
            model_name="service",
            name="exclusions",
            field=models.JSONField(
                db_default=models.Value([], models.JSONField()), default=list, editable=False
            ),
        ),
        migrations.CreateModel(
            name="ExclusionRule",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=monitor.lib.ids.new_uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                (
                    "kind",
                    models.CharField(choices=[("path", "Path"), ("user_agent", "User agent")], max_length=10),
                ),
                ("pattern", models.CharField(max_length=256)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("created_by", models.CharField(editable=False, max_length=200)),
                (
                    "service",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="exclusion_rules",
                        to="monitor.service",
                    ),
                ),
            ],
            options={
                "db_table": "exclusion_rule",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("service", "kind", "pattern"), name="exclusion_rule_once"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("kind__in", ["path", "user_agent"])),
                        name="exclusion_rule_kind_known",
                    ),
                ],
            },
        ),
    ]
