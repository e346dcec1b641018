"""Forms of the services pages."""

from datetime import timedelta
from typing import Any

from django import forms
from django.conf import settings

from monitor.api.forms import SerializerForm
from monitor.lib.actors import Actor, Scope
from monitor.models import Organization, Service
from monitor.models.keys import KeyKind, Mode, default_scopes
from monitor.models.retention import MAX_RETENTION_DAYS, MIN_RETENTION_DAYS
from monitor.models.services import KeepBodies
from monitor.services.api import KeySerializer, ServiceSerializer

SCOPES = (
    (Scope.INGEST.value, "ingest: report requests"),
    (Scope.READ.value, "read: search and measure"),
    (Scope.REPLAY.value, "replay: send kept requests again"),
    (Scope.MANAGE.value, "manage: change services, keys and alerts"),
)
KINDS = (
    (KeyKind.OWN.value, "your own program, or OpenTelemetry"),
    (KeyKind.CLIENT_ID.value, "Apitally's client 0.x (a client ID)"),
    (KeyKind.WRITE_TOKEN.value, "Apitally's client 1.x (a write token)"),
)
OVERLAPS = (("1", "1 hour"), ("24", "1 day"), ("168", "7 days"), ("0", "no time: it ends now"))


class AboutService(SerializerForm):
    """What every service has."""

    serializer_class = ServiceSerializer

    name = forms.CharField(max_length=128)
    base_url = forms.CharField(
        label="Base URL",
        max_length=2048,
        required=False,
        help_text="Where the service answers. Replays may go there.",
        widget=forms.TextInput(attrs={"placeholder": "https://api.example.com", "inputmode": "url"}),
    )
    description = forms.CharField(max_length=512, required=False)


class RegisterForm(AboutService):
    """A new service. Who manages several organizations says in which."""

    def __init__(self, *args: Any, actor: Actor, **options: Any) -> None:
        super().__init__(*args, **options)
        mine = actor.organizations(Scope.MANAGE)
        if len(mine) > 1:
            organizations = Organization.objects.filter(id__in=mine).order_by("name")
            self.fields["organization"] = forms.ModelChoiceField(organizations, empty_label=None)

    def sent(self) -> dict[str, Any]:
        sent = super().sent()
        if isinstance(sent.get("organization"), Organization):
            sent["organization"] = sent["organization"].id
        return sent


class SettingsForm(AboutService):
    """A service as it is kept and replayed."""

    keep_bodies = forms.ChoiceField(
        label="Keep bodies of",
        choices=KeepBodies.choices,
        help_text="Headers, status and latency are kept always. Secrets are masked before anything is kept.",
    )
    replay_origins = forms.CharField(
        label="Further replay targets",
        required=False,
        help_text="One origin a line, such as http://127.0.0.1:8000. "
        "Replays go to these and to the base URL, nowhere else.",
        widget=forms.Textarea(attrs={"class": "code-input", "rows": 3, "spellcheck": "false"}),
    )

    retention_days = forms.IntegerField(
        label="Keep logs for (days)",
        required=False,
        help_text="Empty: as long as the organization says, or this installation. "
        "When you shorten it, older logs go for good within the hour.",
        widget=forms.NumberInput(attrs={"min": MIN_RETENTION_DAYS, "max": MAX_RETENTION_DAYS}),
    )
    error_retention_days = forms.IntegerField(
        label="Keep requests that failed for (days)",
        required=False,
        help_text="Empty: as long as the others.",
        widget=forms.NumberInput(attrs={"min": MIN_RETENTION_DAYS, "max": MAX_RETENTION_DAYS}),
    )

    @classmethod
    def of(cls, service: Service, data: Any = None) -> "SettingsForm":
        as_it_is = {
            "name": service.name,
            "base_url": service.base_url,
            "description": service.description,
            "keep_bodies": service.keep_bodies,
            "replay_origins": "\n".join(service.replay_origins),
            "retention_days": service.retention_days,
            "error_retention_days": service.error_retention_days,
        }
        form = cls(data, instance=service, initial=as_it_is, auto_id="settings_%s")
        inherited = service.organization.retention_days or settings.RETENTION_DAYS
        form.fields["retention_days"].widget.attrs["placeholder"] = inherited
        return form

    def clean_replay_origins(self) -> list[str]:
        lines = self.cleaned_data["replay_origins"].splitlines()
        return [line.strip() for line in lines if line.strip()]


class KeyForm(SerializerForm):
    """A new key of a service."""

    serializer_class = KeySerializer

    name = forms.CharField(
        max_length=128,
        help_text="Who will use it: a server, a stage, a person.",
        widget=forms.TextInput(attrs={"placeholder": "production", "autocomplete": "off"}),
    )
    kind = forms.ChoiceField(
        label="For",
        choices=KINDS,
        initial=KeyKind.OWN,
        required=False,
        help_text="Client libraries take nothing but their own form. Such keys report, and do nothing else.",
    )
    scopes = forms.MultipleChoiceField(
        label="It may", choices=SCOPES, initial=default_scopes, widget=forms.CheckboxSelectMultiple
    )
    mode = forms.ChoiceField(
        choices=Mode.choices, initial=Mode.LIVE, help_text="Logs of a test key are marked as test."
    )

    def clean_kind(self) -> str:
        return self.cleaned_data["kind"] or KeyKind.OWN


class RotateForm(forms.Form):
    """How long the old key goes on working."""

    overlap_hours = forms.ChoiceField(label="The old key works for another", choices=OVERLAPS, initial="24")

    def overlap(self) -> timedelta:
        return timedelta(hours=int(self.cleaned_data["overlap_hours"]))


class RemoveForm(forms.Form):
    """Removing takes the name, typed: nobody removes the wrong service by a slip."""

    name = forms.CharField(widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}))

    def __init__(self, *args: Any, service: Service, **options: Any) -> None:
        super().__init__(*args, **{"auto_id": "remove_%s", **options})
        self.service = service
        self.fields["name"].label = f"Type {service.name} to remove it"

    def clean_name(self) -> str:
        typed: str = self.cleaned_data["name"]
        if typed != self.service.name:
            raise forms.ValidationError(f"This is not “{self.service.name}”; nothing was removed.")
        return typed
