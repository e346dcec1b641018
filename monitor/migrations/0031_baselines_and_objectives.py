from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("monitor", "0030_news"),
    ]

    operations = [
        migrations.AddField(
            model_name="alertgroup",
            name="usual_high",
            field=models.FloatField(null=True),
        ),
        migrations.AddField(
            model_name="alertgroup",
            name="usual_low",
            field=models.FloatField(null=True),
        ),
        migrations.AddField(
            model_name="alertgroup",
            name="usual_of",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="alertrule",
            name="deviations",
            field=models.FloatField(db_default=3.0, default=3.0),
        ),
        migrations.AddField(
            model_name="alertrule",
            name="period_days",
            field=models.PositiveSmallIntegerField(db_default=30, default=30),
        ),
        migrations.AddField(
            model_name="alertrule",
            name="target",
            field=models.FloatField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="webhookendpoint",
            name="public_key",
            field=models.CharField(blank=True, db_default="", default="", editable=False, max_length=64),
        ),
        migrations.AddField(
            model_name="webhookendpoint",
            name="signature",
            field=models.CharField(
                choices=[
                    ("v1", "v1: HMAC-SHA256, with a secret that both sides know"),
                    ("v1a", "v1a: Ed25519, with a key that we keep; receivers need the public one"),
                ],
                db_default="v1",
                default="v1",
                max_length=3,
            ),
        ),
        migrations.AlterField(
            model_name="alertrule",
            name="direction",
            field=models.CharField(
                blank=True,
                choices=[("above", "above"), ("below", "below"), ("both", "above or below")],
                db_default="",
                default="",
                max_length=5,
            ),
        ),
        migrations.AlterField(
            model_name="alertrule",
            name="kind",
            field=models.CharField(
                choices=[
                    ("log", "Each request"),
                    ("metric", "A number over a window"),
                    ("absence", "No requests"),
                    ("silence", "No process reports"),
                    ("baseline", "Out of the usual"),
                    ("slo", "An objective"),
                    ("new_endpoint", "A new endpoint"),
                    ("new_error", "A new error"),
                ],
                db_default="log",
                default="log",
                max_length=16,
            ),
        ),
        migrations.AlterField(
            model_name="alertrule",
            name="measure",
            field=models.CharField(
                blank=True,
                choices=[
                    ("p50_latency", "p50 latency"),
                    ("p95_latency", "p95 latency"),
                    ("p99_latency", "p99 latency"),
                    ("error_rate", "error rate"),
                    ("error_count", "error count"),
                    ("request_count", "request count"),
                    ("status_share", "share of a status class"),
                    ("slow_share", "share of slow requests"),
                    ("apdex", "Apdex"),
                ],
                db_default="",
                default="",
                max_length=16,
            ),
        ),
    ]
