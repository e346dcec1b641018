"""What is observed: services, their endpoints, and the consumers that call them."""

from datetime import date, datetime, timedelta
from typing import Self

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.core.cache import cache
from django.db import models
from django.db.models.functions import Coalesce

from monitor.lib.actors import Actor, Scope
from monitor.lib.ids import new_uuid7
from monitor.models.retention import MAX_RETENTION_DAYS, MIN_RETENTION_DAYS, Retention
from monitor.models.tenants import RETENTION_LIMITS, Organization

# Where requests go once a service has as many endpoints, or an organization as many consumers, as it may.
OTHER = "(other)"
# Searches ask on every call; a retention that was made longer shows to other processes this much later.
LONGEST_CHOSEN = "longest_chosen_retention"
LONGEST_CHOSEN_MAX_AGE_S = 30


class KeepBodies(models.TextChoices):
    ALL = "all", "All requests"
    ERRORS = "errors", "Only requests that failed"
    NONE = "none", "None"


class ServiceQuerySet(models.QuerySet["Service"]):
    def alive(self) -> Self:
        return self.filter(deleted_at=None)

    def in_order_of_choice(self) -> Self:
        """By name, and our own API last: few mean it."""
        return self.order_by("is_own", "name", "id")

    def within_reach_of(self, actor: Actor, scope: Scope = Scope.READ) -> Self:
        """Every service of the organizations the actor holds the scope in."""
        return self.alive().filter(organization__in=actor.organizations(scope))

    def visible_to(self, actor: Actor, *, own: bool = False) -> Self:
        """The services an actor's lists show: a service's own key sees that one alone.

        `own`: with the one that holds calls of this API, which would mix with what services report.
        """
        services = self.within_reach_of(actor)
        if not own:
            services = services.filter(is_own=False)
        return services if actor.service_id is None else services.filter(id=actor.service_id)

    def longest_chosen_retention(self) -> int:
        """The most days that any service or its organization asks for, 0 when none does."""
        asked = ("retention_days", "error_retention_days")
        longest = self.alive().aggregate(
            *(models.Max(name, default=0) for name in asked),
            *(models.Max(f"organization__{name}", default=0) for name in asked),
        )
        return int(max(longest.values()))

    def with_retention(self) -> Self:
        """With what `retention` reads."""
        return self.select_related("organization")

    def oldest_whole_day(self, today: date) -> date:
        """The oldest day of which none of these has lost a log to its age."""
        days = Coalesce("retention_days", "organization__retention_days", settings.RETENTION_DAYS)
        return today - timedelta(days=self.aggregate(days=models.Min(days))["days"] or 0)


