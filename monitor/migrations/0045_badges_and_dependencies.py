import django.db.models.deletion
from django.db import migrations, models

# Whose a row is that was changed: what stands on a page is of the page's organization.
AUDIT = """
CREATE OR REPLACE FUNCTION audit_organization(noun text, was jsonb) RETURNS uuid LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF noun = 'organization' THEN RETURN was->>'id'; END IF;
    IF was ? 'organization_id' THEN RETURN was->>'organization_id'; END IF;
    IF was ? 'service_id' THEN
        RETURN (SELECT organization_id FROM service WHERE id = (was->>'service_id')::uuid);
    END IF;
    IF was ? 'rule_id' THEN
        RETURN (SELECT s.organization_id FROM alert_rule r JOIN service s ON s.id = r.service_id
                WHERE r.id = (was->>'rule_id')::uuid);
    END IF;
    IF was ? 'consumer_id' THEN
        RETURN (SELECT organization_id FROM consumer WHERE id = (was->>'consumer_id')::uuid);
    END IF;
    IF was ? 'monitor_id' THEN
        RETURN (SELECT organization_id FROM monitor WHERE id = (was->>'monitor_id')::uuid);
    END IF;
    IF was ? 'endpoint_id' THEN
        RETURN (SELECT organization_id FROM webhook_endpoint WHERE id = (was->>'endpoint_id')::uuid);
    END IF;
    IF was ? 'page_id' THEN
        RETURN (SELECT organization_id FROM status_page WHERE id = (was->>'page_id')::uuid);
    END IF;
    IF was ? 'incident_id' THEN
        RETURN (SELECT p.organization_id FROM status_incident i JOIN status_page p ON p.id = i.page_id
                WHERE i.id = (was->>'incident_id')::uuid);
    END IF;
    IF was ? 'from_monitor_id' THEN
        RETURN (SELECT organization_id FROM monitor WHERE id = (was->>'from_monitor_id')::uuid);
    END IF;
    RETURN NULL;
END $$;
"""
BEFORE = """
CREATE OR REPLACE FUNCTION audit_organization(noun text, was jsonb) RETURNS uuid LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF noun = 'organization' THEN RETURN was->>'id'; END IF;
    IF was ? 'organization_id' THEN RETURN was->>'organization_id'; END IF;
    IF was ? 'service_id' THEN
        RETURN (SELECT organization_id FROM service WHERE id = (was->>'service_id')::uuid);
    END IF;
    IF was ? 'rule_id' THEN
        RETURN (SELECT s.organization_id FROM alert_rule r JOIN service s ON s.id = r.service_id
                WHERE r.id = (was->>'rule_id')::uuid);
    END IF;
    IF was ? 'consumer_id' THEN
        RETURN (SELECT organization_id FROM consumer WHERE id = (was->>'consumer_id')::uuid);
    END IF;
    IF was ? 'monitor_id' THEN
        RETURN (SELECT organization_id FROM monitor WHERE id = (was->>'monitor_id')::uuid);
    END IF;
    IF was ? 'endpoint_id' THEN
        RETURN (SELECT organization_id FROM webhook_endpoint WHERE id = (was->>'endpoint_id')::uuid);
    END IF;
    RETURN NULL;
END $$;
"""


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
        migrations.RunSQL(AUDIT, BEFORE),
    ]
