import django.db.models.deletion
from django.db import migrations, models

import monitor.lib.ids


class Migration(migrations.Migration):
    """Subscribers of status pages, what they are told, and how each telling goes."""

    dependencies = [
        ("monitor", "0051_audit_not_emptied"),
    ]

    operations = [
        migrations.AddField(
            model_name="statuspage",
            name="takes_subscribers",
            field=models.BooleanField(db_default=True, default=True),
        ),
        migrations.CreateModel(
            name="StatusNotice",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=monitor.lib.ids.new_uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("incident.opened", "Incident"),
                            ("incident.updated", "Update"),
                            ("incident.resolved", "Resolved"),
                            ("maintenance.scheduled", "Maintenance is planned"),
                            ("maintenance.started", "Maintenance has begun"),
                            ("maintenance.ended", "Maintenance is over"),
                        ],
                        max_length=24,
                    ),
                ),
                ("key", models.CharField(max_length=160)),
                ("thread", models.CharField(max_length=120)),
                ("title", models.CharField(max_length=200)),
                ("words", models.CharField(max_length=64)),
                ("body", models.TextField(max_length=8192)),
                ("payload", models.JSONField(default=dict)),
                ("happened_at", models.DateTimeField()),
                (
                    "incident",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="monitor.statusincident",
                    ),
                ),
                (
                    "page",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="notices",
                        to="monitor.statuspage",
                    ),
                ),
            ],
            options={
                "db_table": "status_notice",
            },
        ),
        migrations.CreateModel(
            name="StatusSubscriber",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=monitor.lib.ids.new_uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                (
                    "kind",
                    models.CharField(choices=[("email", "Email"), ("webhook", "Webhook")], max_length=8),
                ),
                ("sealed", models.BinaryField()),
                ("digest", models.BinaryField(max_length=32)),
                ("asked_at", models.DateTimeField()),
                ("confirmed_at", models.DateTimeField(null=True)),
                ("last_told_at", models.DateTimeField(null=True)),
                ("failures_in_row", models.PositiveIntegerField(default=0)),
                ("last_error", models.CharField(blank=True, default="", max_length=500)),
                (
                    "page",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="subscribers",
                        to="monitor.statuspage",
                    ),
                ),
            ],
            options={
                "db_table": "status_subscriber",
            },
        ),
        migrations.CreateModel(
            name="StatusDelivery",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=monitor.lib.ids.new_uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("pending", "Waiting"),
                            ("leased", "Being sent"),
                            ("succeeded", "Delivered"),
                            ("dead", "Given up"),
                            ("cancelled", "Cancelled"),
                            ("blocked", "Not allowed"),
                        ],
                        default="pending",
                        max_length=9,
                    ),
                ),
                ("attempts", models.PositiveIntegerField(default=0)),
                ("created_at", models.DateTimeField()),
                ("next_attempt_at", models.DateTimeField(null=True)),
                ("lease_id", models.UUIDField(null=True)),
                ("lease_until", models.DateTimeField(null=True)),
                ("finished_at", models.DateTimeField(null=True)),
                ("last_error", models.CharField(blank=True, default="", max_length=500)),
                (
                    "notice",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="deliveries",
                        to="monitor.statusnotice",
                    ),
                ),
                (
                    "subscriber",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="deliveries",
                        to="monitor.statussubscriber",
                    ),
                ),
            ],
            options={
                "verbose_name_plural": "status deliveries",
                "db_table": "status_delivery",
            },
        ),
        migrations.AddConstraint(
            model_name="statusnotice",
            constraint=models.UniqueConstraint(fields=("page", "key"), name="status_notice_told_once"),
        ),
        migrations.AddIndex(
            model_name="statussubscriber",
            index=models.Index(fields=["page", "-id"], name="status_subscriber_of_page"),
        ),
        migrations.AddIndex(
            model_name="statussubscriber",
            index=models.Index(
                condition=models.Q(("confirmed_at", None)),
                fields=["asked_at"],
                name="status_subscriber_pending",
            ),
        ),
        migrations.AddConstraint(
            model_name="statussubscriber",
            constraint=models.UniqueConstraint(
                fields=("page", "digest"), name="status_subscriber_once_a_page"
            ),
        ),
        migrations.AddIndex(
            model_name="statusdelivery",
            index=models.Index(
                condition=models.Q(("status", "pending")),
                fields=["next_attempt_at"],
                name="status_delivery_due",
            ),
        ),
        migrations.AddIndex(
            model_name="statusdelivery",
            index=models.Index(
                condition=models.Q(("status__in", ("pending", "leased"))),
                fields=["subscriber", "id"],
                name="status_delivery_open",
            ),
        ),
        migrations.AddIndex(
            model_name="statusdelivery",
            index=models.Index(fields=["subscriber", "-id"], name="status_delivery_of_subscriber"),
        ),
        migrations.AddIndex(
            model_name="statusdelivery",
            index=models.Index(fields=["finished_at"], name="status_delivery_finished"),
        ),
        migrations.AddConstraint(
            model_name="statusdelivery",
            constraint=models.UniqueConstraint(fields=("notice", "subscriber"), name="status_delivery_once"),
        ),
        migrations.AddConstraint(
            model_name="statusdelivery",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("status", "pending"), _negated=True),
                    ("next_attempt_at__isnull", False),
                    _connector="OR",
                ),
                name="status_delivery_is_due",
            ),
        ),
    ]
