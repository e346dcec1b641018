"""What the address of a page asks for. Pages and the API share LogFilter; pages know `window` besides."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

from django.http import QueryDict

from monitor.lib.actors import Actor
from monitor.lib.addresses import address_with, address_without
from monitor.models import Endpoint, RequestLog, Service
from monitor.models.logs import RequestLogQuerySet
from monitor.search.filters import LogFilter
from monitor.search.language import BadQuery, Field, parse
from monitor.search.presets import ALL, PRESETS, Preset, preset_named, preset_that_reaches
from monitor.search.window import Window

# Shown by the window's own control.
WINDOW_NAMES = ("since", "until")


@dataclass(frozen=True, kw_only=True)
class Chip:
    """A filter that is set, in words, with the address of the page without it."""

    name: str
    label: str
    value: str
    without: str


@dataclass(frozen=True, kw_only=True)
class WindowLink:
    word: str
    address: str
    is_current: bool


@dataclass(frozen=True, kw_only=True)
class Fault:
    """The token of `q` that cannot be read, between what stands around it; `corrected` is the address with
    the suggestion in its place."""

    before: str
    token: str
    after: str
    message: str
    suggestion: str | None
    corrected: str


@dataclass(frozen=True, kw_only=True)
class Asked:
    """One reading of a page's address. `newest` is the newest log the actor can see, whatever is asked."""

    query: QueryDict
    filter: LogFilter
    preset: Preset | None
    services: Sequence[Service]
    newest: RequestLog | None
    now: datetime

    @property
    def is_valid(self) -> bool:
        return bool(self.filter.is_valid())

    @property
    def logs(self) -> RequestLogQuerySet:
        """What the filters leave. Only when valid."""
        logs: RequestLogQuerySet = self.filter.qs
        return logs

    @property
    def window(self) -> Window:
        return self.filter.window(now=self.now)

    @cached_property
    def fault(self) -> Fault | None:
        """What is wrong with `q`, if something is."""
        bad, q = self.filter.bad_query, self.query.get("q", "")
        if bad is None:
            return None
        corrected = f"{q[: bad.start]}{bad.suggestion or ''}{q[bad.end :]}".strip()
        return Fault(
            before=q[: bad.start],
            token=q[bad.start : bad.end],
            after=q[bad.end :],
            message=bad.message,
            suggestion=bad.suggestion,
            corrected=address_with(self.query, {"q": corrected}),
        )

    @cached_property
    def window_links(self) -> list[WindowLink]:
        return [
            WindowLink(
                word=preset.word,
                address=address_with(self.query, {"window": preset.word, "since": None, "until": None}),
                is_current=preset == self.preset,
            )
            for preset in PRESETS
        ]

    @cached_property
    def chips(self) -> list[Chip]:
        """The filters that are set, whether valid or not, beside the window."""
        return [
            Chip(
                name=name,
                label=str(self.filter.filters[name].label),
                value=self._words_for(name, str(self.query[name])),
                without=address_without(self.query, name),
            )
            for name in self.filter.filters
            if name not in WINDOW_NAMES and self.query.get(name)
        ]

    def _words_for(self, name: str, value: str) -> str:
        if name == "service_id":
            return next((service.name for service in self.services if str(service.id) == value), value)
        if name == "endpoint_id" and self.is_valid:
            endpoint = Endpoint.objects.filter(
                id=value, service__in=[each.id for each in self.services]
            ).first()
            return str(endpoint or value)
        if name == "has_error":
            return {"true": "yes", "false": "no"}.get(value, value)
        return value

    @cached_property
    def service(self) -> Service | None:
        """The one service that is asked for."""
        asked = self.query.get("service_id")
        return next((service for service in self.services if str(service.id) == asked), None)


def read_address(
    query: QueryDict, actor: Actor, *, now: datetime, filter_class: type[LogFilter] = LogFilter
) -> Asked:
    """The filters and the window that the query string of a page asks for.

    `since` and `until` win over `window`. Without any of them, also in `q`: the shortest window that holds
    the newest log.
    """
    services = list(Service.objects.visible_to(actor, own=True).with_retention().order_by("name"))
    own = [each for each in services if each.is_own and str(each.id) == query.get("service_id")]
    services = [each for each in services if not each.is_own or each in own]
    logs = RequestLog.objects.of_services(each.id for each in own or services)
    kept = Window.of(None, None, now=now)
    all_kept = logs.within(kept.since, kept.until)
    newest = all_kept.newest_first().first()
    exact = any(query.get(name) for name in WINDOW_NAMES)
    preset = None if exact else preset_named(query.get("window"))
    if preset is None and not exact and not names_window(query.get("q", "")):
        preset = preset_that_reaches(newest.captured_at if newest else None, now=now)
    # Everything kept begins where there is something, so that the chart is not empty on its left.
    oldest = all_kept.order_by("id").first() if preset == ALL else None
    since = preset.since(now, oldest=oldest.captured_at if oldest else None) if preset else None
    return Asked(
        query=query,
        filter=filter_class(filter_data(query, since), queryset=logs),
        preset=preset,
        services=services,
        newest=newest,
        now=now,
    )


def names_window(q: str) -> bool:
    """Whether the search itself says from when to when."""
    try:
        return bool(parse(q).of(Field.SINCE, Field.UNTIL))
    except BadQuery:
        return False


def filter_data(query: QueryDict, since: datetime | None) -> Mapping[str, Any]:
    """The query as LogFilter takes it: the word for the window has become a moment."""
    data = query.copy()
    if since is not None:
        data["since"] = since.isoformat()
    return data


def tidy_query(query: QueryDict, *, keep: Sequence[str] = ()) -> str | None:
    """The query string without empty parameters and without a window that others overrule; None if tidy.

    A form without scripts sends every field of it. Those in `keep` may be empty: that says something.
    """
    exact = any(query.get(name) for name in WINDOW_NAMES)
    drop = {
        name: None
        for name, value in query.items()
        if (value == "" and name not in keep) or (name == "window" and exact)
    }
    if not drop:
        return None
    places = {name: query[name] for name in ("cursor", "offset") if query.get(name)}
    return address_with(query, {**places, **drop})
