"""The questions that readers ask of a history, each with what it may take."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from urllib.parse import urlencode

from bench.traffic import COMMON_PATH, COMMON_TAG, RARE_CONSUMER, RARE_PATH, RARE_TAG
from monitor.models.partitions import start_of

DAY = timedelta(days=1)


# Parameters of a list, by the question's name.
Named = Mapping[str, Mapping[str, object]]


class Kind(StrEnum):
    """What is asked, and the target: milliseconds at the most logs, and whether it may grow by 2 at most."""

    FLOOR = "a request that asks nothing"
    LIST = "newest 50, one filter"
    PATH = "paths of closed days"
    PAIR = "listed pairs of filters"
    OTHER = "other combinations"
    DETAIL = "one log"
    NUMBERS = "metrics and charts"
    PAGE = "dashboard and facets"


@dataclass(frozen=True, kw_only=True)
class Target:
    ms: float
    growth: float | None = None


TARGETS: Mapping[Kind, Target] = {
    Kind.LIST: Target(ms=25, growth=2),
    Kind.PATH: Target(ms=25, growth=2),
    Kind.PAIR: Target(ms=25, growth=2),
    # The walk's own limit, and what the request takes beside it.
    Kind.OTHER: Target(ms=350),
    Kind.DETAIL: Target(ms=25, growth=2),
    Kind.NUMBERS: Target(ms=50, growth=2),
    Kind.PAGE: Target(ms=500),
}


@dataclass(frozen=True, kw_only=True)
class Subjects:
    """What is there to ask about: ids differ from database to database."""

    shop: str
    billing: str
    busy: str
    quiet: str
    newest: datetime
    deep: list[dict[str, Any]]
    """A page of rows in mid-history."""


@dataclass(frozen=True, kw_only=True)
class Question:
    kind: Kind
    name: str
    path: str


def questions_about(about: Subjects) -> list[Question]:
    """In the same order for every history, with the same names."""
    return [
        Question(kind=Kind.FLOOR, name="nothing (/health/live)", path="/health/live"),
        *(Question(kind=kind, name=name, path=logs(**given)) for kind, name, given in lists(about)),
        Question(kind=Kind.DETAIL, name="one log with its bodies", path=f"/v1/logs/{about.deep[0]['id']}"),
        Question(kind=Kind.DETAIL, name="one log, the page", path=f"/log/{about.deep[0]['id']}"),
        *numbers(about),
        *dashboard(about),
    ]


def logs(**given: object) -> str:
    return f"/v1/logs?{urlencode({'limit': 50, **given})}"


def lists(about: Subjects) -> Iterator[tuple[Kind, str, Mapping[str, object]]]:
    for kind, named in (
        (Kind.LIST, single_filters(about)),
        (Kind.PATH, paths(about)),
        (Kind.PAIR, pairs(about)),
        (Kind.OTHER, others(about)),
    ):
        for name, given in named.items():
            yield kind, name, given


def single_filters(about: Subjects) -> Named:
    middle = about.newest - 15 * DAY
    trace = next((row["trace_id"] for row in about.deep if row["trace_id"]), "0" * 32)
    return {
        "newest 50": {},
        "service, common": {"service_id": about.shop},
        "service, rare (1 %)": {"service_id": about.billing},
        "endpoint, common": {"endpoint_id": about.busy},
        "endpoint, rare": {"endpoint_id": about.quiet},
        "method, common": {"method": "GET"},
        "method, rare": {"method": "DELETE"},
        "method, none": {"method": "TRACE"},
        "status code, common": {"status_code": 200},
        "status code, rare": {"status_code": 503},
        "status code, none": {"status_code": 418},
        "status class 2xx": {"status_class": "2xx"},
        "status class 5xx": {"status_class": "5xx"},
        "latency from 10 ms": {"min_latency_ms": 10},
        "latency from 300 ms (1 %)": {"min_latency_ms": 300},
        "latency from 1.5 s (1 in 50,000)": {"min_latency_ms": 1500},
        "latency 50.0-50.1 ms": {"min_latency_ms": 50, "max_latency_ms": 50.1},
        "has error text": {"has_error": "true"},
        "no error text": {"has_error": "false"},
        "tag, common": {"tag": COMMON_TAG},
        "tag, rare": {"tag": RARE_TAG},
        "tag, none": {"tag": "nobody"},
        "environment, common": {"environment": "prod"},
        "environment, none": {"environment": "dev"},
        "mode, none": {"mode": "test"},
        "consumer, common": {"consumer": "customer-0001"},
        "consumer, middling (1 in 300)": {"consumer": "customer-0050"},
        "consumer, rare": {"consumer": RARE_CONSUMER},
        "trace id": {"trace_id": trace},
        "path holds a common text": {"path": COMMON_PATH},
        "the page after one in mid-history": {"cursor": about.deep[-1]["id"]},
        "an hour, 15 days ago": {"since": moment(middle - timedelta(hours=1)), "until": moment(middle)},
    }


def paths(about: Subjects) -> Named:
    closed = moment(start_of(about.newest.date()))
    return {
        "path holds a rare text, closed days": {"path": RARE_PATH, "until": closed},
        "path holds what is nowhere, closed days": {"path": "nowhere-at-all", "until": closed},
        "path is like a rare pattern, closed days": {"q": f"path:/v1/{RARE_PATH}/*", "until": closed},
        "path holds one number, closed days": {"path": "/123456", "until": closed},
        "path holds a common text, closed days": {"path": COMMON_PATH, "until": closed},
    }


def pairs(about: Subjects) -> Named:
    """Those that docs/search.md lists."""
    return {
        "service and consumer, both rare": {"service_id": about.billing, "consumer": RARE_CONSUMER},
        "service and status 5xx": {"service_id": about.shop, "status_class": "5xx"},
        "rare service and status 5xx": {"service_id": about.billing, "status_class": "5xx"},
        "rare service and slow": {"service_id": about.billing, "min_latency_ms": 300},
        "rare service and rare tag": {"service_id": about.billing, "tag": RARE_TAG},
        "endpoint and consumer, both rare": {"endpoint_id": about.quiet, "consumer": RARE_CONSUMER},
        "endpoint and status 5xx": {"endpoint_id": about.busy, "status_class": "5xx"},
        "rare endpoint and status 503": {"endpoint_id": about.quiet, "status_code": 503},
        "endpoint and slow": {"endpoint_id": about.busy, "min_latency_ms": 300},
        "consumer and status 5xx": {"consumer": "customer-0001", "status_class": "5xx"},
        "rare consumer and status 503": {"consumer": RARE_CONSUMER, "status_code": 503},
        "consumer and slow": {"consumer": "customer-0001", "min_latency_ms": 300},
        "status 5xx and slow": {"status_class": "5xx", "min_latency_ms": 300},
        "environment and status 5xx": {"environment": "staging", "status_class": "5xx"},
    }


def others(about: Subjects) -> Named:
    return {
        "path holds what is nowhere, all days": {"path": "nowhere-at-all"},
        "two common that never meet": {"endpoint_id": about.busy, "method": "POST"},
        "method and status, each uncommon": {"method": "DELETE", "status_code": 503},
        "three, none of them rare": {"method": "GET", "status_class": "4xx", "q": "latency:20..21"},
        "common, and a path that is nowhere": {"service_id": about.shop, "path": "nowhere-at-all"},
        "common, but for what is common": {"status_class": "2xx", "q": "-status:200 -status:201 -status:204"},
    }


def numbers(about: Subjects) -> Iterator[Question]:
    def since(span: timedelta, **given: object) -> str:
        return f"/v1/metrics?{urlencode({'since': moment(about.newest - span), **given})}"

    for name, path in {
        "metrics of 1 h": since(timedelta(hours=1)),
        "metrics of 3 h": since(timedelta(hours=3)),
        "metrics of 24 h": since(DAY),
        "metrics of 30 d": since(30 * DAY),
        "metrics of 30 d, one service": since(30 * DAY, service_id=about.billing),
        "metrics of 30 d, one endpoint": since(30 * DAY, endpoint_id=about.busy),
        "metrics of 30 d, one consumer": since(30 * DAY, consumer="customer-0001"),
        "metrics of 30 d, status 5xx": since(30 * DAY, status_class="5xx"),
        "by minute, 1 h": since(timedelta(hours=1), interval="minute"),
        "by 10 minutes, 24 h": since(DAY, interval="600"),
        "by 6 hours, 30 d": since(30 * DAY, interval="21600"),
        "grouped by endpoint, 24 h": since(DAY, group_by="endpoint"),
        "grouped by endpoint, 30 d": since(30 * DAY, group_by="endpoint"),
        "grouped by consumer, 30 d": since(30 * DAY, group_by="consumer", limit=50),
        "grouped by status class, 30 d": since(30 * DAY, group_by="status_class"),
    }.items():
        yield Question(kind=Kind.NUMBERS, name=name, path=path)


def dashboard(about: Subjects) -> Iterator[Question]:
    """The page shows the table first and asks for the values then: a reader waits for both."""

    def facets(**given: object) -> str:
        return f"/v1/logs/facets?{urlencode({'since': moment(about.newest - 30 * DAY), **given})}"

    for name, path in {
        "dashboard, first paint": "/dashboard",
        "dashboard, 30 d": "/dashboard?window=all",
        "dashboard, values of 30 d": "/dashboard/facets?window=all",
        "facets of 30 d": facets(),
        "facets of 30 d, a class excluded": facets(q="-status:2xx"),
        "facets of 30 d, one consumer": facets(consumer="customer-0001"),
        "facets of 30 d, a common text in the path": facets(path=COMMON_PATH),
    }.items():
        yield Question(kind=Kind.PAGE, name=name, path=path)


def moment(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")