class Service(models.Model):
    id = models.UUIDField(primary_key=True, default=new_uuid7, editable=False)
    organization = models.ForeignKey(Organization, models.CASCADE, related_name="services")
    name = models.CharField(max_length=128)
    description = models.CharField(max_length=512, blank=True, default="")
    base_url = models.CharField("base URL", max_length=2048, blank=True, default="")
    keep_bodies = models.CharField(max_length=8, choices=KeepBodies, default=KeepBodies.ALL)
    # Origins (scheme, host, port) that a replay may go to, beside the base URL's own.
    replay_origins = ArrayField(models.CharField(max_length=300), blank=True, default=list)
    # Null: as the organization says, and RETENTION_DAYS where it says nothing. Errors: null, or at least as
    # long as everything else.
    retention_days = models.PositiveSmallIntegerField(null=True, blank=True, validators=RETENTION_LIMITS)
    error_retention_days = models.PositiveSmallIntegerField(
        null=True, blank=True, validators=RETENTION_LIMITS
    )
    # Paths that are endpoints of their own, as monitor.lib.path_rules reads them: here, so that they come to
    # ingestion with the service's key and cost nothing where there are none.
    path_rules = models.JSONField(
        default=list, db_default=models.Value([], models.JSONField()), editable=False
    )
    # The exclusion rules below, as monitor.lib.exclusions reads them; here for the same reason.
    exclusions = models.JSONField(
        default=list, db_default=models.Value([], models.JSONField()), editable=False
    )
    # The one that holds the organization's own calls of this API; made by monitor.own.
    is_own = models.BooleanField(default=False, db_default=False, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    # Set at once when the service is removed; a task then removes what hangs on it, logs included.
    deleted_at = models.DateTimeField(null=True, blank=True, editable=False)

    objects = ServiceQuerySet.as_manager()

    class Meta:
        db_table = "service"
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "name"],
                condition=models.Q(deleted_at=None),
                name="service_name_once_per_organization",
            ),
            models.UniqueConstraint(
                fields=["organization"],
                condition=models.Q(deleted_at=None, is_own=True),
                name="own_service_once_per_organization",
            ),
            models.CheckConstraint(
                condition=models.Q(keep_bodies__in=KeepBodies.values), name="service_keep_bodies_known"
            ),
            models.CheckConstraint(
                condition=models.Q(retention_days=None)
                | models.Q(retention_days__range=(MIN_RETENTION_DAYS, MAX_RETENTION_DAYS)),
                name="service_retention_in_range",
            ),
            models.CheckConstraint(
                condition=models.Q(error_retention_days=None)
                | models.Q(error_retention_days__range=(MIN_RETENTION_DAYS, MAX_RETENTION_DAYS)),
                name="service_error_retention_in_range",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def retention(self) -> Retention:
        """How long this service's logs are kept: as it asks, else as its organization does, else as the
        installation is set."""
        whole = self.organization
        days = self.retention_days or whole.retention_days or settings.RETENTION_DAYS
        error_days = self.error_retention_days or whole.error_retention_days or 0
        return Retention(days=days, error_days=max(days, error_days))

    def mark_deleted(self, *, now: datetime) -> None:
        self.deleted_at = now
        self.save(update_fields=["deleted_at"])


def longest_retention_days() -> int:
    """Days beside today's in which any log may lie that is still kept; a little stale, see above.

    Never less than the default: a day too many costs a search nothing.
    """
    chosen = cache.get(LONGEST_CHOSEN)
    if chosen is None:
        chosen = Service.objects.longest_chosen_retention()
        cache.set(LONGEST_CHOSEN, chosen, LONGEST_CHOSEN_MAX_AGE_S)
    return max(int(chosen), settings.RETENTION_DAYS)


def forget_longest_retention() -> None:
    """Look again at the next call, after a service's retention was changed."""
    cache.delete(LONGEST_CHOSEN)


class EndpointQuerySet(models.QuerySet["Endpoint"]):
    def standing(self) -> Self:
        """Without those that are only another name of one."""
        return self.filter(merged_into=None)


class Endpoint(models.Model):
    """A method and a route template of one service, as the sender named it or as inferred from paths.

    One that was merged stays as another name of the endpoint it went into: senders go on using it.
    """

    id = models.UUIDField(primary_key=True, default=new_uuid7, editable=False)
    service = models.ForeignKey(Service, models.CASCADE, related_name="endpoints")
    method = models.CharField(max_length=16)
    route = models.CharField(max_length=256)
    first_seen_at = models.DateTimeField()
    # When the application last listed it among its paths; endpoints so known may never have been called.
    declared_at = models.DateTimeField(null=True, blank=True)
    # Never one that is merged itself.
    merged_into = models.ForeignKey("self", models.CASCADE, null=True, related_name="other_names")
    # When alert rules took note of it; until then it is news.
    noticed_at = models.DateTimeField(null=True, blank=True, editable=False)

    objects = EndpointQuerySet.as_manager()

    class Meta:
        db_table = "endpoint"
        indexes = [models.Index(fields=["id"], condition=models.Q(noticed_at=None), name="endpoint_is_news")]
        constraints = [
            models.UniqueConstraint(fields=["service", "method", "route"], name="endpoint_once_per_service")
        ]

    def __str__(self) -> str:
        return f"{self.method} {self.route}"


class ExclusionKind(models.TextChoices):
    PATH = "path", "Path"
    USER_AGENT = "user_agent", "User agent"


class ExclusionRule(models.Model):
    """Requests of a service that are not kept. What each dropped is a Counter, as nothing is written for a
    request that is not kept."""

    id = models.UUIDField(primary_key=True, default=new_uuid7, editable=False)
    service = models.ForeignKey(Service, models.CASCADE, related_name="exclusion_rules")
    kind = models.CharField(max_length=10, choices=ExclusionKind)
    pattern = models.CharField(max_length=256)
    created_at = models.DateTimeField(auto_now_add=True)
    created_by = models.CharField(max_length=200, editable=False)

    class Meta:
        db_table = "exclusion_rule"
        constraints = [
            models.UniqueConstraint(fields=["service", "kind", "pattern"], name="exclusion_rule_once"),
            models.CheckConstraint(
                condition=models.Q(kind__in=ExclusionKind.values), name="exclusion_rule_kind_known"
            ),
        ]

    def __str__(self) -> str:
        return self.pattern


class EndpointMove(models.Model):
    """The logs and numbers of one endpoint on their way into another: all of them, or those of some paths."""

    id = models.UUIDField(primary_key=True, default=new_uuid7, editable=False)
    service = models.ForeignKey(Service, models.CASCADE, related_name="+")
    source = models.ForeignKey(Endpoint, models.CASCADE, related_name="+")
    target = models.ForeignKey(Endpoint, models.CASCADE, related_name="+")
    # Empty: all. Else logs of this method whose path is like this.
    method = models.CharField(max_length=16, blank=True, default="")
    pattern = models.CharField(max_length=256, blank=True, default="")
    asked_by = models.CharField(max_length=200)
    asked_at = models.DateTimeField()
    # When the last look, after every process has let the old name go, found nothing more.
    finished_at = models.DateTimeField(null=True)
    logs = models.BigIntegerField(default=0)

    class Meta:
        db_table = "endpoint_move"

    def __str__(self) -> str:
        return f"{self.source_id} into {self.target_id}"


class ConsumerQuerySet(models.QuerySet["Consumer"]):
    def visible_to(self, actor: Actor, scope: Scope = Scope.READ) -> Self:
        return self.filter(organization__in=actor.organizations(scope))

    def remembered(self) -> Self:
        return self.filter(forgotten_at=None)


class Consumer(models.Model):
    """Who calls: made on first sight of an identifier in a log."""

    id = models.UUIDField(primary_key=True, default=new_uuid7, editable=False)
    organization = models.ForeignKey(Organization, models.CASCADE, related_name="consumers")
    identifier = models.CharField(max_length=128)
    name = models.CharField(max_length=128, blank=True, default="")
    group = models.CharField(max_length=64, blank=True, default="")
    first_seen_at = models.DateTimeField()
    # Left out of lists, and counted all the same.
    is_hidden = models.BooleanField("hidden", default=False, db_default=False)
    # Since then nothing tells who it was; see ConsumerErasure.
    forgotten_at = models.DateTimeField(null=True, blank=True, editable=False)

    objects = ConsumerQuerySet.as_manager()

    class Meta:
        db_table = "consumer"
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "identifier"], name="consumer_once_per_organization"
            )
        ]

    def __str__(self) -> str:
        return self.name or self.identifier


