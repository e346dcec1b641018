"""What guards the sign-in is counted over all processes: Django's cache table, without a journal.

Unlogged: after a crash it begins empty, and no try costs a flush to the disk.
"""

from django.db import migrations

MAKE = """
CREATE UNLOGGED TABLE shared_cache (
    cache_key varchar(255) PRIMARY KEY,
    value text NOT NULL,
    expires timestamptz NOT NULL
);
CREATE INDEX shared_cache_expires ON shared_cache (expires);
"""


class Migration(migrations.Migration):
    dependencies = [("monitor", "0037_own_service")]

    operations = [migrations.RunSQL(MAKE, "DROP TABLE shared_cache")]
