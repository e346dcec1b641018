"""Which rows are an organization's: found by following the foreign keys, so that no new noun is forgotten."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from graphlib import TopologicalSorter
from typing import Any
from uuid import UUID

from django.apps import apps
from django.db.models import ForeignKey, Model, QuerySet

from monitor.models import AlertEvaluation, AlertRule, AlertRuleChange, ExclusionRule, Organization, Service

# Rows that name what they belong to without a foreign key: column, and what it names.
WITHOUT_KEYS: Mapping[type[Model], tuple[str, type[Model]]] = {
    AlertEvaluation: ("rule_id", AlertRule),
    AlertRuleChange: ("service_id", Service),
}


@dataclass(frozen=True, kw_only=True)
class Noun:
    """A table with rows of organizations. `path` leads from a row to its organization, as in filters."""

    model: type[Model]
    path: str
    parent: "Noun | None" = None

    @property
    def name(self) -> str:
        return self.model._meta.db_table

    def rows(self, organization_id: UUID) -> QuerySet[Any]:
        everything = self.model._base_manager.all()
        if self.parent is None:
            return everything.filter(**{self.path: organization_id})
        parents = self.parent.rows(organization_id).values("pk")
        return everything.filter(**{f"{self.path}__in": parents})


@cache
def nouns() -> tuple[Noun, ...]:
    """Every noun, what points at others before what is pointed at: rows can be removed in this order."""
    paths = paths_to_organization()
    found = {model: Noun(model=model, path=path) for model, path in paths.items()}
    for model, (column, parent) in WITHOUT_KEYS.items():
        found[model] = Noun(model=model, path=column, parent=found[parent])
    order: TopologicalSorter[type[Model]] = TopologicalSorter()
    for model in found:
        order.add(model)
        for field in keys_of(model):
            if field.related_model in found and field.related_model is not model:
                order.add(field.related_model, model)
    for model, (_, parent) in WITHOUT_KEYS.items():
        order.add(parent, model)
    # Triggers number each change of a rule, its removal included.
    order.add(AlertRuleChange, AlertRule, ExclusionRule)
    order.add(Service, AlertRuleChange)
    return tuple(found[model] for model in order.static_order())


def paths_to_organization() -> dict[type[Model], str]:
    """Model -> the shortest way over foreign keys, those that must be set before those that may be empty."""
    # Tables of many to many too: their keys hold back the rows they name.
    models = sorted(
        apps.get_app_config("monitor").get_models(include_auto_created=True),
        key=lambda model: model._meta.db_table,
    )
    paths: dict[type[Model], str] = {}
    nearer: dict[type[Model], str] = {Organization: ""}
    while nearer:
        paths |= nearer
        nearer = {}
        for model in models:
            ways = [field for field in keys_of(model) if field.related_model in paths and model not in paths]
            if ways:
                way = min(ways, key=lambda field: (field.null, field.name))
                nearer[model] = "__".join(filter(None, (way.name, paths[way.related_model])))
    del paths[Organization]
    return paths


def keys_of(model: type[Model]) -> list[Any]:
    return [field for field in model._meta.concrete_fields if isinstance(field, ForeignKey)]
