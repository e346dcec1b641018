"""Which limits a request counts against."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address
from typing import Any, Literal, TypeVar

from django.conf import settings

from monitor.api.callers import Caller
from monitor.models import ApiKey, Organization, Plan
from monitor.models.keys import Mode

# Kinds of calls with a limit of their own.
Kind = Literal["writes", "replays", "tests", "exports"]
View = TypeVar("View", bound=Callable[..., Any])
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
# What test keys have of each limit.
TEST_SHARE = 4


@dataclass(frozen=True, kw_only=True, slots=True)
class Limit:
    """`policy` names it to callers, `bucket` is what it is counted in."""

    policy: str
    bucket: str
    per_minute: int


def limited_as(**kinds: Kind) -> Callable[[View], View]:
    """Marks a page's view as API views are marked by a `limited_as` of their own: by method."""

    def mark(view: View) -> View:
        view.limited_as = kinds  # type: ignore[attr-defined] # as csrf_exempt does
        return view

    return mark


def kind_of(view: Any, method: str) -> Kind | None:
    """What a view says in `limited_as[METHOD]`, else a write for whatever may change something."""
    said: dict[str, Kind] = getattr(getattr(view, "cls", view), "limited_as", {})
    return said.get(method) or (None if method in SAFE_METHODS else "writes")


def limits_of(caller: Caller, kind: Kind | None, address: str | None) -> list[Limit]:
    """Those of an API call by somebody known; without those that are set to none."""
    actor, plan = caller.actor, plan_of(caller.key)
    found = [by_address("ip", address, settings.RATE_LIMIT_IP)]
    if caller.key is not None:
        asked = caller.key.requests_per_minute
        quota = asked if asked is not None else chosen(plan, "key_requests", settings.RATE_LIMIT_KEY)
        found.append(limit("key", f"key:{caller.key.id}", quota, caller.mode))
    elif actor.user_id is not None:
        found.append(limit("user", f"user:{actor.user_id}", settings.RATE_LIMIT_KEY))
    owner = owner_of(caller)
    if owner and caller.organization_id is not None:
        quota = chosen(plan, "requests", settings.RATE_LIMIT_ORGANIZATION)
        found.append(limit("organization", owner, quota, caller.mode))
    if owner and kind:
        quota = chosen(plan, kind, getattr(settings, f"RATE_LIMIT_{kind.upper()}"))
        found.append(limit(kind, f"{owner}:{kind}", quota, caller.mode))
    return [each for each in found if each is not None]


def owner_of(caller: Caller) -> str:
    """Who shares a limit: an organization's keys of one mode, and each person."""
    if caller.actor.user_id is not None:
        return f"user:{caller.actor.user_id}"
    return f"org:{caller.organization_id}:{caller.mode}" if caller.organization_id else ""


def log_limits(key: ApiKey) -> tuple[Limit, ...]:
    """Those of the logs that come with this key."""
    whole = chosen(plan_of(key), "logs", settings.RATE_LIMIT_LOGS)
    found = (
        limit("key-logs", f"key:{key.id}:logs", key.logs_per_minute or 0, key.mode),
        limit("organization-logs", f"org:{key.organization_id}:{key.mode}:logs", whole, key.mode),
    )
    return tuple(each for each in found if each is not None)


def by_address(policy: str, address: str | None, per_minute: int) -> Limit | None:
    """None for this machine, and where the address is not known: its limit would be everybody's."""
    try:
        parsed = ip_address(address or "")
    except ValueError:
        return None
    if parsed.is_loopback:
        return None
    if isinstance(parsed, IPv6Address):
        # Whoever has one has the 64 bits below.
        mapped = parsed.ipv4_mapped
        shown = str(mapped) if mapped else f"{IPv6Address(int(parsed) >> 64 << 64)}/64"
    else:
        shown = str(parsed)
    return limit(policy, f"{policy}:{shown}", per_minute)


def limit(policy: str, bucket: str, per_minute: int, mode: str = "") -> Limit | None:
    if not per_minute:
        return None
    quota = max(per_minute // TEST_SHARE, 1) if mode == Mode.TEST else per_minute
    return Limit(policy=policy, bucket=bucket, per_minute=quota)


def plan_of(key: ApiKey | None) -> Plan | None:
    organization: Organization | None = key.organization if key else None
    return organization.plan if organization else None


def chosen(plan: Plan | None, name: str, otherwise: int) -> int:
    """What the plan says, else the settings."""
    said: int | None = getattr(plan, name) if plan else None
    return otherwise if said is None else said


def policy_header(limits: Sequence[Limit]) -> str:
    """RateLimit-Policy: all that hold for this caller."""
    return ", ".join(f'"{each.policy}";q={each.per_minute};w=60' for each in limits)
