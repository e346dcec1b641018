"""The form of a monitor: what every monitor has, and what its kind asks for."""

from collections.abc import Mapping, Sequence, Sized
from copy import deepcopy
from typing import Any

from django import forms

from monitor.api.forms import SerializerForm
from monitor.api.option_forms import defaults_of, form_field, look_up, place_of, split
from monitor.lib.options import Field
from monitor.models import Monitor, MonitorProxy, Service
from monitor.models.monitors import SETTINGS
from monitor.monitors.config import takes_proxy
from monitor.monitors.serializers import MonitorSerializer
from monitor.probing import Kind
from monitor.probing.assertion_lines import as_line, from_line
from monitor.probing.assertions import Assertion
from monitor.probing.bounds import BadAssertion

COMMON = (
    "name",
    "description",
    *("service_id", "proxy_id", "parent_id"),
    *SETTINGS,
)
# What one field of text holds several of, with commas.
LISTS = ("tags", "regions")
TIES = ("service_id", "proxy_id", "parent_id")


class MonitorForm(SerializerForm):
    """Judged by the API's serializer; the kind's options are fields named after their place."""

    serializer_class = MonitorSerializer

    name = forms.CharField(max_length=128)
    interval_s = forms.IntegerField(label="Check every (s)", initial=60)
    timeout_s = forms.IntegerField(label="Give up after (s)", initial=20)
    max_retries = forms.IntegerField(
        label="Retries", initial=1, help_text="Failures in a row that are not yet an outage."
    )
    retry_interval_s = forms.IntegerField(label="Retry after (s)", initial=20)
    degraded_ms = forms.IntegerField(
        label="Slow above (ms)", required=False, help_text="Empty: never slow, only up or down."
    )
    recovery_successes = forms.IntegerField(label="Successes to recover", initial=1)
    reminder_minutes = forms.IntegerField(
        label="Remind every (min)", initial=0, help_text="While it is down; 0 for never."
    )
    service_id = forms.ChoiceField(label="Service", required=False)
    proxy_id = forms.ChoiceField(label="Through the proxy", required=False)
    most_reminders = forms.IntegerField(label="Reminders at most", initial=3, required=False)
    parent_id = forms.ChoiceField(label="Part of the group", required=False)
    regions = forms.CharField(
        label="Check from", required=False, help_text="Regions of probers, with commas; empty for any prober."
    )
    down_regions = forms.IntegerField(
        label="Down in", initial=1, required=False, help_text="So many of them have to say so."
    )
    tags = forms.CharField(required=False, help_text="With commas.")
    watches_domain = forms.BooleanField(
        label="Tell before its domain ends", required=False, help_text="Asks the registry once a day."
    )
    depends_on_ids = forms.MultipleChoiceField(
        label="Depends on",
        required=False,
        help_text="While one of these is down, nobody is told that this one is. With Ctrl or ⌘ several.",
    )
    description = forms.CharField(max_length=512, required=False)

    def __init__(
        self,
        *args: Any,
        kind: Kind,
        services: list[Service],
        others: Sequence[Monitor] = (),
        proxies: Sequence[MonitorProxy] = (),
        **options: Any,
    ) -> None:
        super().__init__(*args, **options)
        self.kind = kind
        service: Any = self.fields["service_id"]
        service.choices = [("", "None"), *((str(each.id), each.name) for each in services)]
        needed: Any = self.fields["depends_on_ids"]
        needed.choices = [(str(each.id), each.name) for each in others]
        needed.widget.attrs["size"] = list_size(needed.choices)
        proxy: Any = self.fields["proxy_id"]
        proxy.choices = [("", "None"), *((str(each.id), each.name) for each in proxies)]
        parent: Any = self.fields["parent_id"]
        groups = {str(each.id): each.name for each in others if each.kind == "group"}
        if self.instance is not None and self.instance.parent is not None:
            groups[str(self.instance.parent_id)] = self.instance.parent.name
        parent.choices = [("", "None"), *groups.items()]
        for each in kind.fields:
            self.fields[place_of(each)] = form_field(each)

    @classmethod
    def of(
        cls,
        kind: Kind,
        *,
        monitor: Monitor | None,
        services: list[Service],
        others: Sequence[Monitor] = (),
        proxies: Sequence[MonitorProxy] = (),
        data: Any = None,
    ) -> "MonitorForm":
        initial = initial_config(kind, monitor.config if monitor else None)
        if monitor is not None:
            initial |= initial_settings(monitor)
        return cls(
            data,
            kind=kind,
            services=services,
            others=others,
            proxies=proxies,
            instance=monitor,
            initial=initial,
            auto_id="monitor_%s",
        )

    @property
    def asks_for_proxy(self) -> bool:
        proxy: Any = self.fields["proxy_id"]
        return takes_proxy(self.kind) and len(proxy.choices) > 1

    def plain_fields(self) -> list[Any]:
        return [self[place_of(each)] for each in self.kind.fields if not each.is_rare]

    def rare_fields(self) -> list[Any]:
        return [self[place_of(each)] for each in self.kind.fields if each.is_rare]

    def sent(self) -> dict[str, Any]:
        given = dict(self.cleaned_data)
        sent = {name: given.get(name) for name in COMMON}
        sent |= {name: given.get(name) or None for name in TIES}
        sent |= {name: split(given.get(name, "")) for name in LISTS}
        for name in ("down_regions", "most_reminders"):
            if sent[name] is None:
                # Left empty: as it is.
                del sent[name]
        sent["depends_on_ids"] = given.get("depends_on_ids", [])
        if self.instance is None:
            sent["kind"] = self.kind.name
        sent["config"] = self.config(given)
        return sent

    def config(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """The options as the API takes them; what is left empty has its default, and what the form does not
        ask for stays as it is."""
        config: dict[str, Any] = deepcopy(self.instance.config) if self.instance is not None else {}
        for field in self.kind.fields:
            value = self.read(field, given.get(place_of(field)))
            into, (*path, last) = config, field.name.split(".")
            for part in path:
                into = into.setdefault(part, {})
            into.pop(last, None)
            if value is None or (value == "" and field.type != "text"):
                continue
            into[last] = value
        return {
            name: value for name, value in config.items() if not (isinstance(value, dict) and is_blank(value))
        }

    def read(self, field: Field, value: Any) -> Any:
        if isinstance(value, str):
            # Browsers send CRLF: a body would change by being looked at, and its mask be none.
            value = value.replace("\r\n", "\n")
        match field.type:
            case "lines":
                return split(value or "") or None
            case "pairs":
                lines = [line.partition(":") for line in (value or "").splitlines() if line.strip()]
                return [[name.strip(), text.strip()] for name, _, text in lines]
            case "rules":
                return self.rules(field, value or "")
        return value

    def rules(self, field: Field, text: str) -> list[dict[str, Any]]:
        found = []
        for number, line in enumerate(text.splitlines(), 1):
            if not line.strip():
                continue
            try:
                found.append(as_builtins(from_line(line)))
            except BadAssertion as error:
                self.add_error(place_of(field), f"Line {number}: {error}")
        return found


def list_size(choices: Sized) -> int:
    """How many rows a list of which several may be chosen shows: all of a few, and no half ones."""
    return min(max(len(choices), 2), 8)


def as_builtins(assertion: Assertion) -> dict[str, Any]:
    return {
        "source": assertion.source,
        "property": assertion.property,
        "comparison": assertion.comparison,
        "target": assertion.target,
        "severity": assertion.severity,
    }


def is_blank(options: Mapping[str, Any]) -> bool:
    return all(value in ("", None, [], "none") for value in options.values())


def initial_settings(monitor: Monitor) -> dict[str, Any]:
    """What the form shows of any kind's monitor."""
    return {
        **{name: getattr(monitor, name) for name in COMMON},
        **{name: str(getattr(monitor, name) or "") for name in TIES},
        **{name: ", ".join(getattr(monitor, name)) for name in LISTS},
        "depends_on_ids": [str(id_) for id_ in monitor.depends_on_ids],
    }


def initial_config(kind: Kind, config: Mapping[str, Any] | None) -> dict[str, Any]:
    """What the form shows at first: the monitor's options, or the kind's defaults."""
    known = config if config is not None else defaults_of(kind.options)
    return {place_of(field): shown_value(field, look_up(known, field.name)) for field in kind.fields}


def shown_value(field: Field, value: Any) -> Any:
    match field.type:
        case "lines":
            return ", ".join(value or [])
        case "pairs":
            return "\n".join(f"{name}: {text}" for name, text in value or [])
        case "rules":
            return "\n".join(as_line(Assertion(**each)) for each in value or [])
    return value
