from django.db import migrations, models

import monitor.lib.ids

# What is changed writes its own row, in its own transaction, whoever's code changed it: a bulk update and the
# admin as much as the API. `monitor.audit.watched` says which tables; the triggers on them are made after
# each migrate. Only while somebody is asking (`apimonitor.audit` holds who): what the worker and ingestion do
# by themselves is no one's doing.
#
# Arguments: the noun; its label's column; columns that are secret; columns that say nothing; columns that
# turn the update into another verb ("deleted_at=deleted", or "disabled_at=disabled/enabled").
MAKE = r"""
CREATE FUNCTION audit_id() RETURNS uuid LANGUAGE sql VOLATILE AS $$
    -- A UUIDv7: 48 bits of time over a random uuid, whose version becomes 7.
    SELECT encode(
        set_bit(set_bit(overlay(uuid_send(gen_random_uuid()) PLACING
            substring(int8send((extract(epoch FROM clock_timestamp()) * 1000)::bigint) FROM 3)
            FROM 1 FOR 6), 52, 1), 53, 1), 'hex')::uuid
$$;

CREATE FUNCTION audit_shown(value jsonb, is_secret boolean) RETURNS jsonb LANGUAGE sql IMMUTABLE AS $$
    -- A value as it may be kept: secrets as a mask, also within addresses; long ones cut.
    SELECT CASE
        WHEN value IS NULL OR jsonb_typeof(value) = 'null' THEN 'null'::jsonb
        WHEN is_secret THEN '"***MASKED***"'::jsonb
        WHEN length(value::text) > 2000 THEN to_jsonb(left(value::text, 2000) || '…')
        ELSE regexp_replace(
            value::text,
            '([?&][^=&#\s"]*(?:token|secret|key|passw|pwd|auth|session|sig)[^=&#\s"]*=)[^&#\s"\\]+',
            '\1***MASKED***', 'gi')::jsonb
    END
$$;

CREATE FUNCTION audit_organization(noun text, was jsonb) RETURNS uuid LANGUAGE plpgsql STABLE AS $$
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

CREATE FUNCTION audit_change() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    asking jsonb := nullif(current_setting('apimonitor.audit', true), '')::jsonb;
    was jsonb;
    becomes jsonb;
    one jsonb;
    secret text[] := string_to_array(TG_ARGV[2], ',');
    quiet text[] := string_to_array(TG_ARGV[3], ',');
    verb text := CASE TG_OP WHEN 'INSERT' THEN 'created' WHEN 'UPDATE' THEN 'updated' ELSE 'deleted' END;
    changes jsonb;
    turn text;
    place text;
    words text;
BEGIN
    -- First of all: ingestion passes here, too, and nobody asks there.
    IF asking IS NULL THEN RETURN NULL; END IF;
    was := CASE WHEN TG_OP = 'INSERT' THEN '{}'::jsonb ELSE to_jsonb(OLD) END;
    becomes := CASE WHEN TG_OP = 'DELETE' THEN '{}'::jsonb ELSE to_jsonb(NEW) END;
    one := CASE WHEN TG_OP = 'DELETE' THEN was ELSE becomes END;
    SELECT jsonb_object_agg(name, jsonb_build_array(
               audit_shown(was->name, name = ANY (secret)), audit_shown(becomes->name, name = ANY (secret))))
      INTO changes
      FROM jsonb_object_keys(was || becomes) AS name
     WHERE was->name IS DISTINCT FROM becomes->name
       AND NOT name = ANY (quiet || '{id,created_at,updated_at}'::text[])
       -- What a new row leaves empty was not said by anyone.
       AND NOT (TG_OP <> 'UPDATE' AND one->name IN ('null', '""', '[]', '{}'));
    IF TG_OP = 'UPDATE' THEN
        IF changes IS NULL THEN RETURN NULL; END IF;
        FOREACH turn IN ARRAY string_to_array(TG_ARGV[4], ',') LOOP
            place := split_part(turn, '=', 1);
            words := split_part(turn, '=', 2);
            IF changes ? place THEN
                verb := CASE
                    WHEN becomes->place IN ('null', 'false') THEN nullif(split_part(words, '/', 2), '')
                    ELSE split_part(words, '/', 1)
                END;
                verb := coalesce(verb, 'updated');
            END IF;
        END LOOP;
    END IF;
    INSERT INTO audit_entry (
        id, organization_id, actor_kind, actor_id, actor_label, face, action, target_type, target_id,
        target_label, changes, note, ip, user_agent, request_id, method, route, happened_at)
    VALUES (
        audit_id(), audit_organization(TG_ARGV[0], one), asking->>'actor_kind', asking->>'actor_id',
        asking->>'actor_label', asking->>'face', TG_ARGV[0] || '.' || verb, TG_ARGV[0],
        left(coalesce(one->>'id', one->>'monitor_id', one->>'organization_id', ''), 64),
        left(coalesce(one->>TG_ARGV[1], ''), 300),
        coalesce(changes, '{}'), '', asking->>'ip', asking->>'user_agent', asking->>'request_id',
        asking->>'method', asking->>'route', clock_timestamp());
    -- Told at the end of the request; a rollback takes it back with the row.
    PERFORM set_config('apimonitor.audited', 'yes', false);
    RETURN NULL;
END $$;

CREATE FUNCTION audit_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' AND current_setting('apimonitor.audit_retention', true) = 'on'
       AND OLD.happened_at < now() - interval '90 days' THEN
        RETURN OLD;
    END IF;
    RAISE EXCEPTION 'The audit log is only added to.' USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER audit_stays BEFORE UPDATE OR DELETE ON audit_entry
    FOR EACH ROW EXECUTE FUNCTION audit_stays();
"""
# Triggers on the tables go with the function.
UNMAKE = """
DROP FUNCTION audit_change() CASCADE;
DROP FUNCTION audit_stays() CASCADE;
DROP FUNCTION audit_organization(text, jsonb);
DROP FUNCTION audit_shown(jsonb, boolean);
DROP FUNCTION audit_id();
"""


