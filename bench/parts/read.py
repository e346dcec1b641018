"""How long readers wait, with few logs and with many: through HTTP, one request at a time."""

import http.client
import json
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from urllib.parse import quote, urlencode, urlsplit

from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from bench.bench import Bench
from bench.figures import Check, Result, Table, median
from bench.loader import load_history
from bench.traffic import COMMON_PATH, COMMON_TAG, RARE_CONSUMER, RARE_PATH, RARE_TAG
from monitor.models import Endpoint

REPEATS = 7
SLOW_MS = 25.0
EXPLAINED = Path(__file__).resolve().parents[2] / "var" / "bench"


@dataclass(frozen=True, kw_only=True)
class Question:
    name: str
    path: str
    limit_ms: float | None = None
    """The target at any size, if there is one."""
    quote_growth: bool = True


@dataclass(frozen=True, kw_only=True)
class Answered:
    ms: list[float]
    status: int


def measure(bench: Bench) -> Result:
    seen: dict[int, dict[str, Answered]] = {}
    questions: list[Question] = []
    for count in bench.options.rows:
        newest = load_history(bench, count)
        with bench.product() as address:
            questions = questions_about(address, newest)
            seen[count] = {each.name: ask(address, each, bench) for each in questions}
        slow = sorted(questions, key=lambda each: -median(seen[count][each.name].ms))
        explain(slow[:1] if bench.options.quick else slow, seen[count], count)
    result = Result(part="read", tables=[table_of(questions, seen)])
    result.checks = checks_of(questions, seen)
    return result


def questions_about(address: str, newest: datetime) -> list[Question]:
    deep = first_rows(address, {"until": moment(newest - timedelta(days=15))})
    common = Endpoint.objects.get(service__name="shop", method="GET", route="/v1/orders")
    rare = Endpoint.objects.filter(service__name="shop", method="DELETE").order_by("-route")[0]
    shop, billing = common.service_id, Endpoint.objects.filter(service__name="billing")[0].service_id
    filters: list[tuple[str, dict[str, object]]] = [
        ("newest 50", {}),
        ("service, common", {"service_id": shop}),
        ("service, rare (1 %)", {"service_id": billing}),
        ("endpoint, common", {"endpoint_id": common.id}),
        ("endpoint, rare", {"endpoint_id": rare.id}),
        ("method, common", {"method": "GET"}),
        ("method, rare", {"method": "DELETE"}),
        ("method, none", {"method": "TRACE"}),
        ("status code, common", {"status_code": 200}),
        ("status code, rare", {"status_code": 503}),
        ("status code, none", {"status_code": 418}),
        ("status class 2xx", {"status_class": "2xx"}),
        ("status class 5xx", {"status_class": "5xx"}),
        ("latency from 10 ms", {"min_latency_ms": 10}),
        ("latency from 2 s", {"min_latency_ms": 2000}),
        ("latency 50.0-50.1 ms", {"min_latency_ms": 50, "max_latency_ms": 50.1}),
        ("has error text", {"has_error": "true"}),
        ("tag, common", {"tag": COMMON_TAG}),
        ("tag, rare", {"tag": RARE_TAG}),
        ("tag, none", {"tag": "nobody"}),
        ("environment, common", {"environment": "prod"}),
        ("environment, none", {"environment": "dev"}),
        ("consumer, common", {"consumer": "customer-0001"}),
        ("consumer, rare", {"consumer": RARE_CONSUMER}),
        ("trace id", {"trace_id": next((row["trace_id"] for row in deep if row["trace_id"]), "0" * 32)}),
        ("path holds a common text", {"path": COMMON_PATH}),
        ("path holds a rare text", {"path": RARE_PATH}),
        ("the page after one in mid-history", {"cursor": deep[-1]["id"]}),
        ("an hour, 15 days ago", {"since": moment(newest - timedelta(days=15, hours=1)),
                                  "until": moment(newest - timedelta(days=15))}),
    ]  # fmt: skip
    asked = [
        Question(name=name, path=f"/v1/logs?{urlencode({'limit': 50, **given})}", limit_ms=SLOW_MS)
        for name, given in filters
    ]
    asked.append(Question(name="one log with its bodies", path=f"/v1/logs/{deep[0]['id']}"))
    for told, window in (
        ("1 h", timedelta(hours=1)),
        ("24 h", timedelta(hours=24)),
        ("30 d", timedelta(days=30)),
    ):
        since = quote(moment(newest - window))
        asked.append(Question(name=f"metrics of {told}", path=f"/v1/metrics?since={since}", limit_ms=50))
    month = quote(moment(newest - timedelta(days=30)))
    for told, query in (
        ("30 d", f"?since={month}"),
        ("30 d, a class excluded", f"?since={month}&q=-status:2xx"),
        ("30 d, one consumer", f"?since={month}&consumer=customer-0001"),
        ("30 d, a common text in the path", f"?since={month}&path={quote(COMMON_PATH)}"),
    ):
        # The page shows the table first and asks for these then; together they are the dashboard.
        asked.append(Question(name=f"facets of {told}", path=f"/v1/logs/facets{query}", limit_ms=500))
    asked.append(
        Question(name="dashboard, values of 30 d", path=f"/dashboard/facets?since={month}", limit_ms=500)
    )
    asked.append(Question(name="dashboard, 30 d", path=f"/dashboard?since={month}", limit_ms=500))
    return [*asked, Question(name="dashboard, first paint", path="/dashboard", limit_ms=500)]


