"""What a question about usage may say, on the page and in the API alike."""

from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from django.http import QueryDict
from rest_framework.exceptions import ValidationError

from monitor.api.paths import uuid_from
from monitor.models.keys import Mode
from monitor.usage.add_up import KEPT_FOR, oldest_day
from monitor.usage.look import PARTS, Question

DEFAULT_DAYS = 30
FORMATS = ("json", "csv")


def question_of(params: QueryDict, *, now: datetime) -> Question:
    """Without `since` the last 30 days, today among them. Raises ValidationError, naming the parameter."""
    today = now.date()
    until = day_of(params, "until") or today + timedelta(days=1)
    since = day_of(params, "since") or max(until - timedelta(days=DEFAULT_DAYS), oldest_day(now=now))
    if not since < until:
        raise ValidationError({"until": "Must lie after since."})
    if until - since > KEPT_FOR + timedelta(days=1):
        raise ValidationError({"since": f"Usage is kept for {KEPT_FOR.days} days."})
    return Question(
        since=since,
        until=until,
        by=parts_of(params),
        mode=mode_of(params),
        key_id=id_of(params, "key_id"),
        organization_id=id_of(params, "organization"),
    )


def day_of(params: QueryDict, name: str) -> date | None:
    raw = params.get(name)
    if not raw:
        return None
    try:
        # The first ten characters alone would let "2026-11-21 or so" pass.
        return datetime.strptime(raw, "%Y-%m-%d").date()  # noqa: DTZ007 - a day, without a zone
    except ValueError:
        raise ValidationError({name: "Must be a day, as 2026-11-21."}) from None


def parts_of(params: QueryDict) -> tuple[str, ...]:
    raw = params.get("group_by")
    if not raw:
        return ("day",)
    parts = raw.split(",")
    if not set(parts) <= set(PARTS):
        raise ValidationError({"group_by": f"Must be some of {', '.join(PARTS)}, with commas."})
    return tuple(parts)


def mode_of(params: QueryDict) -> str | None:
    mode = params.get("mode") or None
    if mode not in (None, *Mode.values):
        raise ValidationError({"mode": f"Must be {' or '.join(Mode.values)}."})
    return mode


def id_of(params: QueryDict, name: str) -> UUID | None:
    raw = params.get(name)
    return uuid_from(raw, name) if raw else None


def format_of(params: QueryDict) -> Any:
    name = params.get("format") or "json"
    if name not in FORMATS:
        raise ValidationError({"format": f"Must be one of {', '.join(FORMATS)}."})
    return name
