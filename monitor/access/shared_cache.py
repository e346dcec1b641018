"""The cache of a process, but for what guards the sign-in: that is shared by all of them.

allauth keeps its counters in Django's default cache. In memory, each process would give an attacker tries of
its own and take a one-time code again; in the database as a whole, what others remember here would cost
queries on every page.
"""

from typing import Any

from django.core.cache import caches
from django.core.cache.backends.base import DEFAULT_TIMEOUT, BaseCache
from django.core.cache.backends.locmem import LocMemCache

# How allauth's keys begin: of its limits, of one-time codes that were used, of tokens of OpenID Connect.
SHARED_PREFIXES = ("allauth", "jwt:")


class MemoryWithSharedTries(BaseCache):
    def __init__(self, location: str, params: dict[str, Any]) -> None:
        super().__init__(params)
        self._memory = LocMemCache(location, params)

    def _place(self, key: str) -> BaseCache:
        return caches["tries"] if str(key).startswith(SHARED_PREFIXES) else self._memory

    def add(
        self, key: str, value: Any, timeout: float | None = DEFAULT_TIMEOUT, version: int | None = None
    ) -> bool:
        return self._place(key).add(key, value, timeout, version)

    def get(self, key: str, default: Any = None, version: int | None = None) -> Any:
        return self._place(key).get(key, default, version)

    def set(
        self, key: str, value: Any, timeout: float | None = DEFAULT_TIMEOUT, version: int | None = None
    ) -> None:
        self._place(key).set(key, value, timeout, version)

    def touch(self, key: str, timeout: float | None = DEFAULT_TIMEOUT, version: int | None = None) -> bool:
        return self._place(key).touch(key, timeout, version)

    def delete(self, key: str, version: int | None = None) -> bool:
        return self._place(key).delete(key, version)

    def clear(self) -> None:
        """What this process remembers. What is shared lives on: nobody's tries are forgotten by a restart."""
        self._memory.clear()
