"""How values look in the admin: as on the pages, from the same tags."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from django.db.models import Model
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from monitor.templatetags import ui

NOTHING = SafeString('<span class="dim">-</span>')


def moment(
    at: datetime | None, form: str = "moment", *, otherwise: SafeString | str = NOTHING
) -> SafeString | str:
    """The moment in UTC, in the form that `ui.moment` knows; times.js rewrites it in the reader's zone."""
    return otherwise if at is None else ui.moment(at, form)


def code(text: object) -> SafeString:
    return format_html("<code>{}</code>", ui.maybe_masked(str(text)))


def block(text: str | None) -> SafeString:
    """Text that others sent, laid out when it is JSON, masks under their lock."""
    if text is None:
        return NOTHING
    if text == "":
        return SafeString('<span class="dim">empty</span>')
    return format_html(
        '<div class="code code-tall code-wrap"><pre><code>{}</code></pre></div>', ui.json_view(text)
    )


def as_json(value: object) -> SafeString:
    return block(json.dumps(value, ensure_ascii=False)) if value else NOTHING


def pairs(values: Mapping[str, Any] | None) -> SafeString:
    """Names beside values; a name with several values stands several times."""
    if not values:
        return NOTHING
    lines = [
        (name, ui.maybe_masked(str(each)))
        for name, value in values.items()
        for each in (value if isinstance(value, list) else [value])
    ]
    rows = format_html_join("", "<dt>{}</dt><dd>{}</dd>", lines)
    return format_html('<dl class="kv kv-mono">{}</dl>', rows)


def link_to(target: Model | None, words: object = None) -> SafeString:
    """A link to the row's own page in the admin."""
    if target is None:
        return NOTHING
    return format_html('<a href="{}">{}</a>', page_of(target), target if words is None else words)


def page_of(target: Model) -> str:
    return reverse(f"admin:{target._meta.app_label}_{target._meta.model_name}_change", args=[target.pk])


def list_of(model: type[Model], **filters: object) -> str:
    """The address of a model's list, filtered."""
    address = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
    return f"{address}?{urlencode(filters)}" if filters else address
