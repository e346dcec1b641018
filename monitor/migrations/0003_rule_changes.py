from django.db import migrations, models

# By statement, because rules come and go by the hundred. `last_error` is not among the columns: it is written
# while logs are judged, and would make every process read the rules again.
MAKE = """
CREATE SEQUENCE alert_rule_change_number;
CREATE FUNCTION note_rule_changes() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO alert_rule_change (service_id, number)
        SELECT service_id, nextval('alert_rule_change_number')
        FROM (SELECT DISTINCT service_id FROM changed ORDER BY service_id) services
    ON CONFLICT (service_id) DO UPDATE SET number = EXCLUDED.number;
    RETURN NULL;
END $$;
CREATE FUNCTION note_changed_rules() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    WITH before AS (
        SELECT service_id, id, name, condition_field, condition_operator, condition_value, is_active
        FROM old_rules
    ), after AS (
        SELECT service_id, id, name, condition_field, condition_operator, condition_value, is_active
        FROM new_rules
    )
    INSERT INTO alert_rule_change (service_id, number)
        SELECT service_id, nextval('alert_rule_change_number')
        FROM (
            SELECT service_id FROM (
                (TABLE before EXCEPT TABLE after) UNION ALL (TABLE after EXCEPT TABLE before)
            ) differing
            GROUP BY service_id ORDER BY service_id
        ) services
    ON CONFLICT (service_id) DO UPDATE SET number = EXCLUDED.number;
    RETURN NULL;
END $$;
CREATE TRIGGER alert_rule_added AFTER INSERT ON alert_rule
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION note_rule_changes();
CREATE TRIGGER alert_rule_removed AFTER DELETE ON alert_rule
    REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION note_rule_changes();
CREATE TRIGGER alert_rule_changed AFTER UPDATE ON alert_rule
    REFERENCING OLD TABLE AS old_rules NEW TABLE AS new_rules
    FOR EACH STATEMENT EXECUTE FUNCTION note_changed_rules();
-- Services that have rules already.
INSERT INTO alert_rule_change (service_id, number)
    SELECT service_id, nextval('alert_rule_change_number') FROM alert_rule GROUP BY service_id;
"""
UNMAKE = """
DROP TRIGGER alert_rule_changed ON alert_rule;
DROP TRIGGER alert_rule_removed ON alert_rule;
DROP TRIGGER alert_rule_added ON alert_rule;
DROP FUNCTION note_changed_rules();
DROP FUNCTION note_rule_changes();
DROP SEQUENCE alert_rule_change_number;
"""


class Migration(migrations.Migration):
    """Number the changes of a service's rules, so that processes may keep rules they have read."""

    dependencies = [("monitor", "0002_default_organization")]

    operations = [
        migrations.CreateModel(
            name="AlertRuleChange",
            fields=[
                ("service_id", models.UUIDField(editable=False, primary_key=True, serialize=False)),
                ("number", models.BigIntegerField()),
            ],
            options={"db_table": "alert_rule_change"},
        ),
        migrations.RunSQL(MAKE, UNMAKE),
    ]
