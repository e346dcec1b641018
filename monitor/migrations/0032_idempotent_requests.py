import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import monitor.lib.ids


class Migration(migrations.Migration):
    dependencies = [
        ("monitor", "0031_baselines_and_objectives"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="IdempotentRequest",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=monitor.lib.ids.new_uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("mode", models.CharField(blank=True, default="", max_length=4)),
                ("key_digest", models.BinaryField(max_length=32)),
                ("fingerprint", models.BinaryField(max_length=32)),
                ("state", models.CharField(choices=[("running", "Running"), ("done", "Done")], max_length=7)),
                ("locked_until", models.DateTimeField()),
                ("created_at", models.DateTimeField()),
                ("expires_at", models.DateTimeField(db_index=True)),
                ("status", models.PositiveSmallIntegerField(null=True)),
                ("headers", models.JSONField(db_default=models.Value({}, models.JSONField()), default=dict)),
                ("sealed_body", models.BinaryField(null=True)),
                ("omitted", models.JSONField(db_default=models.Value([], models.JSONField()), default=list)),
                (
                    "organization",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="monitor.organization",
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "db_table": "idempotent_request",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("organization", "user", "mode", "key_digest"),
                        name="idempotent_request_once",
                        nulls_distinct=False,
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("state__in", ["running", "done"])),
                        name="idempotent_request_state_known",
                    ),
                ],
            },
        ),
    ]
