"""The picker in the shell: what is picked for all pages, and whether this page shows something else."""

from __future__ import annotations

from dataclasses import dataclass

from django import template
from django.template import Context

from monitor.lib.addresses import PICKED_NAMES
from monitor.models.keys import Mode
from monitor.search.picked import Picked, picked_of

register = template.Library()

# The pages that go by what is picked, by their section.
GO_BY_BOTH = ("logs", "metrics", "endpoints", "consumers")
MODES = (("", "All"), *Mode.choices)


@dataclass(frozen=True, kw_only=True)
class Picker:
    """`address` is the page's own. `is_other` where the page's address says something else than is picked."""

    picked: Picked
    modes: tuple[tuple[str, str], ...]
    address: str
    is_other: bool


@register.simple_tag(takes_context=True)
def picker(context: Context) -> Picker:
    request = context["request"]
    picked = picked_of(request)
    section = context.get("section")
    names = PICKED_NAMES if section in GO_BY_BOTH else ("mode",) if section == "issues" else ()
    is_list = getattr(request.resolver_match, "kwargs", None) == {} and request.method in ("GET", "HEAD")
    return Picker(
        picked=picked,
        modes=MODES,
        # Only what can be asked for again is led back to.
        address=request.get_full_path() if request.method in ("GET", "HEAD") else "",
        is_other=is_list
        and any(request.GET.get(name, "") != picked.values.get(name, "") for name in names)
        and section not in ("", None),
    )
