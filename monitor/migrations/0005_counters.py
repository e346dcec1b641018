from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("monitor", "0004_retention"),
    ]

    operations = [
        migrations.CreateModel(
            name="Counter",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("name", models.CharField(max_length=64)),
                ("labels", models.CharField(max_length=128)),
                ("value", models.FloatField()),
            ],
            options={
                "db_table": "counter",
                "constraints": [models.UniqueConstraint(fields=("name", "labels"), name="counter_once")],
            },
        ),
        migrations.CreateModel(
            name="CounterMinute",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("minute", models.DateTimeField()),
                ("name", models.CharField(max_length=64)),
                ("labels", models.CharField(max_length=128)),
                ("value", models.FloatField()),
            ],
            options={
                "db_table": "counter_minute",
                "constraints": [
                    models.UniqueConstraint(fields=("minute", "name", "labels"), name="counter_minute_once")
                ],
            },
        ),
    ]
