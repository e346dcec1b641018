"""Error issues: requests that failed in the same way, told as one thing that somebody can see to."""

from datetime import datetime
from typing import Self

from django.contrib.postgres.fields import ArrayField
from django.db import models

from monitor.lib.actors import Actor
from monitor.lib.ids import new_uuid7
from monitor.models.keys import Mode
from monitor.models.services import Consumer, Endpoint, Service

MAX_FIELD_CHARS = 200
MAX_MESSAGE_CHARS = 300


class IssueKind(models.TextChoices):
    VALIDATION = "validation", "Validation"
    SERVER = "server", "Server error"


class IssueState(models.TextChoices):
    OPEN = "open", "Open"
    ACKNOWLEDGED = "acknowledged", "Acknowledged"
    RESOLVED = "resolved", "Resolved"
    MUTED = "muted", "Muted"
    # Resolved, and then it came back. Nobody sets this by hand.
    REGRESSED = "regressed", "Regressed"


class ErrorArrival(models.Model):
    """The ids of the logs of one transaction that may belong to issues; written with them, and gone once
    they are grouped."""

    id = models.BigAutoField(primary_key=True)
    # 16 bytes a log, spelled by monitor.models.arrivals.
    ids = models.BinaryField()

    class Meta:
        db_table = "error_arrival"

    def __str__(self) -> str:
        return f"arrival {self.pk}"


class ErrorIssueQuerySet(models.QuerySet["ErrorIssue"]):
    def visible_to(self, actor: Actor) -> Self:
        return self.filter(service__in=Service.objects.visible_to(actor))


class ErrorIssue(models.Model):
    """One way in which requests to one endpoint fail.

    `message` has no numbers, ids, quoted values and addresses in it: what is left is the same for all.
    `endpoint` is null for the issue that stands for all beyond a service's cap.
    """

    id = models.UUIDField(primary_key=True, default=new_uuid7, editable=False)
    service = models.ForeignKey(Service, models.CASCADE, db_index=False, related_name="error_issues")
    endpoint = models.ForeignKey(Endpoint, models.CASCADE, null=True, related_name="error_issues")
    mode = models.CharField(max_length=4, choices=Mode)
    kind = models.CharField(max_length=10, choices=IssueKind)
    # Of kind, field and message, as hexadecimal digits.
    fingerprint = models.CharField(max_length=32)
    field = models.CharField(max_length=MAX_FIELD_CHARS, blank=True, default="")
    message = models.CharField(max_length=MAX_MESSAGE_CHARS)
    # Whether a client counted them; such an issue has no samples.
    is_reported = models.BooleanField(default=False, db_default=False)
    requests = models.BigIntegerField(default=0)
    # Distinct ones among those who named themselves.
    consumers = models.IntegerField(default=0)
    first_seen_at = models.DateTimeField()
    last_seen_at = models.DateTimeField()
    # Ids of logs: the newest ones, newest first. Logs age out sooner than issues.
    samples = ArrayField(models.UUIDField(), default=list)
    state = models.CharField(max_length=12, choices=IssueState, default=IssueState.OPEN)
    # Null as long as it is as it was found. `by` is an actor's label, empty when it changed by itself.
    state_changed_at = models.DateTimeField(null=True)
    state_changed_by = models.CharField(max_length=200, blank=True, default="")
    # Muted until it counts so many requests; null: until somebody opens it.
    muted_until_requests = models.BigIntegerField(null=True)
    # When alert rules took note of it; until then it is news, and again when it has come back.
    noticed_at = models.DateTimeField(null=True)

    objects = ErrorIssueQuerySet.as_manager()

    class Meta:
        db_table = "error_issue"
        indexes = [
            models.Index(fields=["service", "-last_seen_at"], name="error_issue_newest_of_service"),
            models.Index(fields=["id"], condition=models.Q(noticed_at=None), name="error_issue_is_news"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["service", "endpoint", "mode", "fingerprint"],
                name="error_issue_once",
                nulls_distinct=False,
            ),
            models.CheckConstraint(
                condition=models.Q(state__in=IssueState.values), name="error_issue_state_known"
            ),
            models.CheckConstraint(
                condition=models.Q(muted_until_requests=None) | models.Q(state=IssueState.MUTED),
                name="error_issue_only_muted_waits",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.field}: {self.message}" if self.field else self.message

    def count(self, requests: int, *, first: datetime, last: datetime) -> None:
        """Take in more requests, and let the state follow.

        A resolved issue has come back when a request failed after that; one that failed before and was
        only reported late is counted and changes nothing.
        """
        self.requests += requests
        self.first_seen_at = min(self.first_seen_at, first)
        self.last_seen_at = max(self.last_seen_at, last)
        if self.state == IssueState.RESOLVED and self.state_changed_at and last > self.state_changed_at:
            self.turn(IssueState.REGRESSED, at=last)
            self.noticed_at = None
        waits_for = self.muted_until_requests
        if self.state == IssueState.MUTED and waits_for is not None and self.requests >= waits_for:
            self.turn(IssueState.OPEN, at=last)

    def turn(self, state: str, *, at: datetime, by: str = "", muted_until: int | None = None) -> None:
        self.state = state
        self.state_changed_at = at
        self.state_changed_by = by
        self.muted_until_requests = muted_until


class ErrorIssueHour(models.Model):
    """How many requests of an issue happened within an hour."""

    pk = models.CompositePrimaryKey("issue", "start")
    issue = models.ForeignKey(ErrorIssue, models.CASCADE, db_index=False, related_name="hours")
    start = models.DateTimeField()
    requests = models.BigIntegerField()

    class Meta:
        db_table = "error_issue_hour"
        indexes = [models.Index(fields=["start"], name="error_issue_hour_by_age")]

    def __str__(self) -> str:
        return f"{self.start:%Y-%m-%d %H}: {self.requests}"


class ErrorIssueConsumer(models.Model):
    """A consumer that an issue has met."""

    pk = models.CompositePrimaryKey("issue", "consumer")
    issue = models.ForeignKey(ErrorIssue, models.CASCADE, db_index=False, related_name="affected")
    consumer = models.ForeignKey(Consumer, models.CASCADE, related_name="+")
    requests = models.BigIntegerField()
    last_seen_at = models.DateTimeField()

    class Meta:
        db_table = "error_issue_consumer"

    def __str__(self) -> str:
        return f"{self.consumer_id}: {self.requests}"
