"""What lists of monitors and of their checks may be asked for."""

from datetime import UTC, datetime
from typing import Any

import django_filters
from django.db.models import Q, QuerySet
from django.utils import timezone
from drf_spectacular.utils import extend_schema_field

from monitor.lib.ids import uuid7_floor
from monitor.models import Beat, Monitor
from monitor.models.monitors import (
    BeatState,
)
from monitor.monitors.serializers import KINDS, STATES
from monitor.monitors.words import state_in_sql
from monitor.search.filters import MomentFilter

# What an id can carry.
EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)


@extend_schema_field({"type": "string", "enum": ["true", "false"]})
class ActiveFilter(django_filters.ChoiceFilter):
    """`true` or `false`, and nothing else."""


class MonitorFilter(django_filters.FilterSet):
    service_id = django_filters.UUIDFilter()
    parent_id = django_filters.UUIDFilter()
    kind = django_filters.ChoiceFilter(choices=KINDS)
    is_active = ActiveFilter(choices=[("true", "true"), ("false", "false")], method="being_active")
    tag = django_filters.CharFilter(method="with_tag", max_length=64)
    state = django_filters.ChoiceFilter(choices=[(each, each) for each in STATES], method="in_state")
    q = django_filters.CharFilter(method="named", max_length=128, label="Part of the name.")

    class Meta:
        model = Monitor
        fields: list[str] = []

    def being_active(self, found: QuerySet[Monitor], name: str, word: str) -> QuerySet[Monitor]:
        return found.filter(is_active=word == "true")

    def with_tag(self, found: QuerySet[Monitor], name: str, tag: str) -> QuerySet[Monitor]:
        return found.filter(tags__contains=[tag])

    def named(self, found: QuerySet[Monitor], name: str, words: str) -> QuerySet[Monitor]:
        return found.filter(Q(name__icontains=words) | Q(description__icontains=words))

    def in_state(self, found: QuerySet[Monitor], name: str, state: str) -> QuerySet[Monitor]:
        return found.alias(shown_state=state_in_sql(now=timezone.now())).filter(shown_state=state)


class HeartbeatFilter(django_filters.FilterSet):
    is_important = django_filters.BooleanFilter()
    state = django_filters.ChoiceFilter(
        choices=[(each.name.lower(), each.label) for each in BeatState], method="in_state"
    )
    since = MomentFilter(method="from_then")
    until = MomentFilter(method="before_then")

    class Meta:
        model = Beat
        fields: list[str] = []

    def in_state(self, found: QuerySet[Beat], name: str, state: str) -> QuerySet[Beat]:
        return found.filter(state=BeatState[state.upper()])

    def from_then(self, found: Any, name: str, moment: Any) -> Any:
        return found.filter(id__gte=uuid7_floor(max(moment, EARLIEST)))

    def before_then(self, found: Any, name: str, moment: Any) -> Any:
        return found.filter(id__lt=uuid7_floor(max(moment, EARLIEST)))
