import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("monitor", "0044_status_pages"),
    ]

    operations = [
        migrations.CreateModel(
            name="MonitorBadge",
            fields=[
                (
                    "monitor",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="badge",
                        serialize=False,
                        to="monitor.monitor",
                    ),
                ),
                ("key", models.CharField(max_length=32, unique=True)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
            ],
            options={
                "db_table": "monitor_badge",
            },
        ),
        migrations.AddField(
            model_name="monitor",
            name="depends_on",
            field=models.ManyToManyField(blank=True, related_name="dependents", to="monitor.monitor"),
        ),
        migrations.AddField(
            model_name="monitor",
            name="watches_domain",
            field=models.BooleanField(db_default=False, default=False),
        ),
        migrations.AddField(
            model_name="monitorstanding",
            name="domain_until",
            field=models.DateTimeField(null=True),
        ),
        migrations.CreateModel(
            name="MonitorExpiry",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "what",
                    models.CharField(
                        choices=[("certificate", "Certificate"), ("domain", "Domain")], max_length=16
                    ),
                ),
                ("until", models.DateTimeField(null=True)),
                ("told_days", models.SmallIntegerField(null=True)),
                ("asked_at", models.DateTimeField(null=True)),
                ("problem", models.CharField(default="", max_length=200)),
                (
                    "monitor",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="expiries",
                        to="monitor.monitor",
                    ),
                ),
            ],
            options={
                "db_table": "monitor_expiry",
                "constraints": [
                    models.UniqueConstraint(fields=("monitor", "what"), name="monitor_expiry_once_of_a_kind")
                ],
            },
        ),
    ]
