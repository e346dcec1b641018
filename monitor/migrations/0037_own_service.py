from django.db import migrations, models


class Migration(migrations.Migration):
    """The service that holds an organization's own calls of this API. Old code leaves the column alone."""

    dependencies = [("monitor", "0036_key_api_version")]

    operations = [
        migrations.AddField(
            model_name="service",
            name="is_own",
            field=models.BooleanField(db_default=False, default=False, editable=False),
        ),
        migrations.AddConstraint(
            model_name="service",
            constraint=models.UniqueConstraint(
                condition=models.Q(("deleted_at", None), ("is_own", True)),
                fields=("organization",),
                name="own_service_once_per_organization",
            ),
        ),
    ]
