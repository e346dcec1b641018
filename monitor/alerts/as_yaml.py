"""Rules as YAML: told, held against what there is, and made so.

A rule is known by its service's name and its own. What is said is judged by the API's serializer.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from monitor.alerts.api import HYGIENE, AlertRuleSerializer
from monitor.alerts.definitions import SPOKEN, default_of
from monitor.alerts.ending import remove_rule
from monitor.alerts.states import begin_anew
from monitor.api.forms import sentences
from monitor.lib import as_code
from monitor.lib.as_code import BadDocument, Problem, listed, written
from monitor.models import AlertRule, Endpoint, Organization, Service
from monitor.models.alerts import RuleKind

COMMON = ("description", *HYGIENE, "is_active")
Said = dict[str, Any]
BadRules = BadDocument
Name = tuple[str, str]


class BadRule(ValueError):
    """What is at fault with one rule, by field."""

    def __init__(self, fields: Mapping[str, str]) -> None:
        super().__init__("; ".join(fields.values()))
        self.fields = fields


@dataclass(frozen=True, kw_only=True)
class Change(as_code.Change):
    """What applying would do to one rule."""

    service: str
    rule: AlertRule | None = None
    judge: Any = None

    @property
    def whole_name(self) -> str:
        return f"{self.service} / {self.name}"


# --- Telling -----------------------------------------------------------------------------------------------


def export(organization: Organization, *, service_id: UUID | None = None) -> str:
    """All rules of an organization's services, or of one, in the order of their names; what is as usual is
    left out."""
    rules = rules_of(services_of(organization, service_id))
    return written("rules", [said_of(rule) for rule in rules.values()])


def services_of(organization: Organization, service_id: UUID | None) -> dict[str, Service]:
    """By name, all of the organization or the one."""
    found = Service.objects.alive().filter(organization=organization)
    if service_id is not None:
        found = found.filter(id=service_id)
    return {service.name: service for service in found}


def rules_of(services: Mapping[str, Service]) -> dict[Name, AlertRule]:
    """By service and name. Of several of one name the oldest; the others are none that a file could mean."""
    rules = AlertRule.objects.filter(service__in=services.values())
    named: dict[Name, AlertRule] = {}
    for rule in rules.select_related("service", "endpoint").order_by("service__name", "name", "id"):
        named.setdefault((rule.service.name, rule.name), rule)
    return named


def said_of(rule: AlertRule) -> Said:
    """The rule in plain words."""
    said: Said = {"service": rule.service.name, "name": rule.name, "kind": str(rule.kind)}
    for name in (*SPOKEN[rule.kind], *COMMON):
        value = getattr(rule, name)
        if value != usual(name):
            said["endpoint" if name == "endpoint_id" else name] = (
                str(rule.endpoint) if name == "endpoint_id" else value
            )
    return said


def usual(name: str) -> Any:
    return default_of(name)


# --- Planning ----------------------------------------------------------------------------------------------


def plan(
    organization: Organization, text: str, *, prune: bool = False, service_id: UUID | None = None
) -> list[Change]:
    """What is to be done so that the rules are as the text says. Raises BadRules.

    With `prune`, rules that it does not name go. With a `service_id` there are no other services.
    """
    said = read(text)
    services = services_of(organization, service_id)
    there = rules_of(services)
    changes: list[Change] = []
    problems: list[Problem] = []
    for place, (name, rule) in enumerate(said.items()):
        try:
            changes += change_of(services.get(name[0]), there.get(name), rule)
        except BadRule as error:
            problems += problems_at(place, name, error)
    if problems:
        raise BadRules(problems=problems)
    if prune:
        changes += [
            Change(action="remove", service=name[0], name=name[1], rule=rule)
            for name, rule in there.items()
            if name not in said
        ]
    return changes


def read(text: str) -> dict[Name, Said]:
    """The rules of the text by their names. Raises BadRules."""
    named: dict[Name, Said] = {}
    problems: list[Problem] = []
    for place, rule in enumerate(listed(text, "rules")):
        name = (str(rule.get("service", "")), str(rule.get("name", "")))
        if not all(name):
            missing = "name" if name[0] else "service"
            message = "Each rule has a 'service' and a 'name'."
            problems += problems_at(place, name, BadRule({missing: message}))
        elif name in named:
            problems += problems_at(place, name, BadRule({"name": "This rule is there twice."}))
        named[name] = rule
    if problems:
        raise BadRules(problems=problems)
    return named


def problems_at(place: int, name: Name, error: BadRule) -> list[Problem]:
    whole_name = " / ".join(each for each in name if each)
    return [
        Problem(place=place, name=whole_name, field=field, message=message)
        for field, message in error.fields.items()
    ]


def change_of(service: Service | None, rule: AlertRule | None, said: Said) -> Sequence[Change]:
    """What makes the rule so: one change or none. Raises BadRule."""
    if service is None:
        raise BadRule({"service": "There is no such service."})
    kind = said.get("kind", RuleKind.LOG.value)
    if not isinstance(kind, str) or kind not in SPOKEN:
        raise BadRule({"kind": f"There is no kind {kind!r}."})
    spoken = {"service", "name", "kind", "endpoint", *SPOKEN[kind], *COMMON}
    if unknown := sorted(str(each) for each in said.keys() - spoken):
        raise BadRule({each: f"A rule of kind '{kind}' does not speak of {each}." for each in unknown})
    wanted = wanted_of(service, kind, said)
    if rule is not None and rule.kind != kind:
        raise BadRule({"kind": "A rule stays of its kind: give it another name."})
    judge = AlertRuleSerializer(
        rule,
        data={**wanted, "service_id": str(service.id), "name": said["name"], "kind": kind},
        partial=rule is not None,
    )
    if not judge.is_valid():
        raise BadRule({name: " ".join(sentences(why)) for name, why in judge.errors.items()})
    differing = dict(differences(rule, judge.validated_data, wanted))
    if rule is not None and not differing:
        return []
    action = "create" if rule is None else "update"
    return [
        Change(
            action=action, service=service.name, name=said["name"], fields=differing, rule=rule, judge=judge
        )
    ]


def wanted_of(service: Service, kind: str, said: Said) -> Said:
    """Each field of the kind, as said or as usual. Raises BadRule."""
    wanted = {name: said.get(name, usual(name)) for name in (*SPOKEN[kind], *COMMON)}
    if said.get("endpoint"):
        method, _, route = str(said["endpoint"]).partition(" ")
        endpoint = Endpoint.objects.filter(service=service, method=method, route=route).first()
        if endpoint is None:
            raise BadRule({"endpoint": f"{service.name} has no endpoint {said['endpoint']}."})
        wanted["endpoint_id"] = str(endpoint.id)
    return wanted


def differences(rule: AlertRule | None, judged: Mapping[str, Any], wanted: Said) -> Iterator[Any]:
    """Each field that changes, with what it was and will be."""
    for name in wanted:
        before = getattr(rule, name) if rule is not None else usual(name)
        after = judged.get(name, wanted[name])
        if before != after:
            yield name, (before, after)


# --- Applying ----------------------------------------------------------------------------------------------


@transaction.atomic
def apply(
    organization: Organization, text: str, *, prune: bool = False, service_id: UUID | None = None
) -> list[Change]:
    """Do what `plan` says, all of it or nothing. Gives what was done. Raises BadRules."""
    changes, now = plan(organization, text, prune=prune, service_id=service_id), timezone.now()
    for change in changes:
        if change.action == "remove" and change.rule is not None:
            remove_rule(change.rule, now=now)
        elif change.rule is not None:
            begin_anew(change.judge.save(last_error="", last_error_at=None), change.fields, now=now)
        else:
            change.judge.save()
    return changes
