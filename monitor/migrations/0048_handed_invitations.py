from django.db import migrations, models

# As it was made in 0035, and: what is cut is masked before, and passwords in addresses are, too.
SHOWN = r"""
CREATE OR REPLACE FUNCTION audit_shown(value jsonb, is_secret boolean) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE AS $$
    -- A value as it may be kept: secrets as a mask, also within addresses; long ones cut.
DECLARE
    masked text;
BEGIN
    IF value IS NULL OR jsonb_typeof(value) = 'null' THEN RETURN 'null'; END IF;
    IF is_secret THEN RETURN '"***MASKED***"'; END IF;
    masked := regexp_replace(
        value::text,
        '([?&][^=&#\s"]*(?:token|secret|key|passw|pwd|auth|session|sig)[^=&#\s"]*=)[^&#\s"\\]+',
        '\1***MASKED***', 'gi');
    masked := regexp_replace(masked, '(://[^/?#@\s":\\]*:)[^/?#@\s"\\]+@', '\1***MASKED***@', 'g');
    RETURN CASE WHEN length(masked) > 2000 THEN to_jsonb(left(masked, 2000) || '…') ELSE masked::jsonb END;
END $$;
"""
AS_BEFORE = r"""
CREATE OR REPLACE FUNCTION audit_shown(value jsonb, is_secret boolean) RETURNS jsonb
LANGUAGE sql IMMUTABLE AS $$
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
"""


class Migration(migrations.Migration):
    """Invitations know whether they were mailed. Old code leaves the column false, which trusts less."""

    dependencies = [("monitor", "0047_known_tags")]

    operations = [
        migrations.AddField(
            model_name="invitation",
            name="is_mailed",
            field=models.BooleanField(db_default=False, default=False, editable=False),
        ),
        migrations.RunSQL(SHOWN, AS_BEFORE),
    ]
