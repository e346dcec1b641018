"""Requests that nobody wants to keep: health checks and probes, by path or by user agent. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any, TypedDict

from monitor.lib.path_rules import compiled

PATH = "path"
USER_AGENT = "user_agent"


class Exclusion(TypedDict):
    """A rule as it stands in the service's row. A path is a pattern of `path_rules`; an agent is a part of
    the header's text, in any case."""

    id: str
    kind: str
    pattern: str


def excluded_by(
    rules: Sequence[Exclusion], *, path: str, headers: Mapping[str, Any] | None
) -> Exclusion | None:
    """The first rule that the request falls under."""
    agent: str | None = None
    for rule in rules:
        if rule["kind"] == PATH:
            if compiled(rule["pattern"]).match(path):
                return rule
            continue
        if agent is None:
            agent = user_agent_in(headers)
        if rule["pattern"].lower() in agent:
            return rule
    return None


def user_agent_in(headers: Mapping[str, Any] | None) -> str:
    """In lower case; empty when none was reported."""
    for name, value in (headers or {}).items():
        if name.lower().replace("_", "-") == "user-agent":
            return str(value).lower()
    return ""
