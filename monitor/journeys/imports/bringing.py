"""What an import gives: a document, and a report that leaves out nothing."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import parse_qsl, urlencode

import msgspec

from monitor.journeys.document import MOST_STEPS, BadDocument, Journey, read_document
from monitor.journeys.templates import HOLE, NAME
from monitor.lib import masking
from monitor.lib.kept_text import RULES
from monitor.lib.masking.values import mask_url

MOST_BODY = 65_536
MAX_BYTES = 16 * 1024 * 1024
Fate = Literal["runs", "partly", "unsupported", "note"]
# Whoever sends says these anew for each request; a step that says them is wrong as soon as its body changes.
_MADE_AFRESH = frozenset(
    {"host", "content-length", "connection", "keep-alive", "transfer-encoding", "accept-encoding", "te"}
    | {"upgrade", "expect", "proxy-connection", "proxy-authorization", "traceparent", "tracestate"}
)


class BadImport(ValueError):
    """The text is not what it was said to be; the message says why."""


@dataclass(frozen=True, kw_only=True)
class Note:
    """One line of the report. `line` is that of a script, 0 for none."""

    fate: Fate
    where: str
    text: str
    line: int = 0

    def as_plain(self) -> dict[str, Any]:
        return {"fate": self.fate, "where": self.where, "line": self.line or None, "text": self.text}

    def __str__(self) -> str:
        place = f"{self.where}, line {self.line}" if self.line else self.where
        return f"{self.fate}: {place}: {self.text}"


@dataclass(kw_only=True)
class Imported:
    """A document in the making."""

    name: str = ""
    variables: dict[str, Any] = field(default_factory=dict)
    secrets: dict[str, str] = field(default_factory=dict)
    steps: list[dict[str, Any]] = field(default_factory=list)
    rows: list[dict[str, Any]] = field(default_factory=list)
    options: dict[str, Any] = field(default_factory=dict)
    notes: list[Note] = field(default_factory=list)
    script_characters: int = 0

    def note(self, fate: Fate, where: str, text: str, *, line: int = 0) -> None:
        self.notes.append(Note(fate=fate, where=where, text=text, line=line))

    def unique(self, name: str) -> str:
        """The name, with a number behind it where a step has it already."""
        name = " ".join(name.split())[:110] or "Step"
        taken = {step["name"] for step in self.steps}
        if name not in taken:
            return name
        return next(f"{name} {at}" for at in range(2, 10_000) if f"{name} {at}" not in taken)

    def add(self, step: Mapping[str, Any]) -> None:
        if len(self.steps) >= MOST_STEPS:
            self.note("unsupported", str(step.get("name")), f"left out: a journey has {MOST_STEPS} steps.")
            return
        self.steps.append(self.without_secrets(dict(step)))

    # --- Secrets -------------------------------------------------------------------------------------------

    def secret(self, name: str, value: str) -> str:
        """A variable that stands for the secret, the same for the same; a mask becomes one without value."""
        value = "" if masking.contains_mask(value) else value
        base = re.sub(r"[^A-Za-z0-9_]+", "_", name).strip("_").lower() or "secret"
        for at in range(1, 1000):
            known = base if at == 1 else f"{base}_{at}"
            if known in self.variables:
                continue
            if known not in self.secrets or self.secrets[known] == value:
                self.secrets[known] = value
                return "{{" + known + "}}"
        raise BadImport("There are too many secrets of one name.")

    def without_secrets(self, step: dict[str, Any]) -> dict[str, Any]:
        """The step with its secrets as variables, and a line of the report for each."""
        before = set(self.secrets)
        step["headers"] = [self._header(name, value) for name, value in step.get("headers", [])]
        step["url"] = self._url(step["url"])
        if step.get("body"):
            step["body"] = self._body(step["body"])
        for name in sorted(set(self.secrets) - before):
            need = "" if self.secrets[name] else ", which has no value yet"
            self.note("note", step["name"], f"a secret became the secret variable {name}{need}.")
        return step

    def _header(self, name: str, value: str) -> list[str]:
        is_plain = masking.mask_headers({name: value}, rules=RULES)[name] == value
        if HOLE.search(value) or (is_plain and not masking.contains_mask(value)):
            return [name, value]
        scheme, _, rest = value.partition(" ")
        if name.lower() == "authorization" and rest and scheme.isalpha():
            return [name, f"{scheme} {self.secret(f'{scheme}_token', rest)}"]
        return [name, self.secret(name, value)]

    def _url(self, url: str) -> str:
        head, question, query = url.partition("?")
        if not question or (mask_url(url, rules=RULES) == url and not masking.contains_mask(url)):
            return url
        return head + question + "&".join(self._pair(pair) for pair in query.split("&"))

    def _pair(self, pair: str) -> str:
        name, equals, value = pair.partition("=")
        is_secret = RULES.is_sensitive_key(name) or masking.contains_mask(value)
        if not value or HOLE.search(value) or not is_secret:
            return pair
        (plain,) = (text for _, text in parse_qsl(f"x={value}") or [("x", value)])
        return f"{name}{equals}{self.secret(name, plain)}"

    def _body(self, body: str) -> str:
        try:
            given = msgspec.json.decode(body)
        except (msgspec.DecodeError, RecursionError):
            return self._form(body)
        if not isinstance(given, dict | list):
            return body
        changed = self._in_json(given)
        return body if changed == given else msgspec.json.format(msgspec.json.encode(changed)).decode()

    def _in_json(self, value: Any, name: str = "") -> Any:
        if isinstance(value, dict):
            return {key: self._in_json(each, str(key)) for key, each in value.items()}
        if isinstance(value, list):
            return [self._in_json(each, name) for each in value]
        if not isinstance(value, str) or not value or HOLE.search(value):
            return value
        if RULES.is_sensitive_key(name) or masking.contains_mask(value):
            return self.secret(name, value)
        return value

    def _form(self, body: str) -> str:
        if "=" not in body or any(sign in body for sign in "<{\n"):
            return body
        return "&".join(self._pair(pair) for pair in body.split("&"))

    # --- The end -------------------------------------------------------------------------------------------

    def document(self) -> Journey:
        """The checked document; what cannot be kept of a step is left out, and said. Raises BadImport."""
        kept: list[dict[str, Any]] = []
        variables = {name: value for name, value in self.variables.items() if self._is_name(name)}
        shared = {"variables": variables, "secrets": self.secrets, **self.options}
        for step in self.steps:
            try:
                read_document({**shared, "steps": [step]})
            except BadDocument as error:
                self.note("unsupported", str(step.get("name")), f"left out: {error.message}")
                continue
            kept.append(step)
        try:
            return read_document({**shared, "name": self.name[:128], "steps": kept, "rows": self.rows[:20]})
        except BadDocument as error:
            raise BadImport(error.message) from None

    def _is_name(self, name: str) -> bool:
        if NAME.fullmatch(name):
            return True
        self.note("unsupported", f"variable {name[:60]!r}", "left out: names have no spaces or quotes here.")
        return False


def kept_headers(pairs: Iterable[tuple[str, str]]) -> list[list[str]]:
    """Without what is made afresh for each request, and cookies, which the jar brings."""
    return [
        [name, value]
        for name, value in pairs
        if name and not name.startswith(":") and name.lower() not in _MADE_AFRESH
    ]


def body_type_of(headers: Sequence[Sequence[str]], body: str) -> str:
    """The type that names the media type; "none" where a header says it already or there is no body."""
    if not body or any(name.lower() == "content-type" for name, _ in headers):
        return "none"
    return "json" if body.lstrip()[:1] in ("{", "[") else "text"


def form_encoded(pairs: Iterable[tuple[str, str]]) -> str:
    """A form's body, with its variables left as they are."""
    return urlencode(list(pairs), safe="{}$")
