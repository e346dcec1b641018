"""Form fields of the options that a kind of monitor or of channel asks for."""

from collections.abc import Mapping
from typing import Any

import msgspec
from django import forms

from monitor.lib.options import Field


def split(text: str) -> list[str]:
    return [word.strip() for line in text.splitlines() for word in line.split(",") if word.strip()]


def place_of(field: Field) -> str:
    return f"config_{field.name.replace('.', '__')}"


def form_field(field: Field) -> forms.Field:
    shared: dict[str, Any] = {"label": field.label, "help_text": field.help, "required": field.required}
    attrs = {"placeholder": field.placeholder, "autocomplete": "off", "spellcheck": "false"}
    match field.type:
        case "number":
            return forms.IntegerField(**{**shared, "required": False})
        case "choice":
            return forms.ChoiceField(choices=field.choices, **{**shared, "required": False})
        case "truth":
            return forms.BooleanField(**{**shared, "required": False})
        case "pairs" | "rules" | "long" | "json":
            area = forms.Textarea(attrs={**attrs, "rows": 3, "class": "mono"})
            return forms.CharField(widget=area, **shared)
        case "secret":
            # Holds the mask alone: the value itself never reaches a page.
            hidden = forms.PasswordInput(attrs={**attrs, "autocomplete": "new-password"}, render_value=True)
            return forms.CharField(widget=hidden, **shared)
    return forms.CharField(widget=forms.TextInput(attrs=attrs), **shared)


def defaults_of(options: type[msgspec.Struct]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for field in msgspec.structs.fields(options):
        if field.default is not msgspec.NODEFAULT:
            found[field.name] = msgspec.to_builtins(field.default)
        elif field.default_factory is not msgspec.NODEFAULT:
            found[field.name] = msgspec.to_builtins(field.default_factory())
    return found


def look_up(config: Mapping[str, Any], name: str) -> Any:
    value: Any = config
    for part in name.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return value
