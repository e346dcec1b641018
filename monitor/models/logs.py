"""The log of requests: lean rows to search, and packed payloads to read one at a time.

Both tables are partitioned by day over ranges of their UUIDv7 primary key, which carries the time the
request happened: newest first is `ORDER BY id DESC`, and a window of time is a range of ids.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Self
from uuid import UUID

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models

from monitor.lib.actors import Actor
from monitor.lib.ids import uuid7_floor
from monitor.models.dictionaries import unpack_log
from monitor.models.keys import Mode
from monitor.models.services import Consumer, Endpoint, Service

# Said once for filters, metrics, pages and the partial index: what counts as an error.
FAILED = models.Q(error__isnull=False) | models.Q(status_code__gte=500)


class RequestLogQuerySet(models.QuerySet["RequestLog"]):
    def of_services(self, service_ids: Iterable[UUID]) -> Self:
        """Logs of these services, as literal ids: the planner then knows how many rows to expect."""
        ids = list(service_ids)
        return self.filter(service_id=ids[0]) if len(ids) == 1 else self.filter(service_id__in=ids)

    def visible_to(self, actor: Actor, *, own: bool = False) -> Self:
        return self.of_services(Service.objects.visible_to(actor, own=own).values_list("id", flat=True))

    def within(self, since: datetime, until: datetime) -> Self:
        """Logs captured from `since` up to, not including, `until`; whole milliseconds."""
        return self.filter(id__gte=uuid7_floor(since), id__lt=uuid7_floor(until))

    def failed(self) -> Self:
        return self.filter(FAILED)

    def newest_first(self) -> Self:
        return self.order_by("-id")

    def with_names(self) -> Self:
        """Adds service, endpoint and consumer, so that a row can be shown without more queries."""
        return self.select_related("service", "endpoint", "consumer")


class RequestLog(models.Model):
    """One request as its service reported it. Read-only once kept."""

    id = models.UUIDField(primary_key=True, editable=False)
    # No constraints in the database: each log would lock its service's row, and removing a service
    # would load its logs. The purge task removes them instead.
    service = models.ForeignKey(Service, models.DO_NOTHING, db_constraint=False, db_index=False)
    endpoint = models.ForeignKey(Endpoint, models.DO_NOTHING, null=True, db_constraint=False, db_index=False)
    consumer = models.ForeignKey(Consumer, models.DO_NOTHING, null=True, db_constraint=False, db_index=False)
    mode = models.CharField(max_length=4, choices=Mode, default=Mode.LIVE)
    environment = models.CharField(max_length=64, default="")
    method = models.CharField(max_length=16)
    url = models.TextField()
    path = models.TextField()
    status_code = models.SmallIntegerField(null=True)
    latency_ms = models.FloatField(null=True)
    # The first 2,048 characters; the payload holds the rest.
    error = models.TextField(null=True)  # noqa: DJ001 - null means that nothing was reported
    tags = ArrayField(models.CharField(max_length=128), default=list)
    source_ip = models.GenericIPAddressField(null=True)
    trace_id = models.CharField(max_length=64, default="")
    # As a number (monitor.lib.span_ids) to be found by; its digits are in the payload.
    span_id = models.BigIntegerField(null=True)
    # Sizes as sent, in bytes, before anything was cut; null when the body was not reported.
    request_bytes = models.IntegerField(null=True)
    response_bytes = models.IntegerField(null=True)
    captured_at = models.DateTimeField()
    received_at = models.DateTimeField()

    objects = RequestLogQuerySet.as_manager()

    class Meta:
        db_table = "request_log"
        verbose_name = "request log"
        # Columns of few values are indexed alone: the entries of one value are kept together, 7 bytes a log,
        # and what a search by days finds in one is cheaply sorted. An index that ends in the id walks
        # newest first by itself, for 50 to 90 bytes a log: only services have one, as every reader is kept
        # to some of them, and their neighbours are looked up over all days.
        indexes = [
            models.Index(fields=["service", "id"], name="request_log_of_service"),
            models.Index(fields=["endpoint"], name="request_log_of_endpoints"),
            models.Index(
                fields=["consumer"],
                name="request_log_of_consumers",
                condition=models.Q(consumer__isnull=False),
            ),
            models.Index(fields=["mode"], name="request_log_of_mode"),
            models.Index(fields=["service", "-id"], name="request_log_failed", condition=FAILED),
            models.Index(fields=["trace_id"], name="request_log_of_trace", condition=~models.Q(trace_id="")),
            models.Index(
                fields=["span_id"], name="request_log_of_span", condition=models.Q(span_id__isnull=False)
            ),
            models.Index(fields=["status_code"], name="request_log_of_status"),
            models.Index(fields=["method"], name="request_log_of_method"),
            models.Index(fields=["environment"], name="request_log_of_environment"),
            models.Index(fields=["latency_ms"], name="request_log_of_latency"),
            GinIndex(fields=["tags"], name="request_log_of_tag", condition=~models.Q(tags=[])),
        ]

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def failed(self) -> bool:
        return self.error is not None or (self.status_code is not None and self.status_code >= 500)

    @property
    def route(self) -> str:
        return self.endpoint.route if self.endpoint is not None else ""

    @property
    def consumer_identifier(self) -> str:
        return self.consumer.identifier if self.consumer is not None else ""

    @property
    def status_class(self) -> str:
        """`2xx` and so on, or an empty text when no answer was reported."""
        return f"{self.status_code // 100}xx" if self.status_code is not None else ""


class LogPayloadQuerySet(models.QuerySet["LogPayload"]):
    def contents_of(self, log_id: UUID) -> dict[str, Any]:
        """Headers, bodies, query parameters and the whole error of one log; empty when it has none."""
        packed: Sequence[bytes] = list(self.filter(log_id=log_id).values_list("packed", flat=True))
        return unpack_log(packed[0]) if packed else {}

    def contents_by_id(self, log_ids: Iterable[UUID]) -> dict[UUID, dict[str, Any]]:
        """The same of many logs, those that have any."""
        rows = self.filter(log_id__in=list(log_ids)).values_list("log_id", "packed")
        return {log_id: unpack_log(packed) for log_id, packed in rows}


class LogPayload(models.Model):
    """The heavy part of a log, compressed by us: the server leaves rows under 2 kB uncompressed."""

    log_id = models.UUIDField(primary_key=True, editable=False)
    packed = models.BinaryField()

    objects = LogPayloadQuerySet.as_manager()

    class Meta:
        db_table = "log_payload"

    def __str__(self) -> str:
        return f"payload of {self.log_id}"
