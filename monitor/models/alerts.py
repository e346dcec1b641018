"""Rules that are judged on every log or every minute over windows, and what they found and told."""

from datetime import datetime, timedelta
from typing import Self

from django.db import models
from django.db.models.expressions import RawSQL

from monitor.lib.actors import Actor
from monitor.lib.ids import new_uuid7, uuid7_floor
from monitor.models.services import Endpoint, Service

MOST_COUNTED = 1000
MIN_WINDOW_S, MAX_WINDOW_S = 60, 24 * 3600
DEFAULT_APDEX_MS = 500.0
DEFAULT_COOLDOWN_S = 300
DEFAULT_DEVIATIONS = 3.0
DEFAULT_PERIOD_DAYS = 30
MIN_PERIOD_DAYS, MAX_PERIOD_DAYS = 7, 90
MAX_NOTES_CHARS = 4000


class RuleKind(models.TextChoices):
    """What a rule looks at: each log as it comes, all requests of a window, or what was not there before."""

    LOG = "log", "Each request"
    METRIC = "metric", "A number over a window"
    ABSENCE = "absence", "No requests"
    SILENCE = "silence", "No process reports"
    BASELINE = "baseline", "Out of the usual"
    SLO = "slo", "An objective"
    NEW_ENDPOINT = "new_endpoint", "A new endpoint"
    NEW_ERROR = "new_error", "A new error"


# These say by themselves how long nothing may come.
OF_NOTHING = frozenset({RuleKind.ABSENCE, RuleKind.SILENCE})
# These tell each thing once and have no states.
OF_NEWS = frozenset({RuleKind.NEW_ENDPOINT, RuleKind.NEW_ERROR})
NOT_OF_WINDOWS = OF_NEWS | {RuleKind.LOG}


class Measure(models.TextChoices):
    P50 = "p50_latency", "p50 latency"
    P95 = "p95_latency", "p95 latency"
    P99 = "p99_latency", "p99 latency"
    ERROR_RATE = "error_rate", "error rate"
    ERROR_COUNT = "error_count", "error count"
    REQUEST_COUNT = "request_count", "request count"
    STATUS_SHARE = "status_share", "share of a status class"
    SLOW_SHARE = "slow_share", "share of slow requests"
    APDEX = "apdex", "Apdex"


class Direction(models.TextChoices):
    ABOVE = "above", "above"
    BELOW = "below", "below"
    # Of a band alone.
    BOTH = "both", "above or below"


class Per(models.TextChoices):
    """What a rule is judged for one by one, each with a state of its own."""

    ENDPOINT = "endpoint", "endpoint"
    CONSUMER = "consumer", "consumer"
    ENVIRONMENT = "environment", "environment"


class Severity(models.TextChoices):
    INFO = "info", "Info"
    WARNING = "warning", "Warning"
    CRITICAL = "critical", "Critical"


class EventKind(models.TextChoices):
    """What an event tells. A match is of one log, news of what came for the first time; the others are of a
    window."""

    MATCH = "match", "A request matched"
    FIRING = "firing", "Firing"
    REMINDER = "reminder", "Still firing"
    RESOLVED = "resolved", "Resolved"
    ERROR = "error", "Could not be judged"
    DIGEST = "digest", "More than could be told"
    NEWS = "news", "New"


class ConditionField(models.TextChoices):
    STATUS_CODE = "status_code", "Status code"
    LATENCY_MS = "latency_ms", "Latency (ms)"
    ERROR = "error", "Error reported"


class ConditionOperator(models.TextChoices):
    GREATER_OR_EQUAL = ">=", ">="
    LESS_OR_EQUAL = "<=", "<="
    EQUAL = "==", "=="
    NOT_EQUAL = "!=", "!="
    GREATER = ">", ">"
    LESS = "<", "<"


# How such an error of a rule begins.
COULD_NOT_TELL = "Could not be told: "


class AlertRuleQuerySet(models.QuerySet["AlertRule"]):
    def visible_to(self, actor: Actor) -> Self:
        return self.filter(service__in=Service.objects.visible_to(actor))

    def of_windows(self) -> Self:
        """The rules that are judged every minute, of services that are there."""
        return self.exclude(kind__in=NOT_OF_WINDOWS).filter(is_active=True, service__deleted_at=None)

    def awake(self) -> Self:
        """Those that are not paused, of services that are there."""
        return self.filter(is_active=True, service__deleted_at=None)

    def with_activity(self, since: datetime) -> Self:
        """Adds `last_fired_at`, and `recent_events`: how many since then, counted up to MOST_COUNTED.

        A rule that every request matches has millions; its page should not wait for the exact number.
        """
        newest = AlertEvent.objects.filter(rule=models.OuterRef("pk")).order_by("-id")
        recent = RawSQL(
            "(SELECT count(*) FROM (SELECT 1 FROM alert_event"
            " WHERE rule_id = alert_rule.id AND id >= %s LIMIT %s) recent)",
            [uuid7_floor(since), MOST_COUNTED],
            output_field=models.IntegerField(),
        )
        return self.annotate(
            last_fired_at=models.Subquery(newest.values("triggered_at")[:1]), recent_events=recent
        )


