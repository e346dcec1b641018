"""How the monitors of a file hang together, by name: the group each is part of, and what it depends on."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from monitor.models import Monitor
from monitor.monitors.groups import look_again_at_groups
from monitor.monitors.register import put_dependencies
from monitor.monitors.serializers import MAX_DEPENDENCIES

Said = dict[str, Any]


def needs_of(said: Mapping[str, Any]) -> list[str]:
    """The names of what it says to depend on; one may stand alone."""
    given = said.get("depends_on") or []
    return sorted({str(each) for each in (given if isinstance(given, list) else [given])})


def kept_needs_of(monitor: Monitor) -> list[str]:
    return sorted({each.name for each in monitor.depends_on.all()})


def problems_of(said: Mapping[str, Said], there: Mapping[str, Monitor]) -> Iterator[str]:
    """What cannot be joined, in a line each. `there` are those that will still be there."""
    yield from parent_problems(said, there)
    yield from need_problems(said, there)


def parent_problems(said: Mapping[str, Said], there: Mapping[str, Monitor]) -> Iterator[str]:
    """Parents that are no groups, or that would be part of themselves."""
    kinds = {name: monitor.kind for name, monitor in there.items()}
    kinds |= {name: str(each.get("kind", "http")) for name, each in said.items()}
    above = {name: monitor.parent.name for name, monitor in there.items() if monitor.parent is not None}
    above |= {name: str(each.get("parent") or "") for name, each in said.items()}
    for name in said:
        parent, passed = above[name], {name}
        if parent and kinds.get(parent) != "group":
            yield f"{name}: {parent} is no group."
            continue
        while parent:
            if parent in passed:
                yield f"{name}: a group cannot be part of itself."
                break
            passed.add(parent)
            parent = above.get(parent, "")


def need_problems(said: Mapping[str, Said], there: Mapping[str, Monitor]) -> Iterator[str]:
    """Dependencies on nobody, on too many, and in a ring."""
    below = {name: kept_needs_of(monitor) for name, monitor in there.items()}
    below |= {name: needs_of(each) for name, each in said.items()}
    for name in said:
        strangers = [each for each in below[name] if each not in below]
        if strangers:
            yield f"{name}: depends_on: there is no monitor {strangers[0]!r}."
        elif len(below[name]) > MAX_DEPENDENCIES:
            yield f"{name}: depends_on: at most {MAX_DEPENDENCIES}."
        elif name in reached_from(name, below):
            yield f"{name}: it would depend on itself."


def reached_from(name: str, below: Mapping[str, Sequence[str]]) -> set[str]:
    """All that lies behind this one."""
    reached: set[str] = set()
    ahead = list(below[name])
    while ahead:
        fresh = {each for each in [ahead.pop()] if each not in reached}
        reached |= fresh
        ahead.extend(each for one in fresh for each in below.get(one, ()))
    return reached


def join_groups(there: Mapping[str, Monitor], parents: Mapping[str, str], *, now: datetime) -> None:
    """Make each of these part of the group that it names, or of none."""
    touched: set[UUID | None] = set()
    for name, group in parents.items():
        monitor, parent = there[name], there.get(group)
        if monitor.parent_id != (parent.id if parent else None):
            touched |= {monitor.parent_id, parent.id if parent else None}
            monitor.parent = parent
            monitor.save(update_fields=["parent", "updated_at"])
    look_again_at_groups(touched, now=now)


def join_needs(there: Mapping[str, Monitor], needs: Mapping[str, Sequence[str]]) -> None:
    """Make each of these depend on what it names. Raises BadConfig."""
    for name in needs:
        # All of them first: on the way from one order to the other there must be no ring.
        there[name].depends_on.clear()
    for name, others in needs.items():
        put_dependencies(there[name], [there[other].id for other in others])
