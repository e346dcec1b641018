"""Windows of time that pages offer by a word: `window=24h` in the address."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from monitor.metrics.series import EPOCH, step_for


@dataclass(frozen=True, kw_only=True)
class Preset:
    """A window that ends now; without a length, all that is kept."""

    word: str
    words: str
    length: timedelta | None = None

    @property
    def rule_window_s(self) -> int | None:
        """The window of an alert rule that looks as far back; None where none does."""
        return int(self.length.total_seconds()) if self.length and self.length <= timedelta(days=1) else None

    def since(self, now: datetime, *, oldest: datetime | None = None) -> datetime | None:
        """Where it begins, or at `oldest` where it has no length: at a step of its chart, so that the first
        bar counts a whole step.

        So "1h" may be up to a minute longer than an hour, and "24h" up to half an hour longer than a day.
        """
        start = now.astimezone(UTC) - self.length if self.length else oldest
        if start is None:
            return None
        return start - (start - EPOCH) % step_for(start, now)


ALL = Preset(word="all", words="everything kept")
PRESETS = (
    Preset(word="15m", words="the last 15 minutes", length=timedelta(minutes=15)),
    Preset(word="1h", words="the last hour", length=timedelta(hours=1)),
    Preset(word="24h", words="the last 24 hours", length=timedelta(hours=24)),
    Preset(word="7d", words="the last 7 days", length=timedelta(days=7)),
    ALL,
)
# A quarter of an hour is what a reader zooms into, not what a page begins with.
DEFAULTS = PRESETS[1:]


def preset_named(word: str | None) -> Preset | None:
    return next((preset for preset in PRESETS if preset.word == word), None)


def preset_that_reaches(moment: datetime | None, *, now: datetime) -> Preset:
    """The shortest window, from an hour up, that holds the moment: no news still means a page."""
    if moment is None:
        return DEFAULTS[0]
    reaching = (preset for preset in DEFAULTS if preset.length is None or now - preset.length <= moment)
    return next(reaching, ALL)
