"""How long logs are kept."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

MIN_RETENTION_DAYS = 1
MAX_RETENTION_DAYS = 3650


@dataclass(frozen=True, kw_only=True, slots=True)
class Retention:
    """Whole days that are kept beside today's: of all logs, and of those that failed (never fewer)."""

    days: int
    error_days: int

    def days_for(self, *, failed: bool) -> int:
        return self.error_days if failed else self.days

    def oldest_day(self, today: date, *, failed: bool) -> date:
        return today - timedelta(days=self.days_for(failed=failed))

    def oldest_kept(self, now: datetime, *, failed: bool) -> datetime:
        """The first moment of the oldest day that is kept."""
        return datetime.combine(
            self.oldest_day(now.astimezone(UTC).date(), failed=failed), time.min, tzinfo=UTC
        )
