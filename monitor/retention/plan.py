"""What letting go would do now, day by day."""

from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum

from monitor.models import Service
from monitor.models.partitions import day_bytes, existing_days
from monitor.retention.policy import Expiry, expiry_of, oldest_day_of_any
from monitor.retention.trim import count_expired

# Up to this many logs are deleted from a day one bite after the other; more are worth a rewrite.
FEW_LOGS = 20_000


class Action(StrEnum):
    DROP = "drop"
    REWRITE = "rewrite"
    TRIM = "trim"


@dataclass(frozen=True, kw_only=True)
class Step:
    """What happens to one day. `expired_logs` is counted up to FEW_LOGS + 1, and 0 where the day goes."""

    day: date
    action: Action
    size_bytes: int
    expired_logs: int = 0
    expiry: Expiry

    @property
    def words(self) -> str:
        if self.action == Action.DROP:
            return "drop: past every service's retention"
        if self.action == Action.TRIM:
            return f"remove {self.expired_logs:,} expired logs"
        return f"rewrite without more than {FEW_LOGS:,} expired logs"


@dataclass(frozen=True, kw_only=True)
class Plan:
    """The steps, oldest day first. Days before `oldest_kept` are kept by nobody."""

    oldest_kept: date
    steps: list[Step] = field(default_factory=list)


def plan_retention(*, now: datetime) -> Plan:
    """What has to go now. Changes nothing."""
    services = list(Service.objects.alive().with_retention())
    oldest_kept = oldest_day_of_any(now=now)
    today = now.date()
    steps = [
        step
        for day in existing_days()
        if day < today and (step := step_for(day, services, oldest_kept=oldest_kept, now=now)) is not None
    ]
    return Plan(oldest_kept=oldest_kept, steps=steps)


def step_for(day: date, services: list[Service], *, oldest_kept: date, now: datetime) -> Step | None:
    """What to do about a closed day, or None when all in it may stay."""
    if day < oldest_kept:
        return Step(day=day, action=Action.DROP, size_bytes=day_bytes(day), expiry=Expiry(day=day))
    expiry = expiry_of(day, services, now=now)
    expired = count_expired(expiry, most=FEW_LOGS + 1)
    if not expired:
        return None
    action = Action.TRIM if expired <= FEW_LOGS else Action.REWRITE
    return Step(day=day, action=action, size_bytes=day_bytes(day), expired_logs=expired, expiry=expiry)
