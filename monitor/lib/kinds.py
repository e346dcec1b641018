"""Registries of kinds: each module of a package that has a `KIND` is one, and nothing else has to know it."""

import importlib
import pkgutil
from typing import Any


def kinds_in(package_name: str) -> dict[str, Any]:
    """The kind of each module by its name, in the order that people choose from."""
    package = importlib.import_module(package_name)
    modules = (
        importlib.import_module(f"{package_name}.{each.name}")
        for each in pkgutil.iter_modules(package.__path__)
    )
    found = sorted((module.KIND for module in modules), key=lambda kind: (kind.order, kind.name))
    return {kind.name: kind for kind in found}
