"""Reads JSON bodies strictly: what PostgreSQL cannot keep is refused here, with the reason."""

from collections.abc import Mapping
from typing import IO, Any

import msgspec
from django.conf import settings
from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser

from monitor.api.body import read_stream
from monitor.lib.kept_text import has_nul


class StrictJSONParser(BaseParser):
    media_type = "application/json"

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        body = read_stream(stream, settings.MAX_LOG_BYTES)
        try:
            data = msgspec.json.decode(body)
            nul = has_nul(data)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise ParseError(f"The body is not JSON: {error}", code="malformed_json") from None
        except RecursionError:
            raise ParseError("The body's JSON is nested too deeply.", code="malformed_json") from None
        if nul:
            raise ParseError("The body holds a NUL character, which cannot be kept.", code="malformed_json")
        if not isinstance(data, dict):
            raise ParseError("The body must be a JSON object.", code="malformed_json")
        return data
