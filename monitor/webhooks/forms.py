"""Forms of webhook endpoints."""

import re
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from django import forms

from monitor.api.forms import SerializerForm
from monitor.models import Organization, WebhookEndpoint
from monitor.models.keys import Mode
from monitor.models.webhooks import SignatureScheme
from monitor.webhooks.api import WebhookEndpointSerializer

OVERLAPS = ((0, "at once: it has leaked"), (1, "1 hour"), (24, "24 hours"), (168, "7 days"))
SPANS = ((1, "last hour"), (24, "last 24 hours"), (168, "last 7 days"), (720, "last 30 days"))


class EndpointForm(SerializerForm):
    """The API's serializer judges; lists and headers are written as lines of text."""

    serializer_class = WebhookEndpointSerializer

    url = forms.CharField(
        label="URL",
        max_length=2048,
        widget=forms.URLInput(
            attrs={"placeholder": "https://shop.example/hooks/monitor", "autocomplete": "off"}
        ),
    )
    enabled_events = forms.CharField(
        label="Events",
        help_text="Types, with blanks between them. <code>alert.*</code> is all that begin so, <code>*</code>"
        " is everything.",
        widget=forms.TextInput(
            attrs={
                "placeholder": "alert.* key.revoked",
                "autocomplete": "off",
                "spellcheck": "false",
                "list": "event-types",
            }
        ),
    )
    description = forms.CharField(max_length=512, required=False)
    environment = forms.CharField(
        max_length=64, required=False, help_text="Only events of this environment. Empty: all."
    )
    rate_limit_per_minute = forms.IntegerField(
        label="Deliveries a minute",
        required=False,
        min_value=1,
        help_text="At most. Empty: no limit.",
    )
    signature = forms.ChoiceField(
        choices=SignatureScheme.choices,
        initial=SignatureScheme.SHARED,
        help_text="Of the next secret. Libraries everywhere know v1; v1a keeps the signing key here.",
    )
    headers = forms.CharField(
        label="Headers",
        required=False,
        strip=False,
        widget=forms.Textarea(
            attrs={
                "rows": 2,
                "class": "code-input",
                "placeholder": "Authorization: Bearer …",
                "spellcheck": "false",
                "autocomplete": "off",
            }
        ),
        help_text="One a line, as <code>Name: value</code>. Values are sealed and never shown again.",
    )

    def sent(self) -> dict[str, Any]:
        fields = dict(self.cleaned_data)
        fields["enabled_events"] = [
            word for word in re.split(r"[\s,]+", fields.get("enabled_events", "")) if word
        ]
        if (lines := fields.pop("headers", "").strip()) or self.instance is None:
            fields["headers"] = headers_from(lines)
        return {name: value for name, value in fields.items() if name != "organization" or value}

    @classmethod
    def of(cls, endpoint: WebhookEndpoint, data: Any = None) -> "EndpointForm":
        """The form of an endpoint. Headers are left as they are when none is written."""
        initial = {name: getattr(endpoint, name) for name in cls.base_fields if name != "headers"}
        initial["enabled_events"] = " ".join(endpoint.enabled_events)
        form = cls(data, instance=endpoint, initial=initial, auto_id="endpoint_%s")
        if endpoint.header_names:
            kept = ", ".join(endpoint.header_names)
            form.fields["headers"].help_text = f"Sent now: {kept}. Write all of them anew to change any."
        return form


class NewEndpointForm(EndpointForm):
    mode = forms.ChoiceField(choices=Mode.choices, help_text="Test: events of keys in test mode.")
    field_order = ("url", "enabled_events", "description", "mode")

    def __init__(self, *args: Any, organizations: Iterable[Organization], **options: Any) -> None:
        super().__init__(*args, **options)
        mine = [(str(each.id), each.name) for each in organizations]
        if len(mine) > 1:
            self.fields["organization"] = forms.ChoiceField(choices=mine)


def headers_from(lines: str) -> dict[str, str]:
    """Names to values. A line without a colon is a name without a value, which the serializer judges."""
    pairs = (line.partition(":") for line in lines.splitlines() if line.strip())
    return {name.strip(): value.strip() for name, _, value in pairs}


class RotateForm(forms.Form):
    overlap_hours = forms.TypedChoiceField(
        label="The old one stops", choices=OVERLAPS, coerce=int, initial=24
    )

    def overlap(self) -> timedelta:
        return timedelta(hours=self.cleaned_data["overlap_hours"])


class ResendForm(forms.Form):
    hours = forms.TypedChoiceField(label="Failed in the", choices=SPANS, coerce=int, initial=24)
    # Pressed to look first; the other button sends.
    count = forms.CharField(required=False)

    def span(self) -> timedelta:
        return timedelta(hours=self.cleaned_data["hours"])
