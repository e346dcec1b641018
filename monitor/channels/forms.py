"""The form of a channel: what its kind asks for, what it is told, and when it is quiet."""

from collections.abc import Mapping
from typing import Any

from django import forms

from monitor.api.forms import SerializerForm
from monitor.api.option_forms import defaults_of, form_field, place_of, split
from monitor.channels.api import SUBJECTS, NotificationChannelSerializer
from monitor.channels.registry import Kind
from monitor.lib.options import Field
from monitor.models import NotificationChannel, Organization, Service
from monitor.models.alerts import Severity

DAYS = (
    *((0, "Monday"), (1, "Tuesday"), (2, "Wednesday"), (3, "Thursday")),
    *((4, "Friday"), (5, "Saturday"), (6, "Sunday")),
)
CHOSEN = ("services", "severities", "subjects", "quiet_days")
PLAIN = ("name", "is_default", "quiet_from", "quiet_until", "quiet_zone", "critical_wakes")


class Checks(forms.MultipleChoiceField):
    """Any number of a few, as boxes."""

    widget = forms.CheckboxSelectMultiple

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"required": False, **options})


class ClockField(forms.TimeField):
    widget = forms.TimeInput(attrs={"type": "time"}, format="%H:%M")


class ChannelForm(SerializerForm):
    """Judged by the API's serializer; the kind's options are fields named after their place."""

    serializer_class = NotificationChannelSerializer

    name = forms.CharField(max_length=128, widget=forms.TextInput(attrs={"placeholder": "Ops at night"}))
    is_default = forms.BooleanField(
        label="Default", required=False, help_text="Is told what no other channel takes, whatever it is."
    )
    subjects = Checks(label="Subjects", choices=SUBJECTS)
    severities = Checks(label="Severity", choices=Severity.choices)
    services = Checks(label="Services")
    environments = forms.CharField(
        required=False,
        widget=forms.TextInput(attrs={"placeholder": "prod, eu-1", "autocomplete": "off"}),
        help_text="With commas. Empty: all, and what is of none.",
    )
    quiet_from = ClockField(required=False, label="Quiet from")
    quiet_until = ClockField(required=False, label="until")
    quiet_zone = forms.CharField(
        label="by the clocks of",
        required=False,
        initial="UTC",
        widget=forms.TextInput(attrs={"placeholder": "Europe/Berlin", "autocomplete": "off"}),
    )
    quiet_days = Checks(label="Quiet all day", choices=DAYS)
    critical_wakes = forms.BooleanField(label="What is critical is told anyway", required=False, initial=True)

    def __init__(
        self,
        *args: Any,
        kind: Kind,
        services: list[Service],
        organizations: list[Organization] | None = None,
        **options: Any,
    ) -> None:
        super().__init__(*args, **options)
        self.kind = kind
        chosen: Any = self.fields["services"]
        chosen.choices = [(str(each.id), each.name) for each in services]
        for each in kind.fields:
            self.fields[place_of(each)] = form_field(each)
        if organizations and len(organizations) > 1:
            mine = [(str(each.id), each.name) for each in organizations]
            self.fields["organization"] = forms.ChoiceField(choices=mine)

    @classmethod
    def of(
        cls, kind: Kind, *, channel: NotificationChannel | None = None, data: Any = None, **known: Any
    ) -> "ChannelForm":
        config = channel.config if channel else defaults_of(kind.options)
        initial: dict[str, Any] = {
            place_of(field): shown(field, config.get(field.name)) for field in kind.fields
        }
        if channel is not None:
            initial |= {name: getattr(channel, name) for name in (*PLAIN, *CHOSEN)}
            initial["services"] = [str(each) for each in channel.services]
            initial["environments"] = ", ".join(channel.environments)
        return cls(data, kind=kind, instance=channel, initial=initial, auto_id="channel_%s", **known)

    def plain_fields(self) -> list[Any]:
        return [self[place_of(each)] for each in self.kind.fields if not each.is_rare]

    def rare_fields(self) -> list[Any]:
        return [self[place_of(each)] for each in self.kind.fields if each.is_rare]

    def sent(self) -> dict[str, Any]:
        given = dict(self.cleaned_data)
        said: dict[str, Any] = {name: given.get(name) for name in (*PLAIN, *CHOSEN)}
        said["environments"] = split(given.get("environments", ""))
        said["quiet_zone"] = given.get("quiet_zone") or "UTC"
        said["config"] = self.config(given)
        if self.instance is None:
            said["kind"] = self.kind.name
            # Left open, the first channel becomes the default by itself.
            said = {name: value for name, value in said.items() if name != "is_default" or value}
        if given.get("organization"):
            said["organization"] = given["organization"]
        return said

    def config(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """The options as the API takes them; what is left empty has its default."""
        values = {field.name: read(field, given.get(place_of(field))) for field in self.kind.fields}
        return {name: value for name, value in values.items() if value not in (None, "", [])}


def read(field: Field, value: Any) -> Any:
    if isinstance(value, str):
        # Browsers send CRLF: a template would change by being looked at.
        value = value.replace("\r\n", "\n")
    match field.type:
        case "lines":
            return split(value or "")
        case "pairs":
            lines = [line.partition(":") for line in (value or "").splitlines() if line.strip()]
            return [[name.strip(), text.strip()] for name, _, text in lines]
        case _:
            return value


def shown(field: Field, value: Any) -> Any:
    match field.type:
        case "lines":
            return ", ".join(value or [])
        case "pairs":
            return "\n".join(f"{name}: {text}" for name, text in value or [])
        case _:
            return value
