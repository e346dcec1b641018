from django.db import migrations, models


class Migration(migrations.Migration):
    """Receipts of forgotten consumers count views, routes and paths that were split off."""

    dependencies = [("monitor", "0062_fold_hours")]

    operations = [
        migrations.AddField(
            model_name="consumererasure",
            name=name,
            field=models.BigIntegerField(default=0, db_default=0),
        )
        for name in ("views", "routes", "path_rules", "routes_left")
    ]
