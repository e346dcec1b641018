"""Invitations, personal tokens, and the receipts of organizations that were deleted."""

import django.contrib.postgres.fields
import django.db.models.deletion
import django.db.models.functions.text
from django.conf import settings
from django.db import migrations, models

import monitor.lib.actors
import monitor.lib.ids


class Migration(migrations.Migration):
    dependencies = [
        ("monitor", "0038_shared_cache"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="OrganizationDeletion",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=monitor.lib.ids.new_uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("organization_id", models.UUIDField(unique=True)),
                ("name", models.CharField(max_length=128)),
                ("requested_by", models.CharField(max_length=160)),
                ("requested_at", models.DateTimeField()),
                ("finished_at", models.DateTimeField(blank=True, null=True)),
                ("removed", models.JSONField(default=dict)),
                ("receipt", models.JSONField(blank=True, null=True)),
            ],
            options={
                "db_table": "organization_deletion",
            },
        ),
        migrations.CreateModel(
            name="PersonalToken",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=monitor.lib.ids.new_uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("name", models.CharField(max_length=128)),
                ("prefix", models.CharField(editable=False, max_length=24)),
                ("digest", models.BinaryField(max_length=32, unique=True)),
                (
                    "scopes",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(
                            choices=[
                                (monitor.lib.actors.Scope["INGEST"], "ingest"),
                                (monitor.lib.actors.Scope["READ"], "read"),
                                (monitor.lib.actors.Scope["REPLAY"], "replay"),
                                (monitor.lib.actors.Scope["MANAGE"], "manage"),
                            ],
                            max_length=16,
                        ),
                        size=None,
                    ),
                ),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("expires_at", models.DateTimeField(blank=True, null=True)),
                ("revoked_at", models.DateTimeField(blank=True, null=True)),
                ("last_used_at", models.DateTimeField(blank=True, editable=False, null=True)),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="tokens",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "db_table": "personal_token",
            },
        ),
        migrations.CreateModel(
            name="Invitation",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=monitor.lib.ids.new_uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("email", models.EmailField(max_length=254)),
                (
                    "role",
                    models.CharField(
                        choices=[
                            (monitor.lib.actors.Role["OWNER"], "Owner"),
                            (monitor.lib.actors.Role["ADMIN"], "Admin"),
                            (monitor.lib.actors.Role["MEMBER"], "Member"),
                            (monitor.lib.actors.Role["VIEWER"], "Viewer"),
                        ],
                        default=monitor.lib.actors.Role["VIEWER"],
                        max_length=16,
                    ),
                ),
                ("digest", models.BinaryField(max_length=32, unique=True)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("expires_at", models.DateTimeField()),
                ("accepted_at", models.DateTimeField(blank=True, null=True)),
                ("revoked_at", models.DateTimeField(blank=True, null=True)),
                (
                    "accepted_by",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "invited_by",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "organization",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="invitations",
                        to="monitor.organization",
                    ),
                ),
            ],
            options={
                "db_table": "invitation",
                "constraints": [
                    models.UniqueConstraint(
                        models.F("organization"),
                        django.db.models.functions.text.Lower("email"),
                        condition=models.Q(("accepted_at", None), ("revoked_at", None)),
                        name="invitation_one_open_for_an_address",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "role__in",
                                [
                                    monitor.lib.actors.Role["OWNER"],
                                    monitor.lib.actors.Role["ADMIN"],
                                    monitor.lib.actors.Role["MEMBER"],
                                    monitor.lib.actors.Role["VIEWER"],
                                ],
                            )
                        ),
                        name="invitation_role_known",
                    ),
                ],
            },
        ),
    ]
