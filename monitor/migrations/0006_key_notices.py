from django.db import migrations

# By statement, so that removing a service with a hundred keys is told once. `last_used_at` is not among the
# columns: it is written all day, and a NOTIFY makes commits queue for a moment.
MAKE = """
CREATE FUNCTION notify_keys_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('keys_changed', '');
    RETURN NULL;
END $$;
CREATE TRIGGER api_key_changed
    AFTER UPDATE OF revoked_at, expires_at, scopes, mode, digest, service_id, organization_id OR DELETE
    ON api_key FOR EACH STATEMENT EXECUTE FUNCTION notify_keys_changed();
CREATE TRIGGER service_keys_changed
    AFTER UPDATE OF deleted_at, keep_bodies, organization_id, retention_days, error_retention_days
    OR DELETE
    ON service FOR EACH STATEMENT EXECUTE FUNCTION notify_keys_changed();
"""
UNMAKE = """
DROP TRIGGER service_keys_changed ON service;
DROP TRIGGER api_key_changed ON api_key;
DROP FUNCTION notify_keys_changed();
"""


class Migration(migrations.Migration):
    """Tell every process at once when a key is revoked, expires otherwise, or may do something else."""

    dependencies = [("monitor", "0005_counters")]

    operations = [migrations.RunSQL(MAKE, UNMAKE)]
