"""A small JSON client: one connection kept open, opened again when the other side closed it."""

import http.client
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

TIMEOUT_S = 10.0


class Unreachable(Exception):
    """No answer came; trying again later may help."""


class Client:
    def __init__(self, base_url: str, *, raw_key: str | None = None) -> None:
        parts = urlsplit(base_url)
        self._connection = http.client.HTTPConnection(
            parts.hostname or "127.0.0.1", parts.port, timeout=TIMEOUT_S
        )
        self._headers = {"User-Agent": "demo-shop/1.0", "Content-Type": "application/json"}
        if raw_key:
            self._headers["Authorization"] = f"Bearer {raw_key}"

    def call(
        self, method: str, path: str, body: Any = None, *, headers: Mapping[str, str] | None = None
    ) -> tuple[int, Any]:
        """Status and decoded answer. Raises Unreachable."""
        data = None if body is None else json.dumps(body)
        try:
            self._connection.request(method, path, data, {**self._headers, **(headers or {})})
            response = self._connection.getresponse()
            text = response.read()
        except (OSError, http.client.HTTPException) as error:
            self._connection.close()
            raise Unreachable(str(error)) from error
        try:
            return response.status, json.loads(text) if text else None
        except ValueError:
            return response.status, text.decode(errors="replace")
