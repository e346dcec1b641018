"""What is checked from outside, how it stands, and every check that was made.

Settings change by hand and standings with each check, so they are two tables: a check must not write the
wide row anew. A check's due row is a third, one for each region.
"""

from datetime import datetime
from typing import Self
from uuid import UUID

from django.contrib.postgres.fields import ArrayField
from django.db import models

from monitor.lib.actors import Actor, Scope
from monitor.lib.ids import new_uuid7, uuid7_floor
from monitor.lib.masking import MASK
from monitor.models.services import Service
from monitor.models.tenants import Organization

MIN_INTERVAL_S, MAX_INTERVAL_S = 5, 31 * 86_400
# A journey may take its time; all else is over much sooner.
MAX_TIMEOUT_S = 300
MAX_RETRIES = 100
MAX_TAGS = 32
MAX_TAG_CHARACTERS = 64
# What is set of a monitor of any kind: said by API and files, copied, and changed for many at once.
SETTINGS = (
    "interval_s",
    "timeout_s",
    "max_retries",
    "retry_interval_s",
    "recovery_successes",
    "degraded_ms",
    "reminder_minutes",
    "most_reminders",
    "regions",
    "down_regions",
    "tags",
    "watches_domain",
)
# How many of the newest checks a standing carries for the bars of lists.
RECENT_BEATS = 60


class BeatState(models.IntegerChoices):
    """As in monitor.monitors.states, which knows no tables."""

    DOWN = 0, "Down"
    UP = 1, "Up"
    PENDING = 2, "Pending"
    MAINTENANCE = 3, "Maintenance"
    NO_DATA = 4, "No data"


class ExpiringThing(models.TextChoices):
    CERTIFICATE = "certificate", "Certificate"
    DOMAIN = "domain", "Domain"


class MonitorTag(models.Model):
    """A word that monitors of an organization carry; their own `tags` say which do."""

    id = models.UUIDField(primary_key=True, default=new_uuid7, editable=False)
    organization = models.ForeignKey(Organization, models.CASCADE, related_name="monitor_tags")
    name = models.CharField(max_length=MAX_TAG_CHARACTERS)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        db_table = "monitor_tag"
        constraints = [
            models.UniqueConstraint(fields=["organization", "name"], name="monitor_tag_once"),
        ]

    def __str__(self) -> str:
        return self.name


