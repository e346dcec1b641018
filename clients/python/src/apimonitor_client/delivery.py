"""One batch to the monitor, and what its answer means for the logs in it."""

import gzip
from collections.abc import Sequence
from dataclasses import dataclass

import httpx

from apimonitor_client.options import Options
from apimonitor_client.writing import joined

# Items that failed through no fault of theirs.
TRY_AGAIN = frozenset({"internal_error", "database_unavailable"})
# The batch itself is at fault; anything else that is no success may be better later, a wrong key too.
REFUSED = frozenset({400, 413, 415, 422})
SMALL_BYTES = 1024


@dataclass(frozen=True, kw_only=True)
class Delivered:
    """`again` is to be sent later, after `wait_s` when the monitor said so; `refused` never will be kept."""

    again: Sequence[bytes] = ()
    refused: int = 0
    reason: str = ""
    wait_s: float | None = None
    away: bool = False


def deliver(client: httpx.Client, options: Options, lines: Sequence[bytes]) -> Delivered:
    """Send the logs. Never raises for what the network or the monitor do."""
    body = joined(lines)
    headers = {
        "Authorization": f"Bearer {options.key}",
        "Content-Type": "application/x-ndjson",
        "User-Agent": "apimonitor-client-python/0.1.0",
    }
    if len(body) > SMALL_BYTES:
        body = gzip.compress(body, compresslevel=1)
        headers["Content-Encoding"] = "gzip"
    try:
        answer = client.post(f"{options.url}/v1/logs/batch", content=body, headers=headers)
    except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
        return Delivered(again=lines, reason=type(error).__name__, away=True)
    return judged(answer, client, options, lines)


def judged(
    answer: httpx.Response, client: httpx.Client, options: Options, lines: Sequence[bytes]
) -> Delivered:
    if answer.status_code == 201:
        return Delivered()
    if answer.status_code == 207 or (answer.status_code == 400 and faults_of(answer)):
        faults = faults_of(answer)
        again = [lines[index] for index, code in faults.items() if code in TRY_AGAIN and index < len(lines)]
        refused = {code for code in faults.values() if code not in TRY_AGAIN}
        return Delivered(
            again=again,
            refused=len(faults) - len(again),
            reason=", ".join(sorted(refused)),
            away=bool(again),
        )
    if answer.status_code == 413 and len(lines) > 1:
        middle = len(lines) // 2
        halves = [deliver(client, options, half) for half in (lines[:middle], lines[middle:])]
        return Delivered(
            again=[line for half in halves for line in half.again],
            refused=sum(half.refused for half in halves),
            reason=next((half.reason for half in halves if half.reason), ""),
            wait_s=max((half.wait_s for half in halves if half.wait_s is not None), default=None),
            away=any(half.away for half in halves),
        )
    reason = f"status {answer.status_code}"
    if answer.status_code in REFUSED:
        return Delivered(refused=len(lines), reason=reason)
    return Delivered(again=lines, reason=reason, wait_s=retry_after(answer), away=True)


def faults_of(answer: httpx.Response) -> dict[int, str]:
    """The code of each item that was not kept, by its place."""
    try:
        errors = answer.json()["errors"]
        return {int(each["index"]): str(each["code"]) for each in errors}
    except (ValueError, KeyError, TypeError):
        return {}


def retry_after(answer: httpx.Response) -> float | None:
    given = answer.headers.get("Retry-After", "")
    return float(given) if given.isdigit() else None
