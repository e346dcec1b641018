"""What a journey is: steps with templates, what they take from answers, what answers must be like.

A document holds no secret but under `secrets`: everything else can be shown, copied and kept in a
repository. So a header, URL or body that carries one in plain words is refused, and told where it belongs.
"""

import json
import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Annotated, Any, Literal, TypeVar

import msgspec

from monitor.journeys.extracting import Extraction
from monitor.journeys.templates import HOLE, NAME, names_in, without_holes
from monitor.lib import masking
from monitor.lib.kept_text import RULES
from monitor.probing.assertions import Assertion
from monitor.probing.bounds import BadAssertion
from monitor.probing.comparing import Comparison, check_comparison, code_range, compare
from monitor.probing.kinds.http import MOST_ASSERTIONS, ProxyOptions
from monitor.probing.logins import SECRETS, Auth, check_needed
from monitor.probing.schedules import BadSchedule, Schedule, check_zone

MOST_STEPS = 50
MOST_ROWS = 20
# Of rows times steps: a run is one check.
MOST_REQUESTS = 200
MOST_VARIABLES = 200
MAX_STEP_TIMEOUT_S = 300.0

Read = TypeVar("Read")
Method = Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
Script = Annotated[str, msgspec.Meta(max_length=65_536)]
SCHEMES = ("bearer", "basic", "token", "digest", "apikey", "key", "jwt")


class BadDocument(ValueError):
    """What is wrong, in a sentence that names the step. `field` is its place: `steps.1.url`."""

    def __init__(self, message: str, *, field: str = "") -> None:
        super().__init__(message)
        self.message, self.field = message, field