class Migration(migrations.Migration):
    """Who did what, from where: a table that is only added to, and what adds to it."""

    dependencies = [("monitor", "0034_usage")]

    operations = [
        migrations.CreateModel(
            name="AuditEntry",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=monitor.lib.ids.new_uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("organization_id", models.UUIDField(blank=True, null=True)),
                (
                    "actor_kind",
                    models.CharField(
                        choices=[
                            ("user", "Person"),
                            ("key", "API key"),
                            ("anonymous", "Not signed in"),
                            ("system", "The monitor itself"),
                        ],
                        max_length=9,
                    ),
                ),
                ("actor_id", models.CharField(blank=True, default="", max_length=64)),
                ("actor_label", models.CharField(max_length=200)),
                (
                    "face",
                    models.CharField(
                        choices=[
                            ("api", "API"),
                            ("page", "Pages"),
                            ("admin", "Admin"),
                            ("command", "Command line"),
                        ],
                        max_length=8,
                    ),
                ),
                ("action", models.CharField(max_length=64)),
                ("target_type", models.CharField(blank=True, default="", max_length=32)),
                ("target_id", models.CharField(blank=True, default="", max_length=64)),
                ("target_label", models.CharField(blank=True, default="", max_length=300)),
                ("changes", models.JSONField(blank=True, default=dict)),
                ("note", models.CharField(blank=True, default="", max_length=500)),
                ("ip", models.CharField(blank=True, default="", max_length=64)),
                ("user_agent", models.CharField(blank=True, default="", max_length=300)),
                ("request_id", models.CharField(blank=True, default="", max_length=64)),
                ("method", models.CharField(blank=True, default="", max_length=8)),
                ("route", models.CharField(blank=True, default="", max_length=200)),
                ("happened_at", models.DateTimeField()),
            ],
            options={
                "verbose_name": "audit entry",
                "verbose_name_plural": "audit log",
                "db_table": "audit_entry",
                "indexes": [
                    models.Index(fields=["organization_id", "-id"], name="audit_newest_first"),
                    models.Index(fields=["target_id", "-id"], name="audit_of_target"),
                    models.Index(fields=["actor_id", "-id"], name="audit_of_actor"),
                ],
            },
        ),
        migrations.RunSQL(MAKE, UNMAKE),
    ]
