"""One table for everything, as a first version of such a service has it."""

from uuid import uuid4

from django.db import models


class PlainLog(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid4)
    service_id = models.UUIDField()
    method = models.CharField(max_length=16)
    url = models.TextField()
    path = models.CharField(max_length=2048)
    status_code = models.IntegerField(null=True)
    latency_ms = models.FloatField(null=True)
    query_params = models.JSONField(null=True)
    request_headers = models.JSONField(null=True)
    request_body = models.TextField(null=True)  # noqa: DJ001
    response_headers = models.JSONField(null=True)
    response_body = models.TextField(null=True)  # noqa: DJ001
    error = models.TextField(null=True)  # noqa: DJ001
    source_ip = models.CharField(max_length=64, null=True)  # noqa: DJ001
    tags = models.JSONField(default=list)
    consumer = models.CharField(max_length=128, blank=True, default="")
    environment = models.CharField(max_length=64, blank=True, default="")
    trace_id = models.CharField(max_length=64, blank=True, default="")
    captured_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        app_label = "plain"
        db_table = "bench_plain_log"
        # With the primary key these are five B-trees.
        indexes = [
            models.Index(fields=["service_id"], name="bench_plain_service"),
            models.Index(fields=["captured_at"], name="bench_plain_captured"),
            models.Index(fields=["status_code"], name="bench_plain_status"),
            models.Index(fields=["path"], name="bench_plain_path"),
        ]

    def __str__(self) -> str:
        return f"{self.method} {self.path}"