def moment(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")


def first_rows(address: str, given: dict[str, object]) -> list[dict[str, str]]:
    with_limit = urlencode({"limit": 50, **given})
    status, body = get(http.client.HTTPConnection(urlsplit(address).netloc), f"/v1/logs?{with_limit}")
    if status != 200:
        raise RuntimeError(f"The list answered {status}: {body[:500]!r}")
    rows: list[dict[str, str]] = json.loads(body)
    return rows


def ask(address: str, question: Question, bench: Bench) -> Answered:
    """The question a few times on one connection; the first time warms the caches and does not count."""
    line = http.client.HTTPConnection(urlsplit(address).netloc, timeout=120)
    times: list[float] = []
    for _ in range(2 if bench.options.quick else REPEATS + 1):
        began = time.perf_counter()
        status, _body = get(line, question.path)
        times.append((time.perf_counter() - began) * 1000)
    line.close()
    return Answered(ms=times[1:], status=status)


def get(line: http.client.HTTPConnection, path: str) -> tuple[int, bytes]:
    line.request("GET", path)
    answer = line.getresponse()
    return answer.status, answer.read()


def explain(questions: Sequence[Question], seen: dict[str, Answered], count: int) -> None:
    """The plans of whatever was slow, into files: what to look at first."""
    folder = EXPLAINED / f"explain-{count}"
    folder.mkdir(parents=True, exist_ok=True)
    for question in questions:
        if median(seen[question.name].ms) < SLOW_MS or seen[question.name].status != 200:
            continue
        with CaptureQueriesContext(connection) as captured:
            Client(headers={"host": "localhost"}).get(question.path)
        plans = [plan_of(query["sql"]) for query in captured if query["sql"].startswith("SELECT")]
        name = re.sub(r"\W+", "-", question.name).strip("-")
        (folder / f"{name}.txt").write_text(f"GET {question.path}\n\n" + "\n\n".join(plans) + "\n")


def plan_of(statement: str) -> str:
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (ANALYZE, BUFFERS) {statement.replace('%', '%%')}", [])
        return "\n".join([statement, *(line for (line,) in cursor.fetchall())])


def table_of(questions: Sequence[Question], seen: dict[int, dict[str, Answered]]) -> Table:
    counts = list(seen)
    rows = []
    for question in questions:
        each = [seen[count][question.name] for count in counts]
        growth = f"{median(each[-1].ms) / median(each[0].ms):.1f} x" if len(counts) > 1 else ""
        rows.append([question.name, *(told(answered) for answered in each), growth])
    return Table(
        title="Milliseconds until the whole answer is there, median (slowest)",
        columns=["", *(f"{count:,} logs" for count in counts), "growth"],
        rows=rows,
    )


def told(answered: Answered) -> str:
    if answered.status != 200:
        return f"answers {answered.status}"
    return f"{median(answered.ms):,.1f} ({max(answered.ms):,.1f})"


def checks_of(questions: Sequence[Question], seen: dict[int, dict[str, Answered]]) -> list[Check]:
    """One line for each kind of target: how many questions kept it, and the worst."""
    most = max(seen)
    checks: list[Check] = []
    for limit, what in ((25, "lists of 50"), (50, "metrics"), (500, "dashboard and facets")):
        within = [
            each for each in questions if each.limit_ms == limit and seen[most][each.name].status == 200
        ]
        if not within:
            continue
        slow = [each for each in within if median(seen[most][each.name].ms) >= limit]
        worst = max(within, key=lambda each: median(seen[most][each.name].ms))
        reached = f"{len(within) - len(slow)} of {len(within)}; slowest: {worst.name}, "
        reached += f"{median(seen[most][worst.name].ms):,.0f} ms"
        checks.append(
            Check(what=f"{what} at {most:,} logs", target=f"under {limit} ms", reached=reached, met=not slow)
        )
    return checks
