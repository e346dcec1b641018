"""The editor of journeys: steps in fields or all of it as YAML, each the image of the other."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django import forms

from monitor.journeys.checks import ready_made
from monitor.journeys.document import MOST_STEPS, BadDocument, Journey, read_document
from monitor.journeys.lines import (
    STEP_TEXTS,
    rest_of,
    secrets_as_text,
    secrets_of,
    step_of,
    texts_of,
    variables_as_text,
    variables_of,
)
from monitor.journeys.written import as_yaml, plain_of
from monitor.models import Monitor, MonitorProxy, Service
from monitor.monitors.forms import MonitorForm, initial_settings
from monitor.probing import kind_named
from monitor.probing.kinds.http import METHODS

NEW_STEP = {"name": "", "method": "GET", "url": "", "body_type": "none", "timeout_s": "30"}


def mono(rows: int, placeholder: str = "") -> forms.Textarea:
    attrs = {"rows": rows, "class": "mono", "spellcheck": "false", "placeholder": placeholder}
    return forms.Textarea(attrs=attrs)


class StepForm(forms.Form):
    """How a step is asked for; what is right says the document."""

    name = forms.CharField(max_length=128)
    method = forms.ChoiceField(choices=[(each, each) for each in METHODS])
    url = forms.CharField(
        label="URL", widget=forms.TextInput(attrs={"placeholder": "{{base_url}}/login", "class": "mono"})
    )
    headers = forms.CharField(widget=mono(2, "Accept: application/json"), help_text="One a line.")
    body_type = forms.ChoiceField(
        label="Body is",
        choices=[
            ("none", "As written"),
            ("json", "JSON"),
            ("form", "Form"),
            ("xml", "XML"),
            ("text", "Text"),
            ("graphql", "GraphQL query"),
        ],
    )
    body = forms.CharField(widget=mono(4))
    extract = forms.CharField(
        widget=mono(2, "secret token = jsonpath $.token"),
        help_text="One a line: name = jsonpath, header, cookie, regex, status, body or url. With secret in "
        "front its value is never shown.",
    )
    assertions = forms.CharField(
        widget=mono(3, "status == 200"), help_text="One a line. With warn in front it does not fail the step."
    )
    condition = forms.CharField(
        label="Only if",
        widget=forms.TextInput(attrs={"placeholder": 'role == "admin"', "class": "mono"}),
    )
    always_run = forms.BooleanField(label="Runs also after a failure")
    statuses = forms.CharField(label="Accepted statuses", help_text="Empty: below 400, or as asserted.")
    timeout_s = forms.CharField(label="Give up after (s)")
    retries = forms.CharField(label="Retries")
    delay_ms = forms.CharField(label="Wait before (ms)")
    max_redirects = forms.CharField(label="Redirects to follow")
    auth = forms.CharField(
        label="Sign in by",
        widget=mono(3, "type: bearer\ntoken: '{{token}}'"),
        help_text="YAML: type basic, digest, bearer, api_key, oauth2 or mtls, and its options.",
    )
    before = forms.CharField(label="Script before (pm)", widget=mono(3))
    after = forms.CharField(label="Script after (pm)", widget=mono(3, "pm.test('…', () => …)"))

    use_required_attribute = False
    RARE = ("statuses", "timeout_s", "retries", "delay_ms", "max_redirects")

    def rare_row(self) -> list[Any]:
        return [self[name] for name in self.RARE]


@dataclass(kw_only=True)
class Draft:
    """A document in the making, as its fields hold it: also what is half written."""

    mode: str = "form"
    yaml: str = ""
    variables: str = ""
    secrets: str = ""
    cron: str = ""
    timezone: str = "UTC"
    on_failure: str = "stop"
    keep_cookies: bool = True
    steps: list[dict[str, Any]] = field(default_factory=list)
    rest: dict[str, Any] = field(default_factory=dict)
    # What is wrong, and in which step.
    problem: str = ""
    at_fault: int | None = None
    # The step that was just made or moved, and what of it the keyboard is at: name, up or down.
    focus: tuple[int, str] | None = None

    @classmethod
    def of(cls, journey: Journey, *, mode: str = "form") -> "Draft":
        return cls(
            mode=mode,
            yaml=as_yaml(journey) if mode == "yaml" else "",
            variables=variables_as_text(journey.variables),
            secrets=secrets_as_text(journey.secrets),
            cron=journey.cron,
            timezone=journey.timezone,
            on_failure=journey.on_failure,
            keep_cookies=journey.keep_cookies,
            steps=[texts_of(step) for step in journey.steps],
            rest=rest_of(journey),
        )

    @classmethod
    def sent(cls, data: Mapping[str, str]) -> "Draft":
        """What a browser sent, whatever it is."""
        try:
            rest = json.loads(data.get("rest", "") or "{}")
        except ValueError:
            rest = {}
        try:
            count = min(max(int(data.get("steps", "0")), 0), MOST_STEPS)
        except ValueError:
            count = 0
        return cls(
            mode="yaml" if data.get("mode") == "yaml" else "form",
            yaml=typed(data, "yaml"),
            variables=typed(data, "variables"),
            secrets=typed(data, "secrets"),
            cron=typed(data, "cron").strip(),
            timezone=typed(data, "timezone").strip() or "UTC",
            on_failure="continue" if data.get("on_failure") == "continue" else "stop",
            keep_cookies="keep_cookies" in data,
            steps=[sent_step(data, at) for at in range(count)],
            rest=rest if isinstance(rest, dict) else {},
        )

    @property
    def rest_text(self) -> str:
        return json.dumps(self.rest)

    def plain(self) -> dict[str, Any]:
        """The stored form, read but not checked. Raises BadDocument."""
        if self.mode == "yaml":
            return plain_of(self.yaml)
        return {
            **{name: self.rest[name] for name in rest_of(Journey()) if name in self.rest},
            "variables": variables_of(self.variables),
            "secrets": secrets_of(self.secrets),
            "cron": self.cron,
            "timezone": self.timezone,
            "on_failure": self.on_failure,
            "keep_cookies": self.keep_cookies,
            "steps": [step_of(step, at) for at, step in enumerate(self.steps)],
        }

    def journey(self) -> Journey:
        """Raises BadDocument."""
        return read_document(self.plain())

    def refuse(self, error: BadDocument) -> None:
        self.problem = error.message
        place, _, rest = error.field.partition(".")
        number = rest.partition(".")[0]
        self.at_fault = int(number) if place == "steps" and number.isdecimal() else None

    def turned(self, mode: str) -> "Draft":
        """The same in the other form; itself, with what is wrong, where it cannot be read."""
        try:
            return Draft.of(self.journey(), mode=mode)
        except BadDocument as error:
            self.refuse(error)
            return self

    def change(self, verb: str) -> None:
        """`add`, `add:cors`, `up:2`, `down:0`, `remove:1`, `copy:1`: steps as they stand, finished or not."""
        name, _, given = verb.partition(":")
        if name == "add":
            self.add(given)
            return
        at = int(given) if given.isdecimal() else len(self.steps)
        if at >= len(self.steps):
            return
        match name:
            case "up" if at > 0:
                self.steps.insert(at - 1, self.steps.pop(at))
                # At the end of its way the button to go on is the other one.
                self.focus = (at - 1, "up" if at > 1 else "down")
            case "down" if at < len(self.steps) - 1:
                self.steps.insert(at + 1, self.steps.pop(at))
                self.focus = (at + 1, "down" if at < len(self.steps) - 2 else "up")
            case "remove":
                del self.steps[at]
            case "copy" if len(self.steps) < MOST_STEPS:
                self.steps.insert(
                    at + 1, {**self.steps[at], "name": unused(self.steps[at]["name"], self.names())}
                )
                self.focus = (at + 1, "name")

    def add(self, name: str) -> None:
        self.focus = (min(len(self.steps), MOST_STEPS - 1), "name")
        try:
            wanted = ready_made(name)
        except KeyError:
            self.steps.append({**NEW_STEP, "name": unused("Step", self.names())})
            del self.steps[MOST_STEPS:]
            return
        made = read_document({"steps": [dict(step) for step in wanted.steps]})
        for step in made.steps:
            self.steps.append(texts_of(step) | {"name": unused(step.name, self.names())})
        del self.steps[MOST_STEPS:]
        self.variables = with_names(self.variables, variables_as_text(wanted.variables))
        self.secrets = with_names(self.secrets, "\n".join(f"{secret} =" for secret in wanted.secrets))

    def names(self) -> set[str]:
        return {str(step.get("name")) for step in self.steps}

    def step_forms(self) -> list[StepForm]:
        made = [
            StepForm(prefix=f"step-{at}", initial=step, auto_id="id_%s") for at, step in enumerate(self.steps)
        ]
        if self.focus is not None and self.focus[1] == "name":
            made[self.focus[0]].fields["name"].widget.attrs["autofocus"] = True
        return made

    def focused(self) -> Sequence[str]:
        """Of each step the button that the keyboard is at: up, down or none."""
        return [self.focus[1] if self.focus and self.focus[0] == at else "" for at in range(len(self.steps))]

    def opened(self) -> Sequence[bool]:
        """Which steps stand open: the one at fault, new ones, all of a few."""
        return [
            at == self.at_fault or not step.get("url") or len(self.steps) <= 2 or self.focus == (at, "name")
            for at, step in enumerate(self.steps)
        ]


def with_names(text: str, more: str) -> str:
    """The lines, and those of `more` whose names are not there yet."""
    known = {line.partition("=")[0].strip() for line in text.splitlines()}
    new = [line for line in more.splitlines() if line.partition("=")[0].strip() not in known]
    return "\n".join([*text.splitlines(), *new])


def unused(name: str, taken: set[str]) -> str:
    if name and name not in taken:
        return name
    return next(f"{name} {at}" for at in range(2, 1000) if f"{name} {at}" not in taken)


def typed(data: Mapping[str, str], name: str) -> str:
    # Browsers send every line end of a text field as CR LF.
    return str(data.get(name, "")).replace("\r\n", "\n")


def sent_step(data: Mapping[str, str], at: int) -> dict[str, Any]:
    step: dict[str, Any] = {name: typed(data, f"step-{at}-{name}") for name in STEP_TEXTS}
    step["always_run"] = f"step-{at}-always_run" in data
    return step


class JourneyForm(MonitorForm):
    """What every monitor has, with the draft as its options."""

    def __init__(self, *args: Any, draft: Draft, **options: Any) -> None:
        super().__init__(*args, **options)
        self.draft = draft
        self.plain: dict[str, Any] = {}

    @classmethod
    def around(
        cls,
        draft: Draft,
        *,
        monitor: Monitor | None,
        services: list[Service],
        others: Sequence[Monitor] = (),
        proxies: Sequence[MonitorProxy] = (),
        data: Any = None,
        shown: Any = None,
    ) -> "JourneyForm":
        """`data` is judged; `shown` only fills the fields."""
        kind = kind_named("journey")
        initial: dict[str, Any] = {"interval_s": 300, "timeout_s": 60}
        if monitor is not None:
            initial = initial_settings(monitor)
        return cls(
            data,
            kind=kind,
            services=services,
            others=others,
            proxies=proxies,
            instance=monitor,
            initial={**initial, **(shown or {})},
            auto_id="monitor_%s",
            draft=draft,
        )

    def clean(self) -> dict[str, Any]:
        try:
            self.plain = self.draft.plain()
            read_document(self.plain)
        except BadDocument as error:
            self.draft.refuse(error)
            self.add_error(None, error.message)
            return self.cleaned_data
        return super().clean()

    def config(self, given: Mapping[str, Any]) -> dict[str, Any]:
        return self.plain