class StepAuth(Auth, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """As of an http monitor, with secrets by variable alone."""

    def __post_init__(self) -> None:
        check_needed(self)
        for place in SECRETS:
            part, _, name = place.partition(".")
            if part == "auth" and (value := getattr(self, name)) and not HOLE.search(value):
                raise ValueError(f"auth.{name} is a secret: put it under secrets and write {{{{name}}}} here")


class Condition(msgspec.Struct, frozen=True, kw_only=True):
    """`name comparison target`, as `role == "admin"` or `token exists`."""

    name: str
    comparison: str
    target: Any = None

    def holds(self, *, found: bool, actual: Any) -> bool:
        """Raises BadAssertion and TypeError for what cannot be compared."""
        return compare(self.comparison, found, actual, self.target)


class Step(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    name: Annotated[str, msgspec.Meta(min_length=1, max_length=128)]
    method: Method = "GET"
    url: Annotated[str, msgspec.Meta(min_length=1, max_length=8192)]
    headers: Annotated[list[tuple[str, str]], msgspec.Meta(max_length=50)] = []
    body: Annotated[str, msgspec.Meta(max_length=65_536)] = ""
    body_type: Literal["none", "json", "form", "xml", "text", "graphql"] = "none"
    auth: StepAuth = StepAuth()
    # Codes, ranges and classes. Empty: below 400, unless an assertion speaks of the status.
    statuses: Annotated[list[str], msgspec.Meta(max_length=30)] = []
    max_redirects: Annotated[int, msgspec.Meta(ge=0, le=20)] = 10
    extract: Annotated[list[Extraction], msgspec.Meta(max_length=50)] = []
    assertions: Annotated[list[Assertion], msgspec.Meta(max_length=MOST_ASSERTIONS)] = []
    # Runs only when this holds; see read_condition.
    condition: Annotated[str, msgspec.Meta(max_length=512)] = ""
    # Runs also after a failure: to log out, to clean up.
    always_run: bool = False
    timeout_s: Annotated[float, msgspec.Meta(ge=0.1, le=MAX_STEP_TIMEOUT_S)] = 30
    retries: Annotated[int, msgspec.Meta(ge=0, le=5)] = 0
    delay_ms: Annotated[int, msgspec.Meta(ge=0, le=60_000)] = 0
    # Postman scripts, before the request and after the answer.
    before: Script = ""
    after: Script = ""

    def __post_init__(self) -> None:
        if self.condition:
            read_condition(self.condition)
        for code in self.statuses:
            if code_range(code) is None and not (code.isdecimal() and len(code) == 3):
                raise ValueError(f"statuses: {code[:20]!r} is no code, range (200-299) or class (2xx)")
        for place, words in plain_secrets(self):
            raise ValueError(
                f"{place}: {words} looks like a secret: put it under secrets and write {{{{name}}}} here"
            )

    @property
    def looks_at_status(self) -> bool:
        return any(each.source == "status" for each in self.assertions)


class Journey(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Steps that follow each other, with what they share."""

    name: Annotated[str, msgspec.Meta(max_length=128)] = ""
    variables: Annotated[dict[str, Any], msgspec.Meta(max_length=MOST_VARIABLES)] = {}
    # Empty: has to be given when it runs, or the step that needs it says so.
    secrets: Annotated[
        dict[str, Annotated[str, msgspec.Meta(max_length=16_384)]], msgspec.Meta(max_length=MOST_VARIABLES)
    ] = {}
    steps: Annotated[list[Step], msgspec.Meta(max_length=MOST_STEPS)] = []
    # Five fields of cron in the zone, when it runs; empty: by its monitor's interval.
    cron: Annotated[str, msgspec.Meta(max_length=100)] = ""
    timezone: Annotated[str, msgspec.Meta(max_length=64)] = "UTC"
    on_failure: Literal["stop", "continue"] = "stop"
    keep_cookies: bool = True
    proxy: ProxyOptions = ProxyOptions()
    verify_tls: bool = True
    authorities: Annotated[str, msgspec.Meta(max_length=65_536)] = ""
    ip_family: Literal[0, 4, 6] = 0
    # Variables of each time that the steps are gone through; empty: once.
    rows: Annotated[list[dict[str, Any]], msgspec.Meta(max_length=MOST_ROWS)] = []

    def __post_init__(self) -> None:
        try:
            check_zone(self.timezone)
            if self.cron:
                Schedule(expression=self.cron, timezone=self.timezone).check()
        except BadSchedule as error:
            if error.field == "expression":
                raise ValueError("cron: write its five fields, as 0 3 * * mon-fri") from None
            raise ValueError(f"{error.field}: {error.message}") from None

    @property
    def has_scripts(self) -> bool:
        return any(step.before or step.after for step in self.steps)


# --- Reading -----------------------------------------------------------------------------------------------


def read_document(given: Mapping[str, Any]) -> Journey:
    """The journey of a stored document. Raises BadDocument."""
    plain = dict(given)
    steps = plain.pop("steps", [])
    if not isinstance(steps, list):
        raise BadDocument("steps is a list.", field="steps")
    if len(steps) > MOST_STEPS:
        raise BadDocument(f"A journey has {MOST_STEPS} steps at most.", field="steps")
    journey = _read(_with_secrets_apart(plain), Journey, "")
    journey = msgspec.structs.replace(journey, steps=[read_step(each, at) for at, each in enumerate(steps)])
    _check_names(journey)
    _check_values(journey)
    if len(journey.steps) * max(len(journey.rows), 1) > MOST_REQUESTS:
        raise BadDocument(f"Rows times steps are {MOST_REQUESTS} at most.", field="rows")
    return journey


def read_step(given: Any, at: int) -> Step:
    """Raises BadDocument, which says which step by number and name."""
    if not isinstance(given, Mapping):
        raise BadDocument(f"Step {at + 1} is no mapping of options.", field=f"steps.{at}")
    return _read(given, Step, f"steps.{at}", words=step_words(at, given.get("name")))


def step_words(at: int, name: Any) -> str:
    return f"Step {at + 1} ({name})" if isinstance(name, str) and name else f"Step {at + 1}"


def as_plain(journey: Journey) -> dict[str, Any]:
    """The document as it is kept: with all defaults, so that a changed default changes nothing."""
    return msgspec.json.decode(msgspec.json.encode(journey), type=dict[str, Any])


def _read(given: Mapping[str, Any], type_: type[Read], place: str, *, words: str = "") -> Read:
    try:
        return msgspec.convert(given, type_)
    except msgspec.ValidationError as error:
        text, _, inner = str(error).partition(" - at `$")
        inner = inner.rstrip("`").lstrip(".").replace("[...]", "").replace("[", ".").replace("]", "")
        if not inner and ": " in text and text.partition(": ")[0].replace("_", "").replace(".", "").isalpha():
            # Said by a check of ours, which names the field itself.
            inner, _, text = text.partition(": ")
        field = ".".join(filter(None, [place, inner]))
        said = ", ".join(filter(None, [words, inner]))
        raise BadDocument(f"{said}: {text}." if said else f"{text}.", field=field) from None


def _with_secrets_apart(plain: Mapping[str, Any]) -> dict[str, Any]:
    """Variables whose names say that they are secret are kept as secrets."""
    variables, secrets = plain.get("variables") or {}, plain.get("secrets") or {}
    if not isinstance(variables, Mapping) or not isinstance(secrets, Mapping):
        return dict(plain)
    moved = {
        name: value
        for name, value in variables.items()
        if isinstance(value, str) and name not in secrets and RULES.is_sensitive_key(str(name))
    }
    kept = {name: value for name, value in variables.items() if name not in moved and name not in secrets}
    apart = {**plain, "variables": kept, "secrets": {**secrets, **moved}}
    rows = plain.get("rows")
    if isinstance(rows, list) and all(isinstance(row, Mapping) for row in rows):
        apart["rows"] = [_row_apart(row, number, apart["secrets"]) for number, row in enumerate(rows, 1)]
    return apart


def _row_apart(row: Mapping[str, Any], number: int, secrets: dict[str, Any]) -> dict[str, Any]:
    """The row with variables in the place of what its columns say is secret; `secrets` takes the values."""
    kept = dict(row)
    for name, value in row.items():
        is_bare = isinstance(value, str) and value and not HOLE.search(value)
        if is_bare and RULES.is_sensitive_key(str(name)):
            known = f"{name}_{number}"
            while known in secrets:
                known += "_"
            secrets[known], kept[name] = value, "{{" + known + "}}"
    return kept


def _check_names(journey: Journey) -> None:
    rows = [("rows", name) for row in journey.rows for name in row]
    named = [("variables", name) for name in journey.variables] + [
        ("secrets", name) for name in journey.secrets
    ]
    for place, name in [*named, *rows]:
        if not NAME.fullmatch(name):
            raise BadDocument(
                f"{place}: {name[:40]!r} is no name: letters, digits, dots, dashes.", field=place
            )
    seen: set[str] = set()
    for at, step in enumerate(journey.steps):
        if step.name in seen:
            raise BadDocument(
                f"{step_words(at, step.name)}: a step before has the same name.", field=f"steps.{at}.name"
            )
        seen.add(step.name)
        if step.condition and asks_too_much(read_condition(step.condition), journey):
            raise BadDocument(
                f"{step_words(at, step.name)}, if: of a secret only 'exists' and 'absent' are asked.",
                field=f"steps.{at}.condition",
            )


def asks_too_much(condition: Condition, journey: Journey) -> bool:
    """Whether the steps that run would tell a secret, letter by letter."""
    found = {each.name for step in journey.steps for each in step.extract if each.secret}
    is_of_secret = bool(reached([condition.name], journey) & {*journey.secrets, *found})
    return is_of_secret and condition.comparison not in ("exists", "absent")


def reached(names: Iterable[str], journey: Journey) -> set[str]:
    """The names, and those that stand in what these may stand for, and so on: whatever a text with them may
    hold at last."""
    found: set[str] = set()
    new = set(names)
    while new:
        found |= new
        values = [
            each[name] for each in (journey.variables, *journey.rows) for name in new if name in each
        ] + [each.of for step in journey.steps for each in step.extract if each.name in new]
        new = {name for value in values if isinstance(value, str) for name in names_in(value)} - found
    return found


def _check_values(journey: Journey) -> None:
    for place, values in (("variables", journey.variables), *(("rows", row) for row in journey.rows)):
        for name, value in values.items():
            if not _is_json(value):
                raise BadDocument(f"{place}: {name} is nothing that JSON can say.", field=place)


def _is_json(value: Any, depth: int = 0) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)
    if value is None or isinstance(value, str | bool | int):
        return True
    if depth > 20:
        return False
    if isinstance(value, list):
        return all(_is_json(each, depth + 1) for each in value)
    if isinstance(value, Mapping):
        return all(isinstance(name, str) and _is_json(each, depth + 1) for name, each in value.items())
    return False


def read_condition(text: str) -> Condition:
    """Raises ValueError."""
    name, _, rest = text.strip().partition(" ")
    comparison, _, target = rest.strip().partition(" ")
    comparison = {"=": "==", "is": "=="}.get(comparison, comparison)
    if not NAME.fullmatch(name) or comparison not in Comparison.__args__ or comparison == "valid":  # type: ignore[attr-defined] # of a Literal
        raise ValueError('condition: write a variable, a comparison and a value, as role == "admin"')
    try:
        value = json.loads(target) if target.strip() else None
    except ValueError:
        value = target.strip()
    try:
        # What could never be compared says so now.
        check_comparison(comparison, value)
    except BadAssertion as error:
        raise ValueError(f"condition: {str(error).rstrip('.')}") from None
    return Condition(name=name, comparison=comparison, target=value)


# --- Secrets in plain words --------------------------------------------------------------------------------


def plain_secrets(step: Step) -> Iterator[tuple[str, str]]:
    """Places of a step that hold a secret in plain words, and what they are called there."""
    for name, value in step.headers:
        if holds_secret(name, value):
            yield "headers", name
    if masking.mask_url(without_holes(step.url), rules=RULES) != without_holes(step.url):
        yield "url", "a part of it"
    bare = without_holes(step.body)
    if masking.mask_body(bare, content_type=None, rules=RULES) != bare:
        yield "body", "a value in it"


def holds_secret(name: str, value: str) -> bool:
    """Whether a header says a secret itself, and names no variable for it."""
    if HOLE.search(value) or value.strip().lower() in ("", *SCHEMES):
        return False
    return masking.mask_headers({name: value}, rules=RULES)[name] != value
