"""Bring the monitors of another program in: those whose names are new, and a report of each."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from monitor.lib.as_code import BadDocument
from monitor.models import Organization, PushTarget
from monitor.monitors.as_yaml import make_so, monitors_of, plan_of
from monitor.monitors.kuma import Brought, read_backup
from monitor.monitors.ties import join_groups
from monitor.probing import BadConfig
from monitor.push.keys import token_from


@dataclass(frozen=True, kw_only=True)
class Told:
    """What came of one monitor: `taken`, `changed` (taken, and not quite the same) or `left out`."""

    name: str
    kind: str
    outcome: str
    notes: tuple[str, ...] = ()


def bring_kuma(
    organization: Organization, text: str | bytes, *, now: datetime, is_dry_run: bool = False
) -> list[Told]:
    """The monitors of an Uptime Kuma's backup: what commands, API and page call. Raises BadBackup."""
    return bring(organization, read_backup(text), now=now, is_dry_run=is_dry_run)


@transaction.atomic
def bring(
    organization: Organization, backup: list[Brought], *, now: datetime, is_dry_run: bool = False
) -> list[Told]:
    """Make them, or with `is_dry_run` only say what would come of each. One that cannot be made is left
    out; the others come."""
    told: list[Told] = []
    there = set(monitors_of(organization))
    groups = {each.name for each in backup if each.said is not None and each.said["kind"] == "group"}
    made = []
    for each in backup:
        said = each.said
        if said is not None and said.get("parent") not in groups:
            said.pop("parent", None)
        if said is not None and each.name in there:
            told.append(left_out(each, "A monitor of this name is here already."))
            continue
        if said is None:
            told.append(left_out(each))
            continue
        try:
            # The group may come later in the file, so it is joined when all are there.
            alone = {name: value for name, value in said.items() if name != "parent"}
            (change,) = plan_of(organization, {each.name: alone}, environment={})
            with transaction.atomic():
                make_so(organization, change, now=now)
                keep_token(organization, each)
        except BadDocument as error:
            told.append(left_out(each, str(error).removeprefix(f"{each.name}: ")))
            continue
        except BadConfig as error:
            told.append(left_out(each, error.message))
            continue
        made.append((change, str(said.get("parent") or "")))
        told.append(
            Told(
                name=each.name,
                kind=each.kind,
                outcome="changed" if each.notes else "taken",
                notes=tuple(each.notes),
            )
        )
    parents = {change.name: parent for change, parent in made if parent}
    join_groups(monitors_of(organization), parents, now=now)
    if is_dry_run:
        transaction.set_rollback(True)
    return told


def left_out(each: Brought, why: str = "") -> Told:
    notes = (why,) if why else tuple(each.notes)
    return Told(name=each.name, kind=each.kind, outcome="left out", notes=notes)


def keep_token(organization: Organization, each: Brought) -> None:
    """What pings Kuma today pings us with the same token, unless another monitor has it."""
    if not each.push_token:
        return
    token = token_from(each.push_token)
    if PushTarget.objects.filter(token=token).exists():
        each.notes.append("Its push token is taken: it has a new address.")
        return
    PushTarget.objects.filter(monitor__organization=organization, monitor__name=each.name).update(token=token)


def counts_of(told: list[Told]) -> Mapping[str, int]:
    """How many were taken, changed and left out."""
    return {word: sum(each.outcome == word for each in told) for word in ("taken", "changed", "left out")}
