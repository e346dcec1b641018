"""Bounds of time on a machine that others use, too: for a second or two it may stand still for a test."""

from collections.abc import Callable


def is_quick(measure: Callable[[], float], *, within_s: float, tries: int = 3) -> bool:
    """Whether one of a few tries took less, in seconds: what is slow by itself is slow each time."""
    return any(measure() < within_s for _ in range(tries))
