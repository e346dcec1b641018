"""What the logs add up to: deltas as they were ingested, and rollups by spans of time."""

from django.contrib.postgres.fields import ArrayField
from django.db import models

from monitor.models.keys import Mode
from monitor.models.services import Service


class Source(models.TextChoices):
    """Who counted: we, from the logs, or a client that sent its own aggregates."""

    LOGS = "logs", "Logs"
    CLIENT = "client", "Client"


class Resolution(models.TextChoices):
    """Ten minutes and six hours are there for charts: 30 d in steps of 12 h then add up 120 histograms of a
    service in place of 720. Four and sixteen days are there for long windows: of 30 days, 7 spans are read.

    Days are added up to these once they are over, see MetricFold.
    """

    MINUTE = "minute", "Minute"
    TEN_MINUTES = "10min", "Ten minutes"
    HOUR = "hour", "Hour"
    SIX_HOURS = "6hours", "Six hours"
    DAY = "day", "Day"
    FOUR_DAYS = "4days", "Four days"
    SIXTEEN_DAYS = "16days", "Sixteen days"


class Family(models.TextChoices):
    """What the rows of a family are told apart by, beside service, environment and mode."""

    TOTAL = "total", "All requests"
    ANSWER = "answer", "Method and status code"
    ENDPOINT = "endpoint", "Endpoint"
    CONSUMER = "consumer", "Consumer"


class MetricDelta(models.Model):
    """What one transaction of logs adds to the rollups; written with it, and gone once it is compacted.

    Append-only, so that senders never wait for each other over a row that counts.
    """

    id = models.BigAutoField(primary_key=True)
    # So that a reader opens only what concerns it.
    services = ArrayField(models.UUIDField())
    # Spelled by monitor.metrics.facts.
    packed = models.BinaryField()

    class Meta:
        db_table = "metric_delta"

    def __str__(self) -> str:
        return f"delta {self.pk}"


class MetricRollup(models.Model):
    """Requests of one service, environment, mode and subject, in one span of time.

    `subject` is empty for totals, `GET 200` for answers (`GET none` without a status), an id for endpoints
    and consumers, and empty for requests without a consumer.
    """

    pk = models.CompositePrimaryKey(
        "service", "family", "resolution", "start", "subject", "environment", "mode", "source"
    )
    # Deleted with its service; the purge task takes the many rows before.
    service = models.ForeignKey(Service, models.CASCADE, db_index=False, related_name="+")
    start = models.DateTimeField()
    requests = models.BigIntegerField()
    errors = models.BigIntegerField()
    request_bytes = models.BigIntegerField()
    response_bytes = models.BigIntegerField()
    # Requests that told the sizes; null in rows from before they were counted.
    request_sized = models.BigIntegerField(null=True)
    response_sized = models.BigIntegerField(null=True)
    # The sum, so that means are exact; `packed` holds the histogram.
    latency_ms = models.FloatField()
    family = models.CharField(max_length=8, choices=Family)
    resolution = models.CharField(max_length=6, choices=Resolution)
    mode = models.CharField(max_length=4, choices=Mode)
    source = models.CharField(max_length=6, choices=Source)
    environment = models.CharField(max_length=64)
    subject = models.CharField(max_length=40)
    # Counts by method and status, and the latency histogram; spelled by monitor.metrics.cells.
    packed = models.BinaryField()

    class Meta:
        db_table = "metric_rollup"
        indexes = [
            # One endpoint or consumer over time, past the thousands of others.
            models.Index(
                fields=["subject", "resolution", "start"],
                name="metric_rollup_of_subject",
                condition=models.Q(family__in=["endpoint", "consumer"]),
            ),
            # What is too old to be kept, in all services.
            models.Index(fields=["resolution", "start"], name="metric_rollup_by_age"),
        ]

    def __str__(self) -> str:
        return f"{self.family} {self.subject} {self.resolution} {self.start}"


class MetricFold(models.Model):
    """How far the days of a service are added up to longer spans: all of these that end by `until` are whole.

    Without a row there are none, and days are read instead.
    """

    service = models.OneToOneField(Service, models.CASCADE, primary_key=True, related_name="+")
    until = models.DateTimeField()
    # Since when all hours of consumers are there, where they are kept longer than usual; see
    # monitor.metrics.hours.
    hours_from = models.DateTimeField(null=True)

    class Meta:
        db_table = "metric_fold"

    def __str__(self) -> str:
        return f"{self.service_id} until {self.until}"
