"""The editor of a replay."""

from typing import Any

from django import forms
from django.utils.datastructures import MultiValueDict

from monitor.lib.masking import contains_mask
from monitor.replay.api import OverridesSerializer
from monitor.replay.editor import HeaderLine, Start, overrides_from
from monitor.replay.prepare import Overrides, ReplayRefused

SPARE_LINES = 2
MAX_HEADER_LINES = 200
# What the verbs call the parts of a replay, and the field of the editor that shows each.
FIELD_OF = {"url": "override_url"}


class HeaderLinesWidget(forms.Widget):
    """Pairs of inputs for name and value, and a few empty ones for more."""

    template_name = "replay/_headers.html"

    def __init__(self, start: Start) -> None:
        super().__init__()
        self.start = start

    def value_from_datadict(self, data: Any, files: MultiValueDict[str, Any], name: str) -> list[HeaderLine]:
        pairs = zip(data.getlist(f"{name}_name"), data.getlist(f"{name}_value"), strict=False)
        return [(header.strip(), value.strip()) for header, value in pairs][:MAX_HEADER_LINES]

    def get_context(self, name: str, value: Any, attrs: Any) -> dict[str, Any]:
        context: dict[str, Any] = super().get_context(name, value, attrs)
        typed: list[HeaderLine] = [line for line in value or [] if any(line)]
        context["widget"]["lines"] = [
            {"name": header, "value": text, "is_masked": header.lower() in self.start.masked_headers}
            for header, text in [*typed, *[("", "")] * SPARE_LINES]
        ]
        return context

    def id_for_label(self, id_: str) -> str:
        return f"{id_}_0"


class ReplayForm(forms.Form):
    """Starts from the original; `overrides()` tells what was changed. The API's serializer checks that."""

    override_url = forms.CharField(
        label="URL",
        max_length=8192,
        widget=forms.TextInput(attrs={"class": "code-input", "spellcheck": "false"}),
    )
    override_headers = forms.Field(label="Headers", required=False)
    override_body = forms.CharField(
        label="Body",
        required=False,
        strip=False,
        widget=forms.Textarea(attrs={"class": "code-input", "spellcheck": "false", "rows": 8}),
    )
    send_no_body = forms.BooleanField(label="Send without a body", required=False)

    def __init__(self, data: Any = None, *, start: Start, initial: dict[str, Any] | None = None) -> None:
        as_it_was = {
            "override_url": start.url,
            "override_headers": start.headers,
            "override_body": start.body,
        }
        super().__init__(data, initial={**as_it_was, **(initial or {})}, auto_id="replay_%s")
        self.start = start
        self.fields["override_headers"].widget = HeaderLinesWidget(start)
        self.target_refused = False

    def clean_override_headers(self) -> list[HeaderLine]:
        typed: list[HeaderLine] = self.cleaned_data["override_headers"]
        for name, value in typed:
            if value and not name:
                raise forms.ValidationError("A value stands without a name.")
            if contains_mask(value):
                raise forms.ValidationError(f"{name} still holds the mask; type its real value or clear it.")
        return typed

    def clean_override_body(self) -> str:
        body: str = self.cleaned_data["override_body"]
        # An untouched body is refused by the verb, with its own reason.
        if contains_mask(body) and body.replace("\r\n", "\n") != self.start.body:
            raise forms.ValidationError("The mask still stands in the body: put a real value in its place.")
        return body

    def clean(self) -> dict[str, Any]:
        super().clean()
        if self.errors:
            return self.cleaned_data
        typed = self.cleaned_data
        sent = overrides_from(
            self.start,
            url=typed["override_url"],
            headers=typed["override_headers"],
            body=typed["override_body"],
            send_no_body=typed["send_no_body"],
        )
        self.judge = OverridesSerializer(data=sent)
        if not self.judge.is_valid():
            for name, errors in self.judge.errors.items():
                self.add_error(name, [str(error) for error in errors])
        return typed

    def overrides(self) -> Overrides:
        return self.judge.overrides()

    def refuse(self, refused: ReplayRefused) -> None:
        """Show why the verb refused at the field that is at fault, or would help."""
        self.add_error(FIELD_OF.get(refused.field, refused.field), str(refused))
