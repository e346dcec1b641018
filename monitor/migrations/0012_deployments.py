import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("monitor", "0011_log_arrival"),
    ]

    operations = [
        migrations.CreateModel(
            name="Deployment",
            fields=[
                ("id", models.UUIDField(editable=False, primary_key=True, serialize=False)),
                ("version", models.CharField(max_length=128)),
                ("environment", models.CharField(blank=True, default="", max_length=64)),
                ("deployed_at", models.DateTimeField()),
                ("reported_by", models.CharField(editable=False, max_length=200)),
                ("reported_at", models.DateTimeField(editable=False)),
                (
                    "service",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="deployments",
                        to="monitor.service",
                    ),
                ),
            ],
            options={
                "db_table": "deployment",
                "indexes": [models.Index(fields=["service", "-id"], name="deployment_of_service")],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("service", "environment", "version", "deployed_at"), name="deployment_once"
                    )
                ],
            },
        ),
    ]
