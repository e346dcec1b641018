"""Monitors as YAML: told, held against what there is, and made so.

A monitor is known by its name. What is said is judged by the API's serializer; secrets are named, never told.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
from django.db import models, transaction

from monitor.api.forms import sentences
from monitor.api.option_forms import defaults_of
from monitor.lib import as_code
from monitor.lib.as_code import BadDocument, listed, written
from monitor.lib.secrets import CannotOpen
from monitor.models import Monitor, MonitorProxy, Organization, Service
from monitor.models.monitors import SETTINGS
from monitor.monitors.config import filled, whole_config
from monitor.monitors.references import Names, followed, referring
from monitor.monitors.register import (
    change_monitor,
    check_proxy,
    check_times,
    make_monitor,
    remove_monitor,
    set_active,
    settle_interval,
)
from monitor.monitors.serializers import MonitorSerializer
from monitor.monitors.ties import Said, join_groups, join_needs, kept_needs_of, needs_of, problems_of
from monitor.probing import BadConfig, Kind, kind_named

FIELDS = ("description", "is_active", *SETTINGS)
SPOKEN = frozenset({"name", "kind", "service", "parent", "proxy", "depends_on", "config", *FIELDS})


@dataclass(frozen=True, kw_only=True)
class Change(as_code.Change):
    """What applying would do to one monitor. `wanted` are its fields, `config` its whole options."""

    monitor: Monitor | None = None
    kind: str = ""
    wanted: Mapping[str, Any] | None = None
    config: Mapping[str, Any] | None = None
    service: Service | None = None
    proxy: MonitorProxy | None = None
    parent: str = ""
    depends_on: Sequence[str] = ()


# --- Telling -----------------------------------------------------------------------------------------------


def export(organization: Organization) -> str:
    """All monitors of an organization in the order of their names; what is as usual is left out."""
    names = Names()
    return written("monitors", [said_of(each, names) for each in monitors_of(organization).values()])


def monitors_of(organization: Organization) -> dict[str, Monitor]:
    """By name. Of several of one name the oldest; the others are none that a file could mean."""
    found = Monitor.objects.filter(organization=organization).select_related("service", "parent", "proxy")
    named: dict[str, Monitor] = {}
    for monitor in found.prefetch_related("depends_on").order_by("name", "id"):
        named.setdefault(monitor.name, monitor)
    return named


def of_one_name(organization: Organization) -> list[str]:
    """The names that several monitors have."""
    named = Monitor.objects.filter(organization=organization).values("name").alias(number=models.Count("id"))
    return list(named.filter(number__gt=1).order_by("name").values_list("name", flat=True))


def said_of(monitor: Monitor, names: Names) -> Said:
    """The monitor in plain words, with names for its secrets."""
    said: Said = {"name": monitor.name, "kind": monitor.kind}
    if monitor.service is not None:
        said["service"] = monitor.service.name
    if monitor.parent is not None:
        said["parent"] = monitor.parent.name
    if monitor.proxy is not None:
        said["proxy"] = monitor.proxy.name
    if needs := kept_needs_of(monitor):
        said["depends_on"] = needs
    config = unusual(monitor.config, as_kept(defaults_of(kind_named(monitor.kind).options)))
    if config:
        said["config"] = referring(config, names, monitor.name)
    for name in FIELDS:
        if (value := getattr(monitor, name)) != usual(name):
            said[name] = value
    return said


def unusual(config: Mapping[str, Any], defaults: Mapping[str, Any]) -> Said:
    """The options that are not as they are when nothing is said."""
    found: Said = {}
    for name, value in config.items():
        default = defaults.get(name)
        if isinstance(value, Mapping) and isinstance(default, Mapping):
            if inner := unusual(value, default):
                found[name] = inner
        elif name not in defaults or value != default:
            found[name] = value
    return found


def usual(name: str) -> Any:
    field = Monitor._meta.get_field(name)
    return field.get_default() if isinstance(field, models.Field) else None


# --- Planning ----------------------------------------------------------------------------------------------


def plan(
    organization: Organization, text: str, *, environment: Mapping[str, str], prune: bool = False
) -> list[Change]:
    """What is to be done so that the monitors are as the text says. Raises BadDocument.

    `environment` holds the secrets; one that it lacks stays as it is kept. With `prune`, monitors that the
    text does not name go.
    """
    return plan_of(organization, read(text), environment=environment, prune=prune)


def plan_of(
    organization: Organization,
    said: Mapping[str, Said],
    *,
    environment: Mapping[str, str],
    prune: bool = False,
) -> list[Change]:
    """The plan for what a file said. Raises BadDocument."""
    there = monitors_of(organization)
    proxies = {each.name: each for each in MonitorProxy.objects.filter(organization=organization)}
    services = {each.name: each for each in Service.objects.alive().filter(organization=organization)}
    stay = {name: each for name, each in there.items() if name in said} if prune else there
    problems = list(problems_of(said, stay))
    changes: list[Change] = []
    for name, each in said.items():
        try:
            changes += change_of(organization, there.get(name), each, services, proxies, environment)
        except BadDocument as error:
            problems.append(f"{name}: {error}")
    if problems:
        raise BadDocument("\n".join(problems))
    if prune:
        changes += [
            Change(action="remove", name=name, monitor=monitor)
            for name, monitor in there.items()
            if name not in said
        ]
    return changes


def read(text: str) -> dict[str, Said]:
    """The monitors of the text by their names. Raises BadDocument."""
    named: dict[str, Said] = {}
    for monitor in listed(text, "monitors"):
        name = str(monitor.get("name") or "")
        if not name:
            raise BadDocument("Each monitor has a 'name'.")
        if name in named:
            raise BadDocument(f"{name} is there twice.")
        named[name] = {**monitor, "name": name}
    return named


def change_of(
    organization: Organization,
    monitor: Monitor | None,
    said: Said,
    services: Mapping[str, Service],
    proxies: Mapping[str, MonitorProxy],
    environment: Mapping[str, str],
) -> list[Change]:
    """What makes the monitor so: one change or none. Raises BadDocument."""
    if unknown := {str(each) for each in said} - SPOKEN:
        raise BadDocument(f"a monitor does not speak of {', '.join(sorted(unknown))}.")
    kind = kind_of(monitor, said)
    if said.get("service") and said["service"] not in services:
        raise BadDocument(f"there is no service {said['service']!r}.")
    if said.get("proxy") and said["proxy"] not in proxies:
        raise BadDocument(f"there is no proxy {said['proxy']!r}.")
    config = config_of(monitor, kind, said, environment)
    wanted = judged(organization, monitor, kind, said)
    proxy = proxies.get(said.get("proxy") or "")
    draft = Monitor(organization=organization, kind=kind.name, config=config, proxy=proxy, **wanted)
    try:
        settle_interval(draft)
        wanted["interval_s"] = draft.interval_s
        check_times(draft)
        check_proxy(draft)
    except BadConfig as error:
        raise BadDocument(f"{error.field}: {error.message}") from None
    change = Change(
        action="create" if monitor is None else "update",
        name=said["name"],
        fields=dict(differences(monitor, kind, wanted, config, said)),
        monitor=monitor,
        kind=kind.name,
        wanted=wanted,
        config=config,
        service=services.get(said.get("service") or ""),
        proxy=proxy,
        parent=str(said.get("parent") or ""),
        depends_on=needs_of(said),
    )
    return [] if monitor is not None and not change.fields else [change]


def kind_of(monitor: Monitor | None, said: Said) -> Kind:
    try:
        kind = kind_named(str(said.get("kind", "http")))
    except BadConfig as error:
        raise BadDocument(f"kind: {error.message}") from None
    if monitor is not None and monitor.kind != kind.name:
        raise BadDocument("a monitor stays of its kind: give it another name.")
    return kind


def config_of(
    monitor: Monitor | None, kind: Kind, said: Said, environment: Mapping[str, str]
) -> dict[str, Any]:
    """The whole options, secrets included. Raises BadDocument."""
    given = said.get("config") or {}
    if not isinstance(given, dict):
        raise BadDocument("'config' names options.")
    missing: set[str] = set()
    config = followed(given, environment, missing)
    try:
        if monitor is not None and missing:
            # What is shown is compared with what is kept, all defaults included.
            config = as_kept(kind.plain(kind.read(config)))
        return as_kept(filled(config, kind=kind, monitor=monitor))
    except BadConfig as error:
        place = f"config.{error.field}: " if error.field else "config: "
        if missing:
            raise BadDocument(f"{place}the environment has no {', '.join(sorted(missing))}.") from None
        raise BadDocument(f"{place}{error.message}") from None


def as_kept(config: Mapping[str, Any]) -> dict[str, Any]:
    """The options as JSON keeps them, so that they compare with those that are."""
    return msgspec.json.decode(msgspec.json.encode(config), type=dict[str, Any])


def judged(organization: Organization, monitor: Monitor | None, kind: Kind, said: Said) -> dict[str, Any]:
    """Each field as said or as usual. Raises BadDocument."""
    wanted = {name: said.get(name, usual(name)) for name in FIELDS}
    judge = MonitorSerializer(monitor, data={**wanted, "name": said["name"]}, partial=True)
    # Of a new one the kind's options were judged before, with their secrets.
    judge.fields["name"].required = True
    if monitor is None:
        judge.instance = Monitor(organization=organization, kind=kind.name)
    if not judge.is_valid():
        raise BadDocument(
            "; ".join(f"{name}: {' '.join(sentences(why))}" for name, why in judge.errors.items())
        )
    return dict(judge.validated_data)


def differences(
    monitor: Monitor | None,
    kind: Kind,
    wanted: Mapping[str, Any],
    config: Mapping[str, Any],
    said: Said,
) -> Iterator[tuple[str, tuple[Any, Any]]]:
    """Each field that changes, with what it was and will be; secrets as their masks."""
    before = {
        "service": monitor.service.name if monitor and monitor.service else None,
        "parent": monitor.parent.name if monitor and monitor.parent else None,
        "proxy": monitor.proxy.name if monitor and monitor.proxy else None,
        "depends_on": kept_needs_of(monitor) if monitor else [],
    } | {name: getattr(monitor, name) if monitor else usual(name) for name in FIELDS}
    after = {
        **{name: said.get(name) or None for name in ("service", "parent", "proxy")},
        "depends_on": needs_of(said),
        **wanted,
    }
    yield from ((name, (old, after[name])) for name, old in before.items() if old != after[name])
    kept = kept_config(monitor) if monitor else as_kept(defaults_of(kind.options))
    shown_before, shown_after = kind.masked(kept), kind.masked(config)
    for name in config:
        if kept.get(name) != config[name]:
            yield f"config.{name}", (shown_before.get(name), shown_after[name])


def kept_config(monitor: Monitor) -> Mapping[str, Any]:
    try:
        return whole_config(monitor)
    except CannotOpen:
        return dict(monitor.config)


# --- Applying ----------------------------------------------------------------------------------------------


@transaction.atomic
def apply(
    organization: Organization,
    text: str,
    *,
    environment: Mapping[str, str],
    now: datetime,
    prune: bool = False,
) -> list[Change]:
    """Do what `plan` says, all of it or nothing. Gives what was done. Raises BadDocument."""
    changes = plan(organization, text, environment=environment, prune=prune)
    problems: list[str] = []
    for change in changes:
        try:
            make_so(organization, change, now=now)
        except BadConfig as error:
            problems.append(f"{change.name}: {error.field}: {error.message}")
    if problems:
        raise BadDocument("\n".join(problems))
    join(organization, [change for change in changes if change.action != "remove"], now=now)
    return changes


def join(organization: Organization, changes: Sequence[Change], *, now: datetime) -> None:
    """Groups and dependencies, now that all of them are there. Raises BadDocument."""
    there = monitors_of(organization)
    join_groups(there, {change.name: change.parent for change in changes}, now=now)
    try:
        join_needs(
            there, {change.name: change.depends_on for change in changes if "depends_on" in change.fields}
        )
    except BadConfig as error:
        raise BadDocument(f"{error.field}: {error.message}") from None


def make_so(organization: Organization, change: Change, *, now: datetime) -> None:
    """One change, but for its group and what it depends on, which may come later. Raises BadConfig."""
    monitor, fields = change.monitor, dict(change.wanted or {})
    if change.action == "remove" and monitor is not None:
        remove_monitor(monitor, now=now)
    elif monitor is None:
        made = Monitor(
            organization=organization, kind=change.kind, service=change.service, proxy=change.proxy, **fields
        )
        make_monitor(made, change.config or {}, now=now)
    else:
        is_active = fields.pop("is_active")
        config = change.config if any(name.startswith("config.") for name in change.fields) else None
        change_monitor(monitor, {**fields, "service": change.service, "proxy": change.proxy}, config, now=now)
        set_active([monitor], is_active=is_active, now=now)