class MonitorProxy(models.Model):
    """A way out that several monitors take."""

    id = models.UUIDField(primary_key=True, default=new_uuid7, editable=False)
    organization = models.ForeignKey(Organization, models.CASCADE, related_name="monitor_proxies")
    name = models.CharField(max_length=128)
    # http://host:port, socks5:// or socks5h://; the login stands beside it.
    url = models.CharField(max_length=512)
    username = models.CharField(max_length=255, blank=True, default="")
    # The password; null without one.
    sealed = models.BinaryField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        db_table = "monitor_proxy"
        verbose_name_plural = "monitor proxies"
        constraints = [
            models.UniqueConstraint(fields=["organization", "name"], name="monitor_proxy_named_once"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def password(self) -> str:
        """As it may be shown: the mask, or empty without one."""
        return MASK if self.sealed is not None else ""


class MonitorQuerySet(models.QuerySet["Monitor"]):
    def within_reach_of(self, actor: Actor, scope: Scope = Scope.READ) -> Self:
        """Every monitor of the organizations the actor holds the scope in."""
        return self.filter(organization__in=actor.organizations(scope))

    def visible_to(self, actor: Actor) -> Self:
        """The monitors an actor's lists show: a service's own key sees those tied to it."""
        monitors = self.within_reach_of(actor)
        return monitors if actor.service_id is None else monitors.filter(service=actor.service_id)


class Monitor(models.Model):
    """Something to check: what, how often, and how patiently."""

    id = models.UUIDField(primary_key=True, default=new_uuid7, editable=False)
    organization = models.ForeignKey(Organization, models.CASCADE, related_name="monitors")
    # An outage then shows the requests that were logged at that time.
    service = models.ForeignKey(Service, models.SET_NULL, null=True, blank=True, related_name="monitors")
    # The group whose state this one's is part of.
    parent = models.ForeignKey("self", models.SET_NULL, null=True, blank=True, related_name="children")
    # Removed with the organization they share, and never while it is needed: checks would go out without.
    proxy = models.ForeignKey(MonitorProxy, models.RESTRICT, null=True, blank=True, related_name="monitors")
    name = models.CharField(max_length=128)
    description = models.CharField(max_length=512, blank=True, default="")
    kind = models.CharField(max_length=16)
    # The kind's options, secrets masked; `sealed` holds all of them when there are secrets.
    config = models.JSONField(default=dict)
    sealed = models.BinaryField(null=True)
    is_active = models.BooleanField(default=True)
    interval_s = models.PositiveIntegerField(default=60)
    timeout_s = models.PositiveSmallIntegerField(default=20)
    max_retries = models.PositiveSmallIntegerField(default=0)
    retry_interval_s = models.PositiveIntegerField(default=20)
    recovery_successes = models.PositiveSmallIntegerField(default=1)
    # Slower than this is degraded; null: never.
    degraded_ms = models.PositiveIntegerField(null=True, blank=True)
    # Reminders of an outage: how far apart, and how many. 0 sends none.
    reminder_minutes = models.PositiveIntegerField(default=0)
    most_reminders = models.PositiveSmallIntegerField(default=3)
    # Where to check from; empty: anywhere, once. Down when this many of them say so.
    regions = ArrayField(models.CharField(max_length=32), blank=True, default=list)
    down_regions = models.PositiveSmallIntegerField(default=1)
    tags = ArrayField(models.CharField(max_length=64), blank=True, default=list)
    # Whether the registration of its domain is looked up, and its end told.
    watches_domain = models.BooleanField(default=False, db_default=False)
    # While one of these is down, nobody is told that this one is.
    depends_on = models.ManyToManyField("self", symmetrical=False, blank=True, related_name="dependents")
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = MonitorQuerySet.as_manager()

    class Meta:
        db_table = "monitor"
        indexes = [
            models.Index(fields=["organization", "-id"], name="monitor_of_organization"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(interval_s__range=(MIN_INTERVAL_S, MAX_INTERVAL_S)),
                name="monitor_interval_in_range",
            ),
            models.CheckConstraint(
                condition=models.Q(timeout_s__range=(1, MAX_TIMEOUT_S)), name="monitor_timeout_in_range"
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def depends_on_ids(self) -> list[UUID]:
        return sorted(monitor.id for monitor in self.depends_on.all())


class MonitorBadge(models.Model):
    """What opens a monitor's badges to anybody: random, so that it says nothing of the monitor."""

    monitor = models.OneToOneField(Monitor, models.CASCADE, primary_key=True, related_name="badge")
    key = models.CharField(max_length=32, unique=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        db_table = "monitor_badge"

    def __str__(self) -> str:
        return f"badge of {self.monitor_id}"


class MonitorExpiry(models.Model):
    """What was told of the end of a certificate, or of a domain's registration."""

    monitor = models.ForeignKey(Monitor, models.CASCADE, related_name="expiries")
    what = models.CharField(max_length=16, choices=ExpiringThing)
    # The end that was told of; another one is another certificate, and told anew.
    until = models.DateTimeField(null=True)
    # The fewest days left that were told of.
    told_days = models.SmallIntegerField(null=True)
    # When the registry was asked last, and what was wrong.
    asked_at = models.DateTimeField(null=True)
    problem = models.CharField(max_length=200, default="")

    class Meta:
        db_table = "monitor_expiry"
        constraints = [
            models.UniqueConstraint(fields=["monitor", "what"], name="monitor_expiry_once_of_a_kind")
        ]

    def __str__(self) -> str:
        return f"{self.what} of {self.monitor_id}"


class MonitorStanding(models.Model):
    """How a monitor stands after its newest check: the state machine's memory, and the bars of lists."""

    monitor = models.OneToOneField(Monitor, models.CASCADE, primary_key=True, related_name="standing")
    # Null before the first check that said something; else DOWN, UP or PENDING.
    state = models.SmallIntegerField(choices=BeatState, null=True)
    is_degraded = models.BooleanField(default=False)
    in_maintenance = models.BooleanField(default=False)
    is_flapping = models.BooleanField(default=False)
    retries = models.PositiveIntegerField(default=0)
    successes = models.PositiveIntegerField(default=0)
    down_since = models.DateTimeField(null=True)
    # Since when the state is what it is.
    since = models.DateTimeField(null=True)
    last_notified_state = models.SmallIntegerField(choices=BeatState, null=True)
    last_notified_at = models.DateTimeField(null=True)
    reminders = models.PositiveIntegerField(default=0)
    changes = ArrayField(models.DateTimeField(), default=list)
    # The newest check, and the newest that said something of the target.
    last_beat_at = models.DateTimeField(null=True)
    last_known_at = models.DateTimeField(null=True)
    message = models.CharField(max_length=512, default="")
    response_ms = models.FloatField(null=True)
    certificate_until = models.DateTimeField(null=True)
    domain_until = models.DateTimeField(null=True)
    # The newest checks, packed: see monitor.monitors.recent.
    recent = models.BinaryField(default=b"")
    # Since when no check came though one was due; the watchdog writes it.
    silent_since = models.DateTimeField(null=True)

    class Meta:
        db_table = "monitor_standing"

    def __str__(self) -> str:
        return f"standing of {self.monitor_id}"


class MonitorCheck(models.Model):
    """When a monitor is next due in a region. Taking it moves `next_check_at` to the end of the lease, so a
    prober that dies leaves nothing to clean up: the check is due again by itself."""

    id = models.UUIDField(primary_key=True, default=new_uuid7, editable=False)
    monitor = models.ForeignKey(Monitor, models.CASCADE, related_name="checks")
    # Empty: any prober.
    region = models.CharField(max_length=32, default="")
    is_active = models.BooleanField(default=True)
    next_check_at = models.DateTimeField()
    # What `next_check_at` was when it was taken, and by which claim; null while nobody has it.
    planned_at = models.DateTimeField(null=True)
    claim = models.UUIDField(null=True)
    checked_at = models.DateTimeField(null=True)
    is_failing = models.BooleanField(null=True)

    class Meta:
        db_table = "monitor_check"
        indexes = [
            models.Index(
                fields=["next_check_at"], name="monitor_check_due", condition=models.Q(is_active=True)
            )
        ]
        constraints = [
            models.UniqueConstraint(fields=["monitor", "region"], name="monitor_check_once_per_region")
        ]

    def __str__(self) -> str:
        return f"check of {self.monitor_id}"


class BeatQuerySet(models.QuerySet["Beat"]):
    def within(self, since: datetime, until: datetime) -> Self:
        """Beats from `since` up to, not including, `until`; whole milliseconds."""
        return self.filter(id__gte=uuid7_floor(since), id__lt=uuid7_floor(until))


class Beat(models.Model):
    """One check. Its id carries the moment; the table is partitioned by day over it, as logs are."""

    id = models.UUIDField(primary_key=True, editable=False)
    # No constraint in the database: each beat would lock its monitor's row.
    monitor = models.ForeignKey(Monitor, models.DO_NOTHING, db_constraint=False, db_index=False)
    state = models.SmallIntegerField(choices=BeatState)
    is_important = models.BooleanField(default=False)
    is_degraded = models.BooleanField(default=False)
    retries = models.SmallIntegerField(default=0)
    region = models.CharField(max_length=32, default="")
    response_ms = models.FloatField(null=True)
    # Milliseconds of resolve, connect, TLS, wait and transfer; null where a phase did not happen.
    phases_ms = ArrayField(models.FloatField(null=True), null=True)
    message = models.CharField(max_length=512, default="")
    # Redirects, failed assertions, the answer: masked, capped and packed; see monitor.lib.payload.
    detail = models.BinaryField(null=True)

    objects = BeatQuerySet.as_manager()

    class Meta:
        db_table = "beat"
        indexes = [
            models.Index(fields=["monitor", "-id"], name="beat_of_monitor"),
            models.Index(
                fields=["monitor", "-id"], name="beat_important", condition=models.Q(is_important=True)
            ),
        ]

    def __str__(self) -> str:
        return f"beat of {self.monitor_id}"


class MonitorSpan(models.Model):
    """How long a monitor was in which state within a span of time, in milliseconds, and how quickly it
    answered: `response_ms` is the sum over `answers`."""

    up_ms = models.BigIntegerField(default=0)
    down_ms = models.BigIntegerField(default=0)
    maintenance_ms = models.BigIntegerField(default=0)
    checks = models.IntegerField(default=0)
    failures = models.IntegerField(default=0)
    answers = models.IntegerField(default=0)
    response_ms = models.FloatField(default=0)

    class Meta:
        abstract = True


class MonitorHour(MonitorSpan):
    """Counted as checks are kept."""

    pk = models.CompositePrimaryKey("monitor_id", "hour")
    monitor = models.ForeignKey(Monitor, models.CASCADE, related_name="hours", db_index=False)
    hour = models.DateTimeField()

    class Meta:
        db_table = "monitor_hour"
        # Days are folded, and hours let go, by time.
        indexes = [models.Index(fields=["hour"], name="monitor_hour_by_time")]

    def __str__(self) -> str:
        return f"{self.hour:%Y-%m-%d %H}:00 of {self.monitor_id}"


class MonitorDay(MonitorSpan):
    """The hours of a day (UTC) added up, with how the answers were spread; see monitor.monitors.folding."""

    pk = models.CompositePrimaryKey("monitor_id", "day")
    monitor = models.ForeignKey(Monitor, models.CASCADE, related_name="days", db_index=False)
    day = models.DateField()
    # Buckets of monitor.lib.histogram that hold answers of checks that found it up, and how many each; null
    # where the single checks were let go before the day was folded.
    buckets = ArrayField(models.SmallIntegerField(), null=True)
    counts = ArrayField(models.IntegerField(), null=True)

    class Meta:
        db_table = "monitor_day"
        indexes = [models.Index(fields=["day"], name="monitor_day_by_time")]

    def __str__(self) -> str:
        return f"{self.day} of {self.monitor_id}"


class MonitorEvent(models.Model):
    """A change of state that people are told of. Its id carries the moment."""

    id = models.UUIDField(primary_key=True, editable=False)
    monitor = models.ForeignKey(Monitor, models.CASCADE, related_name="events", db_index=False)
    notice = models.CharField(max_length=16)
    state = models.SmallIntegerField(choices=BeatState)
    message = models.CharField(max_length=512, default="")
    outage_s = models.FloatField(null=True)
    beat_id = models.UUIDField()
    happened_at = models.DateTimeField()

    class Meta:
        db_table = "monitor_event"
        indexes = [models.Index(fields=["monitor", "-id"], name="monitor_event_of_monitor")]

    def __str__(self) -> str:
        return f"{self.notice} at {self.happened_at:%Y-%m-%d %H:%M}"
