from django.db import migrations, models

COUNTS = ("addresses", "queries", "paths", "error_texts", "tags")


class Migration(migrations.Migration):
    dependencies = [
        ("monitor", "0025_span_ids"),
    ]

    operations = [
        *(
            migrations.AddField(
                model_name="consumererasure",
                name=name,
                field=models.BigIntegerField(default=0, db_default=0),
            )
            for name in COUNTS
        ),
        migrations.AddField(
            model_name="consumererasure",
            name="sealed_names",
            field=models.BinaryField(null=True),
        ),
    ]