class AlertRule(models.Model):
    id = models.UUIDField(primary_key=True, default=new_uuid7, editable=False)
    service = models.ForeignKey(Service, models.CASCADE, related_name="alert_rules")
    name = models.CharField(max_length=128)
    description = models.CharField(max_length=512, blank=True, default="")
    kind = models.CharField(max_length=16, choices=RuleKind, default=RuleKind.LOG, db_default=RuleKind.LOG)
    # Of kind `log`; empty in all others.
    condition_field = models.CharField(max_length=16, choices=ConditionField, blank=True, default="")
    condition_operator = models.CharField(max_length=2, choices=ConditionOperator, blank=True, default="")
    condition_value = models.CharField(max_length=64, blank=True, default="")
    # Of the kinds that look at windows. Rates and shares are per cent, latencies milliseconds.
    measure = models.CharField(max_length=16, choices=Measure, blank=True, default="", db_default="")
    status_class = models.CharField(max_length=3, blank=True, default="", db_default="")
    apdex_ms = models.FloatField(default=DEFAULT_APDEX_MS, db_default=DEFAULT_APDEX_MS)
    direction = models.CharField(max_length=5, choices=Direction, blank=True, default="", db_default="")
    threshold = models.FloatField(null=True, blank=True)
    window_s = models.PositiveIntegerField(null=True, blank=True)
    # Of a baseline: how many deviations from the usual are out of it.
    deviations = models.FloatField(default=DEFAULT_DEVIATIONS, db_default=DEFAULT_DEVIATIONS)
    # Of an objective: per cent of the requests of so many days.
    target = models.FloatField(null=True, blank=True)
    period_days = models.PositiveSmallIntegerField(
        default=DEFAULT_PERIOD_DAYS, db_default=DEFAULT_PERIOD_DAYS
    )
    # How long it must be so before it fires, and how many requests a window needs to be judged.
    for_s = models.PositiveIntegerField(default=0, db_default=0)
    min_requests = models.PositiveIntegerField(default=0, db_default=0)
    # Which requests of the service: all that are not narrowed here.
    endpoint = models.ForeignKey(Endpoint, models.CASCADE, null=True, blank=True, related_name="+")
    consumer = models.CharField(max_length=128, blank=True, default="", db_default="")
    environment = models.CharField(max_length=64, blank=True, default="", db_default="")
    tag = models.CharField(max_length=128, blank=True, default="", db_default="")
    per = models.CharField(max_length=16, choices=Per, blank=True, default="", db_default="")
    # What is told of it, and how often.
    severity = models.CharField(
        max_length=8, choices=Severity, default=Severity.WARNING, db_default=Severity.WARNING
    )
    runbook_url = models.CharField("runbook URL", max_length=2048, blank=True, default="", db_default="")
    notes = models.TextField(max_length=MAX_NOTES_CHARS, blank=True, default="", db_default="")
    # A group that fires again so soon after it was told is not told again until then.
    cooldown_s = models.PositiveIntegerField(default=DEFAULT_COOLDOWN_S, db_default=DEFAULT_COOLDOWN_S)
    # While it fires, it is told again this often; never when 0.
    remind_s = models.PositiveIntegerField(default=0, db_default=0)
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField(auto_now_add=True)
    # Why the rule could not be judged, when it last could not: shown to its owners, blocks nothing.
    last_error = models.CharField(max_length=512, blank=True, default="", editable=False)
    last_error_at = models.DateTimeField(null=True, blank=True, editable=False)

    objects = AlertRuleQuerySet.as_manager()

    class Meta:
        db_table = "alert_rule"
        constraints = [
            models.CheckConstraint(
                condition=models.Q(condition_field__in=ConditionField.values)
                | ~models.Q(kind=RuleKind.LOG) & models.Q(condition_field=""),
                name="alert_rule_field_known",
            ),
            models.CheckConstraint(
                condition=models.Q(condition_operator__in=ConditionOperator.values)
                | ~models.Q(kind=RuleKind.LOG) & models.Q(condition_operator=""),
                name="alert_rule_operator_known",
            ),
            models.CheckConstraint(
                condition=models.Q(window_s=None) | models.Q(window_s__range=(MIN_WINDOW_S, MAX_WINDOW_S)),
                name="alert_rule_window_in_range",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_of_windows(self) -> bool:
        return self.kind not in NOT_OF_WINDOWS

    @property
    def is_of_news(self) -> bool:
        return self.kind in OF_NEWS

    @property
    def is_untold(self) -> bool:
        """Whether its error is that it could not be told of, which judging it well does not mend."""
        return self.last_error.startswith(COULD_NOT_TELL)

    @property
    def has_groups(self) -> bool:
        """Whether it has several states: one for each of what it is split by, or for each kind of burn."""
        return bool(self.per) or self.kind == RuleKind.SLO

    @property
    def window(self) -> timedelta:
        return timedelta(seconds=self.window_s or 0)

    @property
    def condition(self) -> str:
        """When it fires, in a few words."""
        if self.kind == RuleKind.LOG:
            return f"{self.condition_field} {self.condition_operator} {self.condition_value}"
        return sentence_of(self)


class AlertRuleChange(models.Model):
    """When the rules of a service last changed, as a number that says nothing but whether they did.

    Written by triggers alone. A table of its own: in the service's row, whoever saves a service would put
    an old number back.
    """

    service_id = models.UUIDField(primary_key=True, editable=False)
    number = models.BigIntegerField()

    class Meta:
        db_table = "alert_rule_change"

    def __str__(self) -> str:
        return f"rules of {self.service_id}"


class AlertEvent(models.Model):
    """A rule that matched a log, or something that a rule of windows told.

    Copies what it needs to stay readable after the log has aged out.
    """

    id = models.UUIDField(primary_key=True, default=new_uuid7, editable=False)
    rule = models.ForeignKey(AlertRule, models.CASCADE, related_name="events")
    # Null unless it is a match.
    log_id = models.UUIDField(db_index=True, null=True)
    kind = models.CharField(
        max_length=16, choices=EventKind, default=EventKind.MATCH, db_default=EventKind.MATCH
    )
    # Which group of the rule: empty for the whole.
    group = models.CharField(max_length=300, blank=True, default="", db_default="")
    value = models.FloatField(null=True)
    since = models.DateTimeField(null=True)
    until = models.DateTimeField(null=True)
    message = models.CharField(max_length=1024)
    triggered_at = models.DateTimeField()
    # Kept, but not told: the budget of the hour was spent.
    is_held = models.BooleanField(default=False, db_default=False)

    class Meta:
        db_table = "alert_event"
        indexes = [models.Index(fields=["rule", "-id"], name="alert_event_newest_of_rule")]

    def __str__(self) -> str:
        return self.message


def sentence_of(rule: AlertRule) -> str:
    """`p95 latency above 800 ms over 5 min, at least 20 requests, per consumer`."""
    parts = [_what(rule)]
    narrowed = [str(rule.endpoint)] if rule.endpoint_id else []
    narrowed += [
        f"{name} {value}"
        for name, value in (
            ("consumer", rule.consumer),
            ("environment", rule.environment),
            ("tag", rule.tag),
        )
        if value
    ]
    parts += [f"of {' and '.join(narrowed)}"] if narrowed else []
    if rule.kind not in OF_NOTHING and rule.window_s:
        parts.append(f"over {length_text(rule.window_s)}")
    text = " ".join(parts)
    if rule.for_s:
        text += f", for {length_text(rule.for_s)}"
    if rule.min_requests:
        text += f", at least {rule.min_requests:,} requests"
    return text + (f", per {rule.per}" if rule.per else "")


def _what(rule: AlertRule) -> str:
    if rule.kind == RuleKind.NEW_ENDPOINT:
        return "an endpoint is called or listed for the first time"
    if rule.kind == RuleKind.NEW_ERROR:
        return "requests fail in a new way, or again in one that was resolved"
    if rule.kind == RuleKind.ABSENCE:
        return f"no requests for {length_text(rule.window_s or 0)}"
    if rule.kind == RuleKind.SILENCE:
        return f"no process reported for {length_text(rule.window_s or 0)}"
    if rule.kind == RuleKind.SLO:
        good = f"within {rule.apdex_ms:g} ms" if rule.measure == Measure.SLOW_SHARE else "without an error"
        return f"{rule.target:.6g} % {good} in {rule.period_days} days, burning too fast"
    name = measure_text(rule)
    if rule.kind == RuleKind.BASELINE:
        side = "outside" if rule.direction == Direction.BOTH else rule.direction
        return f"{name} {side} its usual band ({rule.deviations:g} deviations)"
    return f"{name} {rule.direction} {value_text(rule.measure, rule.threshold)}"


def measure_text(rule: AlertRule) -> str:
    """What is measured, with what it is measured by."""
    if rule.measure == Measure.STATUS_SHARE:
        return f"{rule.status_class} share"
    if rule.measure == Measure.APDEX:
        return f"Apdex ({rule.apdex_ms:g} ms)"
    if rule.measure == Measure.SLOW_SHARE:
        return f"share slower than {rule.apdex_ms:g} ms"
    return str(Measure(rule.measure).label)


UNITS = {
    Measure.P50: " ms",
    Measure.P95: " ms",
    Measure.P99: " ms",
    Measure.ERROR_RATE: " %",
    Measure.STATUS_SHARE: " %",
    Measure.SLOW_SHARE: " %",
}


def value_text(measure: str, value: float | None) -> str:
    """A value of this measure with its unit, in as many digits as say something."""
    if value is None:
        return "nothing"
    told = f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
    return told + (UNITS.get(Measure(measure), "") if measure else "")


def length_text(seconds: int) -> str:
    """`90 s`, `5 min`, `24 h`."""
    for unit, name in ((3600, "h"), (60, "min")):
        if seconds and seconds % unit == 0:
            return f"{seconds // unit} {name}"
    return f"{seconds} s"
