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
    ]
