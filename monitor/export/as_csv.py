"""CSV for spreadsheets: RFC 4180, UTF-8, a log a row, without headers and bodies."""

import csv
from collections.abc import Callable, Mapping
from io import StringIO

from monitor.export.walking import Exported
from monitor.models import RequestLog

# A spreadsheet computes what begins like this (the last four are full-width), also after blanks:
# https://owasp.org/www-community/attacks/CSV_Injection
STARTS_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", *"\uff1d\uff0b\uff0d\uff20")
COLUMNS: Mapping[str, Callable[[RequestLog], object]] = {
    "id": lambda log: log.id,
    "captured_at": lambda log: log.captured_at.isoformat(),
    "service": lambda log: log.service.name,
    "method": lambda log: log.method,
    "path": lambda log: log.path,
    "route": lambda log: log.route,
    "url": lambda log: log.url,
    "status_code": lambda log: log.status_code,
    "latency_ms": lambda log: log.latency_ms,
    "error": lambda log: log.error,
    "consumer": lambda log: log.consumer_identifier,
    "environment": lambda log: log.environment,
    "mode": lambda log: log.mode,
    "tags": lambda log: ";".join(log.tags),
    "trace_id": lambda log: log.trace_id,
    "source_ip": lambda log: log.source_ip,
    "request_bytes": lambda log: log.request_bytes,
    "response_bytes": lambda log: log.response_bytes,
    "service_id": lambda log: log.service_id,
}


def safe(value: object) -> object:
    """The value, with an apostrophe in front of texts that a spreadsheet would take for a formula."""
    if isinstance(value, str) and (value[:1] in STARTS_FORMULA or value.lstrip()[:1] in STARTS_FORMULA):
        return f"'{value}" if value else value
    return value


def line(values: list[object]) -> str:
    text = StringIO()
    csv.writer(text).writerow([safe(value) for value in values])
    return text.getvalue()


class Csv:
    name = "csv"
    content_type = "text/csv; charset=utf-8"
    with_payloads = False
    beginning = line(list(COLUMNS))
    between = ""
    end = ""

    def write(self, exported: Exported, *, bodies: bool) -> str:
        return line([value(exported.log) for value in COLUMNS.values()])
