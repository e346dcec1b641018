from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("monitor", "0023_push"),
    ]

    operations = [
        migrations.AlterField(
            model_name="alertrule",
            name="kind",
            field=models.CharField(
                choices=[
                    ("log", "Each request"),
                    ("metric", "A number over a window"),
                    ("absence", "No requests"),
                    ("silence", "No process reports"),
                ],
                db_default="log",
                default="log",
                max_length=16,
            ),
        ),
    ]
