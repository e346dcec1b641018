"""What a thousand alert rules cost that never fire."""

from bench.bench import Bench
from bench.figures import Check, Result, Table, median, ratios, spread
from bench.wrk import Load, load
from monitor.models import AlertRule, Service

RULES = 1_000
# Values that no log of ours has, different where they can be.
CONDITIONS = (
    "status_code == {}",
    "latency_ms > 1000{:03}",
    "status_code >= 6{:02}",
    "latency_ms == -1.{:03}",
)


def measure(bench: Bench) -> Result:
    make_rules(bench.service("ruled")[0])
    without, ruled = bench.key("shop"), bench.key("ruled")
    cases = [
        ("single posts, 32 connections", "/v1/logs", 0, 32),
        ("batches of 1,000", "/v1/logs/batch", 1_000, 1),
    ]
    if not bench.options.quick:
        cases.insert(0, ("single posts, 1 connection", "/v1/logs", 0, 1))
    result = Result(part="rules")
    rows: list[list[str]] = []
    with bench.product() as address:
        for told, path, batch, connections in cases:
            loads: dict[str, list[Load]] = {without: [], ruled: []}
            for number in bench.rounds_with_warming():
                # Who goes first changes, because the second one meets larger tables.
                for key in (without, ruled) if number % 2 else (ruled, without):
                    done = load(
                        address + path,
                        connections=connections,
                        seconds=bench.options.seconds,
                        bodies=bench.bodies_file(batch=batch),
                        key=key,
                    )
                    if number:
                        loads[key].append(done)
            logs = max(batch, 1)
            costs = [[each.cost_us / logs for each in loads[key]] for key in (without, ruled)]
            more = [100 * (ratio - 1) for ratio in ratios(costs[1], costs[0])]
            rates = (spread([each.rate * logs for each in loads[key]]) for key in (without, ruled))
            rows.append([told, *rates, *map(spread, costs), spread(more, digits=1, unit=" %")])
            result.checks.append(
                Check(
                    what=f"{RULES:,} rules that do not match, {told}",
                    target="under 10 % a log",
                    reached=spread(more, digits=1, unit=" %"),
                    met=median(more) < 10,
                )
            )
    result.tables.append(
        Table(
            title=f"A service with {RULES:,} rules, none of which matches",
            columns=[
                "",
                "logs/s without",
                f"logs/s with {RULES:,}",
                "processor us a log without",
                "with",
                "more for each log",
            ],
            rows=rows,
        )
    )
    return result


def make_rules(service: Service) -> None:
    AlertRule.objects.filter(service=service).delete()
    AlertRule.objects.bulk_create(rule(service, number) for number in range(RULES))


def rule(service: Service, number: int) -> AlertRule:
    template = CONDITIONS[number % len(CONDITIONS)]
    field, comparison, value = template.format(number % 100 if "status" in template else number).split()
    return AlertRule(
        service=service,
        name=f"rule {number}",
        condition_field=field,
        condition_operator=comparison,
        condition_value=value,
    )
