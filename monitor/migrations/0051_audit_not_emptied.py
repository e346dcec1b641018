from django.db import migrations

# Triggers of rows do not see TRUNCATE. Who empties a database on purpose, as tests do after themselves, says
# so first.
MAKE = """
CREATE FUNCTION audit_not_emptied() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF current_setting('apimonitor.audit_truncate', true) = 'on' THEN
        RETURN NULL;
    END IF;
    RAISE EXCEPTION 'The audit log is only added to.' USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER audit_not_emptied BEFORE TRUNCATE ON audit_entry
    FOR EACH STATEMENT EXECUTE FUNCTION audit_not_emptied();
"""
UNMAKE = "DROP FUNCTION audit_not_emptied() CASCADE"


class Migration(migrations.Migration):
    """The audit log is not emptied at one stroke either."""

    dependencies = [("monitor", "0050_delivery_of_rule")]

    operations = [migrations.RunSQL(MAKE, UNMAKE)]
