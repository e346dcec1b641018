"""Runs of journeys, for any page that shows what was kept of a check."""

from collections.abc import Mapping
from typing import Any

from django import template

from monitor.journeys.runs import StepRow, rows_of

register = template.Library()


@register.filter
def journey_rows(detail: Mapping[str, Any] | None) -> list[StepRow]:
    """The steps of a run; none for what is no journey's."""
    return rows_of(detail) if detail else []
