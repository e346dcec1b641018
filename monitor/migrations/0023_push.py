import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("monitor", "0022_monitors"),
    ]

    operations = [
        migrations.CreateModel(
            name="PingKey",
            fields=[
                (
                    "organization",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="ping_key",
                        serialize=False,
                        to="monitor.organization",
                    ),
                ),
                ("key", models.CharField(max_length=32, unique=True)),
            ],
            options={
                "db_table": "ping_key",
            },
        ),
        migrations.CreateModel(
            name="PushTarget",
            fields=[
                (
                    "monitor",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="push",
                        serialize=False,
                        to="monitor.monitor",
                    ),
                ),
                ("token", models.UUIDField(unique=True)),
                ("slug", models.CharField(default="", max_length=64)),
                ("last_ping_at", models.DateTimeField(null=True)),
                ("started_at", models.DateTimeField(null=True)),
                ("run_id", models.UUIDField(null=True)),
                ("is_failing", models.BooleanField(default=False)),
                ("pings", models.BigIntegerField(default=0)),
            ],
            options={
                "db_table": "push_target",
                "indexes": [
                    models.Index(
                        condition=models.Q(("slug", ""), _negated=True),
                        fields=["slug"],
                        name="push_target_by_slug",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Ping",
            fields=[
                ("id", models.UUIDField(editable=False, primary_key=True, serialize=False)),
                ("number", models.BigIntegerField()),
                ("kind", models.CharField(max_length=8)),
                ("exit_status", models.SmallIntegerField(null=True)),
                ("run_id", models.UUIDField(null=True)),
                ("duration_ms", models.FloatField(null=True)),
                ("method", models.CharField(max_length=8)),
                ("source_ip", models.GenericIPAddressField(null=True)),
                ("body", models.TextField(default="")),
                (
                    "target",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="log",
                        to="monitor.pushtarget",
                    ),
                ),
            ],
            options={
                "db_table": "ping",
                "constraints": [
                    models.UniqueConstraint(fields=("target", "number"), name="ping_number_once")
                ],
            },
        ),
    ]
