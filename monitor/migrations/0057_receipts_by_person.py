from django.db import migrations, models

# Receipts were found by the name, which another person may bear after the first one has gone.
BY_NAME = """
UPDATE organization_deletion d SET requested_by_id = u.id FROM auth_user u
WHERE d.requested_by = 'user:' || u.username AND u.date_joined <= d.requested_at
"""


class Migration(migrations.Migration):
    """Whose a receipt is, is said by the person's id."""

    dependencies = [("monitor", "0052_status_subscribers"), ("auth", "0012_alter_user_first_name_max_length")]

    operations = [
        migrations.AddField(
            "organizationdeletion", "requested_by_id", models.IntegerField(null=True, blank=True)
        ),
        migrations.RunSQL(BY_NAME, migrations.RunSQL.noop),
    ]
