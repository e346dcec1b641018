"""What this installation counts about itself, by the names that GET /metrics shows."""

from bisect import bisect_left
from collections.abc import Sequence
from functools import lru_cache

from monitor.lib.tally import Key, counts

INGESTED = "apimonitor_ingested_logs_total"
REPEATED = "apimonitor_ingest_repeated_logs_total"
EXCLUDED = "apimonitor_ingest_excluded_logs_total"
# These two by the rule's id; for the service's page alone.
EXCLUDED_BY_RULE = "excluded_by_rule"
LEFT_OUT_BY_RULE = "left_out_of_counts_by_rule"
REJECTED = "apimonitor_ingest_rejected_total"
WEBHOOKS = "apimonitor_webhook_attempts_total"
NOTIFICATIONS = "apimonitor_notification_attempts_total"


# Its label of an attempt that succeeded.
DELIVERED = 'outcome="delivered"'
LIMITED = "apimonitor_rate_limited_total"
DURATION = "apimonitor_request_duration_seconds"
# Upper ends, in seconds: from a log that met a commit under way to a replay that ran into its limit.
BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)

# Asked by machines all the time; no page of ours for people.
OWN = frozenset({"/health", "/health/live", "/metrics"})


def count_kept(*, new: int, repeated: int) -> None:
    """Logs that were committed, and repeats of such as had been."""
    counts.add(INGESTED, new)
    counts.add(REPEATED, repeated)


def count_excluded(rule_id: str) -> None:
    """A log that a rule of its service says not to keep."""
    counts.add(EXCLUDED)
    counts.add(EXCLUDED_BY_RULE, labels=rule_id)


def count_left_out(rule_id: str, requests: int) -> None:
    """Requests that a client counted and a rule of its service says not to keep.

    Apart from logs, which may be of the same requests.
    """
    counts.add(LEFT_OUT_BY_RULE, requests, labels=rule_id)


def count_rejected(reason: str, amount: int = 1) -> None:
    """Logs, or whole requests to an ingestion door, that were not kept. A reason is an error's `code`."""
    counts.add(REJECTED, amount, labels=f'reason="{reason}"')


def count_webhook(outcome: str) -> None:
    """An attempt to deliver a webhook: delivered, or the class of its error."""
    counts.add(WEBHOOKS, labels=f'outcome="{outcome}"')


def count_notification(kind: str, outcome: str) -> None:
    """An attempt to tell people by a channel of this kind: told, or the class of its error."""
    counts.add(NOTIFICATIONS, labels=f'kind="{kind}",outcome="{outcome}"')


def count_limited(policy: str) -> None:
    """A request that went beyond a limit."""
    counts.add(LIMITED, labels=f'policy="{policy}"')


def count_request(face: str, duration_s: float) -> None:
    """A request that was answered; into each bucket that it fits, as Prometheus adds them up."""
    counts.add_to_all(counters_of(face, bisect_left(BUCKETS, duration_s)))
    counts.add(f"{DURATION}_sum", duration_s, labels=f'face="{face}"')


@lru_cache(maxsize=256)
def counters_of(face: str, fits_from: int) -> Sequence[Key]:
    """What one more request adds 1 to, when it fits the buckets from this place on. Remembered: writing a
    dozen names anew would cost each log 15 us."""
    ends = [str(bucket) for bucket in BUCKETS[fits_from:]] + ["+Inf"]
    labels = f'face="{face}"'
    return [
        *((f"{DURATION}_bucket", f'{labels},le="{end}"') for end in ends),
        (f"{DURATION}_count", labels),
    ]


def face_of(method: str, path: str) -> str:
    """Which face of the product answers; few words, so that nobody can make up new ones."""
    if path.startswith("/v1/"):
        return "ingest" if method == "POST" and path in ("/v1/logs", "/v1/logs/batch") else "api"
    if path.startswith("/admin"):
        return "admin"
    return "other" if path in OWN or path.startswith("/static/") else "page"
