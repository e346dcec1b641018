from django.db import migrations

# Days are few and minutes many, and each kind of row has its own share of both. Without knowing that
# together, PostgreSQL expects forty times the rows there are, and starts workers for 200 of them: 5 ms.
MAKE = """
CREATE STATISTICS metric_rollup_kinds (mcv) ON family, resolution, service_id FROM metric_rollup;
ANALYZE metric_rollup;
"""
UNMAKE = "DROP STATISTICS metric_rollup_kinds"


class Migration(migrations.Migration):
    """Have PostgreSQL know how many rollups there are of each kind."""

    dependencies = [("monitor", "0060_metric_fold")]

    operations = [migrations.RunSQL(MAKE, UNMAKE)]