class ConsumerErasure(models.Model):
    """The receipt of a consumer who was forgotten: what was erased and when, and not who it was."""

    id = models.UUIDField(primary_key=True, default=new_uuid7, editable=False)
    consumer = models.OneToOneField(Consumer, models.CASCADE, related_name="erasure")
    asked_by = models.CharField(max_length=200)
    asked_at = models.DateTimeField()
    # When the last look, after every process has let the name go, found nothing more.
    finished_at = models.DateTimeField(null=True)
    logs = models.BigIntegerField(default=0)
    payloads = models.BigIntegerField(default=0)
    replays = models.BigIntegerField(default=0)
    # Of how many logs each: what they held of their caller, and where they named it.
    addresses = models.BigIntegerField(default=0, db_default=0)
    queries = models.BigIntegerField(default=0, db_default=0)
    paths = models.BigIntegerField(default=0, db_default=0)
    error_texts = models.BigIntegerField(default=0, db_default=0)
    tags = models.BigIntegerField(default=0, db_default=0)
    # Of what people set up, and of routes: how many lost the name; those that hold it and are of others, too.
    views = models.BigIntegerField(default=0, db_default=0)
    routes = models.BigIntegerField(default=0, db_default=0)
    path_rules = models.BigIntegerField(default=0, db_default=0)
    routes_left = models.BigIntegerField(default=0, db_default=0)
    # What is looked for, sealed, and null once the last look is done.
    sealed_names = models.BinaryField(null=True)

    class Meta:
        db_table = "consumer_erasure"

    def __str__(self) -> str:
        return f"erasure of {self.asked_at:%Y-%m-%d}"
