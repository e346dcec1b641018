"""What the product tells of a service, read over HTTP as anybody's program reads it."""

from collections import Counter
from typing import Any

import httpx

SECONDS = 30


class Api:
    """The API with one key; `always` is asked for with every question about traffic."""

    def __init__(self, address: str, key: str, **always: str) -> None:
        self._address, self._headers = address, {"Authorization": f"Bearer {key}"}
        self._always = always

    def read(self, path: str, **asked: Any) -> Any:
        answer = httpx.get(self._address + path, params=asked, headers=self._headers, timeout=SECONDS)
        answer.raise_for_status()
        return answer.json()

    # --- Single requests -----------------------------------------------------------------------------------

    def logs(self, **asked: Any) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.read("/v1/logs", **{"limit": 500, **self._always, **asked})
        return found

    def detail(self, log_id: str) -> dict[str, Any]:
        found: dict[str, Any] = self.read(f"/v1/logs/{log_id}")
        return found

    def details(self, **asked: Any) -> list[dict[str, Any]]:
        return [self.detail(log["id"]) for log in self.logs(**asked)]

    def logged(self) -> Counter[tuple[str, int]]:
        """Logs by method and status."""
        return Counter((log["method"], log["status_code"]) for log in self.logs())

    # --- Numbers -------------------------------------------------------------------------------------------

    def metrics(self, **asked: Any) -> dict[str, Any]:
        found: dict[str, Any] = self.read("/v1/metrics", **{**self._always, **asked})
        return found

    def total(self) -> int:
        found: int = self.metrics()["total_requests"]
        return found

    def counted(self) -> Counter[tuple[str, int]]:
        """Requests by method and status."""
        return Counter(
            {
                (method, int(status)): count
                for method in ("GET", "POST")
                for status, count in self.metrics(method=method)["by_status"].items()
            }
        )

    def by(self, what: str) -> dict[str, int]:
        return {each["name"]: each["total_requests"] for each in self.metrics(group_by=what)["groups"]}

    # --- Who, what and where -------------------------------------------------------------------------------

    def consumers(self) -> dict[str, tuple[str, str, int]]:
        """Name, group and requests of each."""
        found = self.read("/v1/consumers", **self._always)
        return {each["identifier"]: (each["name"], each["group"], each["requests"]) for each in found}

    def endpoints(self) -> dict[str, int]:
        """Requests of each, those that nobody called too."""
        found = self.read("/v1/endpoints", **self._always)
        return {f"{each['method']} {each['route']}": each["requests"] for each in found}

    def reported_errors(self, method: str, route: str) -> list[dict[str, Any]]:
        """What clients counted at an endpoint."""
        all_ = self.read("/v1/endpoints", **self._always)
        ids = [each["id"] for each in all_ if (each["method"], each["route"]) == (method, route)]
        found: list[dict[str, Any]] = self.read(f"/v1/endpoints/{ids[0]}")["reported_errors"] if ids else []
        return found

    def instances(self) -> list[dict[str, Any]]:
        (service,) = self.read("/v1/services")
        found: list[dict[str, Any]] = self.read(f"/v1/services/{service['id']}/instances")
        return found

    def has_started(self) -> bool:
        """Whether all processes that were heard of told that they started."""
        found = self.instances()
        return bool(found) and all(each["started_at"] for each in found)
