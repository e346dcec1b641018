"""Between the original and the form that edits it: where the editor starts, what was changed in it. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from monitor.lib.masking import contains_mask
from monitor.lib.outbound import UnusableUrl, origin_of, parse_url
from monitor.models import Service
from monitor.replay.prepare import (
    MADE_AFRESH,
    HeaderOverride,
    Overrides,
    allowed_origins,
    lines,
    names_loopback,
    target_url,
    without_masked_params,
)
from monitor.search import LogDetail

HeaderLine = tuple[str, str]


@dataclass(frozen=True, kw_only=True)
class Start:
    """What the editor shows before anybody typed.

    A masked header is an empty slot: `masked_headers` has its name in lower case. `made_afresh` are the
    original's headers that each call gets anew. `body_note` says why the kept body is not what was sent.
    """

    url: str
    omitted_params: list[str]
    headers: list[HeaderLine]
    masked_headers: frozenset[str]
    made_afresh: list[str]
    body: str
    body_note: str

    @property
    def body_is_incomplete(self) -> bool:
        return bool(self.body_note)


def start_of(detail: LogDetail, service: Service) -> Start:
    url, omitted_params = without_masked_params(target_url(detail, Overrides(), service))
    headers: list[HeaderLine] = []
    masked: set[str] = set()
    for name, value in (detail.request_headers or {}).items():
        if name.lower() in MADE_AFRESH:
            continue
        if any(contains_mask(line) for line in lines(value)):
            masked.add(name.lower())
            headers.append((name, ""))
        else:
            headers += [(name, line) for line in lines(value)]
    return Start(
        url=url,
        omitted_params=omitted_params,
        headers=headers,
        masked_headers=frozenset(masked),
        made_afresh=[name for name in detail.request_headers or {} if name.lower() in MADE_AFRESH],
        body=as_typed(detail.request_body or ""),
        body_note=body_note(detail),
    )


def body_note(detail: LogDetail) -> str:
    """Why the kept body cannot be sent as it is; empty when it can."""
    if detail.request_body_dropped:
        return "This service keeps no bodies, so there is none to start from. Type the one to send."
    if detail.request_truncated:
        return "Only the beginning of this body was kept. Complete it, or type another."
    if contains_mask(detail.request_body or ""):
        return "Secrets in this body were masked before it was kept. Put real values where the mask stands."
    return ""


def as_typed(text: str) -> str:
    """Browsers send every line end of a text field as CR LF: compared, and sent, as LF."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


def with_kept_overrides(start: Start, kept: Mapping[str, Any]) -> tuple[str, list[HeaderLine], str]:
    """URL, headers and body of an earlier replay, as they were kept: its secrets are empty slots again."""
    given: Mapping[str, HeaderOverride] = kept.get("override_headers") or {}
    changed = {name.lower() for name in given}
    headers = [(name, value) for name, value in start.headers if name.lower() not in changed]
    for name, value in given.items():
        if value is not None:
            headers += [(name, "" if contains_mask(line) else line) for line in lines(value)]
        elif name.lower() in start.masked_headers:
            headers.append((name, ""))
    url = str(kept.get("override_url") or start.url)
    return url, headers, as_typed(str(kept.get("override_body") or start.body))


def overrides_from(
    start: Start, *, url: str, headers: Sequence[HeaderLine], body: str, send_no_body: bool
) -> dict[str, Any]:
    """What differs from the original, as the API takes it. What is as it was is no override.

    A header without a value is not sent; a masked one whose slot stayed empty counts as left out.
    """
    sent: dict[str, Any] = {}
    if url != start.url:
        sent["override_url"] = url
    changed = changed_headers(start, headers)
    if changed:
        sent["override_headers"] = changed
    if send_no_body:
        sent["override_body"] = ""
    elif as_typed(body) != start.body:
        sent["override_body"] = as_typed(body)
    return sent


def changed_headers(start: Start, typed: Sequence[HeaderLine]) -> dict[str, HeaderOverride]:
    before, after = by_name(start.headers), by_name(typed)
    spelled = {name.lower(): name for name, _ in [*start.headers, *typed]}
    changed: dict[str, HeaderOverride] = {}
    for name in spelled:
        now = after.get(name, [])
        if now == before.get(name, []):
            continue
        changed[spelled[name]] = (now[0] if len(now) == 1 else now) if now else None
    return changed


def by_name(headers: Iterable[HeaderLine]) -> dict[str, list[str]]:
    """The values that would be sent, by lower-case name."""
    found: dict[str, list[str]] = {}
    for name, value in headers:
        if name and value:
            found.setdefault(name.lower(), []).append(value)
    return found


# --- Targets -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Target:
    """Where a replay would go: its origin, what to call it, and the class of its colour."""

    origin: str
    words: str
    css_class: str
    is_allowed: bool = True


def target_of(url: str, service: Service, *, loopback_allowed: bool) -> Target | None:
    """The target a URL names, or None when it names none."""
    try:
        parsed = parse_url(url)
    except UnusableUrl:
        return None
    if names_loopback(parsed) and (loopback_allowed or parsed.origin in allowed_origins(service)):
        return Target(origin=parsed.origin, words="this machine", css_class="pill-good")
    if service.base_url and parsed.origin == origin_of(service.base_url):
        return Target(origin=parsed.origin, words="the service itself", css_class="pill-warn")
    if parsed.origin in allowed_origins(service):
        return Target(origin=parsed.origin, words="a further target", css_class="pill-info")
    return Target(origin=parsed.origin, words="not an allowed target", css_class="pill-bad", is_allowed=False)


def targets_of(service: Service) -> list[str]:
    """The origins that a replay may go to, the service's own first."""
    own = [origin_of(service.base_url)] if service.base_url else []
    return [*own, *(origin for origin in sorted(allowed_origins(service)) if origin not in own)]


def moved_to(url: str, origin: str) -> str:
    """The same path and query at another origin."""
    place = urlsplit(origin)
    try:
        parts = urlsplit(url)
    except ValueError:
        return origin
    return urlunsplit((place.scheme, place.netloc, parts.path, parts.query, ""))
