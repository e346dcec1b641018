"""Which requests of a service are not kept, and how many each rule dropped.

Rules are rows, for people; and a list in the service's row, which comes with every key, for ingestion.
Processes that know a key take up a change within the seconds for which they remember it.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from django.db import transaction

from monitor.lib.counting import EXCLUDED_BY_RULE, LEFT_OUT_BY_RULE
from monitor.lib.exclusions import Exclusion
from monitor.lib.path_rules import BadPattern, expression_of
from monitor.models import Counter, ExclusionRule, Service
from monitor.models.services import ExclusionKind

MAX_RULES = 50
NAMES = (EXCLUDED_BY_RULE, LEFT_OUT_BY_RULE)
# A shorter part would be found in nearly every agent.
LEAST_AGENT_CHARS = 3
# What load balancers, orchestrators and browsers ask for by themselves.
USUAL = (
    *((ExclusionKind.PATH, path) for path in ("/health", "/healthz", "/health/*", "/ready", "/readyz")),
    *((ExclusionKind.PATH, path) for path in ("/live", "/livez", "/ping", "/heartbeat")),
    *((ExclusionKind.PATH, path) for path in ("/favicon.ico", "/robots.txt")),
    *((ExclusionKind.USER_AGENT, agent) for agent in ("kube-probe", "ELB-HealthChecker", "GoogleHC")),
    *((ExclusionKind.USER_AGENT, agent) for agent in ("Consul Health Check", "UptimeRobot")),
)


class BadRule(Exception):
    """Why there can be no such rule."""


class RuleTaken(BadRule):
    """There is such a rule already."""

    def __init__(self) -> None:
        super().__init__("The service has this rule already.")


@dataclass(frozen=True, kw_only=True)
class CountedRule:
    """A rule, and what it dropped so far; the last seconds may be missing.

    `dropped` are logs, `dropped_counts` requests that clients counted: they may be the same requests.
    """

    rule: ExclusionRule
    dropped: int
    dropped_counts: int = 0


def rules_of(service: Service) -> list[CountedRule]:
    """The oldest first."""
    rules = list(ExclusionRule.objects.filter(service=service).order_by("id"))
    counters = Counter.objects.filter(name__in=NAMES, labels__in=[str(rule.id) for rule in rules])
    counts = {
        (name, labels): int(value) for name, labels, value in counters.values_list("name", "labels", "value")
    }
    return [
        CountedRule(
            rule=rule,
            dropped=counts.get((EXCLUDED_BY_RULE, str(rule.id)), 0),
            dropped_counts=counts.get((LEFT_OUT_BY_RULE, str(rule.id)), 0),
        )
        for rule in rules
    ]


@transaction.atomic
def add_rule(service: Service, *, kind: str, pattern: str, by: str) -> ExclusionRule:
    """A new rule. Raises RuleTaken and BadRule."""
    pattern = tidy(kind, pattern)
    service = Service.objects.select_for_update(no_key=True).get(id=service.id)
    there = ExclusionRule.objects.filter(service=service)
    if there.filter(kind=kind, pattern=pattern).exists():
        raise RuleTaken
    if there.count() >= MAX_RULES:
        raise BadRule(f"A service has at most {MAX_RULES} rules.")
    rule = ExclusionRule.objects.create(service=service, kind=kind, pattern=pattern, created_by=by)
    write_down(service)
    return rule


@transaction.atomic
def add_usual(service: Service, *, by: str) -> int:
    """The usual rules that are missing. Gives how many were; as many as there is room for."""
    there = set(ExclusionRule.objects.filter(service=service).values_list("kind", "pattern"))
    missing = [pair for pair in USUAL if (pair[0].value, pair[1]) not in there][: MAX_RULES - len(there)]
    for kind, pattern in missing:
        add_rule(service, kind=kind.value, pattern=pattern, by=by)
    return len(missing)


@transaction.atomic
def remove_rule(rule: ExclusionRule) -> None:
    service = Service.objects.select_for_update(no_key=True).get(id=rule.service_id)
    forget_counts([rule.id])
    ExclusionRule.objects.filter(id=rule.id).delete()
    write_down(service)


def write_down(service: Service) -> None:
    """The rules as ingestion reads them. The caller has locked the service."""
    rules = ExclusionRule.objects.filter(service=service).order_by("id")
    service.exclusions = [Exclusion(id=str(rule.id), kind=rule.kind, pattern=rule.pattern) for rule in rules]
    service.save(update_fields=["exclusions"])


def forget_counts(rule_ids: Iterable[UUID]) -> None:
    Counter.objects.filter(name__in=NAMES, labels__in=[str(id_) for id_ in rule_ids]).delete()


def tidy(kind: str, pattern: str) -> str:
    """The pattern as it is kept. Raises BadRule."""
    pattern = pattern.strip()
    if kind == ExclusionKind.PATH:
        try:
            expression_of(pattern)
        except BadPattern as error:
            raise BadRule(str(error)) from None
    elif len(pattern) < LEAST_AGENT_CHARS or not pattern.isprintable():
        raise BadRule(f"Give a part of the user agent, {LEAST_AGENT_CHARS} characters at least.")
    return pattern
