"""GET /v1/metrics against numbers computed by hand from the same logs."""

import random
import statistics
from collections import Counter
from datetime import timedelta

import pytest
from django.core.management import call_command
from django.utils import timezone

from monitor.metrics.compact import compact
from monitor.metrics.exact import GROUPS
from monitor.models import MetricRollup, RequestLog
from monitor.models.partitions import make_day
from monitor.retention.policy import today_of
from tests.factories import a_client, a_key, a_log, a_service, a_user, an_organization, keep_logs, rfc3339

NOTHING = {
    "total_requests": 0,
    "error_count": 0,
    "error_rate": 0.0,
    "avg_latency_ms": None,
    "p50_latency_ms": None,
    "p95_latency_ms": None,
    "p99_latency_ms": None,
    "request_bytes": 0,
    "response_bytes": 0,
    "avg_request_bytes": None,
    "avg_response_bytes": None,
    "request_sized": 0,
    "response_sized": 0,
    "is_sized": True,
    "by_method": {},
    "by_status": {},
    "p95_method": "exact",
    "source": "logs",
}


SIDES = ("request", "response")


@pytest.fixture
def service(db):
    return a_service()


@pytest.fixture
def reader(service):
    return a_client(a_key(service, scopes=["read"])[1])


@pytest.fixture
def viewer(service):
    return a_client(user=a_user(service.organization, "viewer"))


@pytest.fixture
def histograms(monkeypatch):
    """No question is small enough to be answered from the logs themselves."""
    monkeypatch.setattr("monitor.metrics.answer.EXACT_UP_TO", -1)
    monkeypatch.setattr("monitor.metrics.answer.PARTS_EXACT_UP_TO", -1)


def without_window(measured):
    """The window ends a little after the clock's now: these tests are about the rest."""
    assert measured.pop("since") < measured.pop("until")
    return measured


def percentile(values, rank):
    """Definition 7 of Hyndman & Fan, as numpy and PostgreSQL's percentile_cont have it."""
    ordered = sorted(values)
    place = (len(ordered) - 1) * rank / 100
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (place - below)


def by_hand(logs):
    latencies = [log["latency_ms"] for log in logs if log["latency_ms"] is not None]
    errors = sum(log["error"] is not None or (log["status_code"] or 0) >= 500 for log in logs)
    bodies = [[log.get(f"{side}_body") for log in logs] for side in SIDES]
    bodies = [[body for body in each if body is not None] for each in bodies]
    sent, answered = (sum(len(body.encode()) for body in told) for told in bodies)
    sent_told, answered_told = (len(told) for told in bodies)
    return {
        "total_requests": len(logs),
        "request_bytes": sent,
        "response_bytes": answered,
        "avg_request_bytes": sent / sent_told if sent_told else None,
        "avg_response_bytes": answered / answered_told if answered_told else None,
        "request_sized": sent_told,
        "response_sized": answered_told,
        "is_sized": True,
        "error_count": errors,
        "error_rate": errors / len(logs),
        "avg_latency_ms": statistics.fmean(latencies),
        **{f"p{rank}_latency_ms": percentile(latencies, rank) for rank in (50, 95, 99)},
        "p95_method": "exact",
        "source": "logs",
        "by_method": Counter(log["method"] for log in logs),
        "by_status": Counter(
            "none" if log["status_code"] is None else str(log["status_code"]) for log in logs
        ),
    }


def test_nothing_logged_gives_zeros_and_nulls(reader):
    assert without_window(reader.get("/v1/metrics").json()) == NOTHING


def test_an_actor_without_services_gets_zeros_and_nulls(db):
    reader = a_client(a_key(organization=an_organization())[1])

    assert without_window(reader.get("/v1/metrics").json()) == NOTHING


@pytest.mark.parametrize("seed", range(4))
def test_the_numbers_are_those_computed_by_hand(service, reader, seed):
    dice = random.Random(seed)  # noqa: S311 - reproducible, not secret
    logs = [
        a_log(
            method=dice.choice(["GET", "POST", "DELETE"]),
            status_code=dice.choice([200, 200, 204, 301, 404, 499, 500, 503, 0, 999, None]),
            latency_ms=dice.choice([None, 0.0, dice.lognormvariate(3, 1), float(dice.randint(1, 9))]),
            error=dice.choice([None, None, None, "broke"]),
            request_body=dice.choice([None, "", "four", "ünï"]),
            response_body="x" * dice.randint(0, 2000),
        )
        for _ in range(dice.choice([7, 60, 300]))
    ]
    keep_logs(service, *logs)

    measured = without_window(reader.get("/v1/metrics").json())

    expected = by_hand(logs)
    for counts in ("by_method", "by_status", "p95_method", "source"):
        assert measured.pop(counts) == expected.pop(counts)
    assert measured == pytest.approx(expected, rel=1e-12)


def test_one_log_is_every_percentile(service, reader):
    keep_logs(service, a_log(latency_ms=7.5))

    measured = reader.get("/v1/metrics").json()

    assert {measured[name] for name in measured if name.endswith("latency_ms")} == {7.5}


def test_percentiles_interpolate_between_neighbours(service, reader):
    keep_logs(service, *[a_log(latency_ms=latency) for latency in (10, 20, 30, 40)])

    measured = reader.get("/v1/metrics").json()

    assert measured["p50_latency_ms"] == 25
    assert measured["p95_latency_ms"] == pytest.approx(38.5)
    assert measured["p99_latency_ms"] == pytest.approx(39.7)


def test_logs_without_latency_count_and_measure_nothing(service, reader):
    keep_logs(service, a_log(latency_ms=None), a_log(latency_ms=None, status_code=None))

    measured = reader.get("/v1/metrics").json()

    assert (measured["total_requests"], measured["avg_latency_ms"], measured["p95_latency_ms"]) == (
        2,
        None,
        None,
    )
    assert measured["by_status"] == {"200": 1, "none": 1}


@pytest.mark.parametrize(
    ("status_code", "error", "counts"),
    [
        (499, None, 0),
        (500, None, 1),
        (200, "broke", 1),
        (200, "", 0),
        (None, "lost", 1),
        (None, None, 0),
        (999, None, 1),
    ],
)
def test_an_error_is_error_text_or_a_status_of_500_and_above(service, reader, status_code, error, counts):
    keep_logs(service, a_log(status_code=status_code, error=error))

    measured = reader.get("/v1/metrics").json()

    assert (measured["error_count"], measured["error_rate"]) == (counts, float(counts))


def test_a_service_and_a_window_narrow_what_is_measured(service):
    now = timezone.now()
    other = a_service(service.organization)
    for each, minutes, latency in [(service, 60, 1), (service, 30, 2), (service, 10, 4), (other, 30, 8)]:
        keep_logs(each, a_log(latency_ms=latency, timestamp=rfc3339(now - timedelta(minutes=minutes))))
    keep_logs(a_service(), a_log(latency_ms=1000))
    reader = a_client(a_key(organization=service.organization)[1])

    def total_latency(**params):
        measured = reader.get("/v1/metrics", params).json()
        return measured["total_requests"] * (measured["avg_latency_ms"] or 0)

    half_past = rfc3339(now - timedelta(minutes=30))
    assert total_latency() == pytest.approx(15)
    assert total_latency(service_id=service.id) == pytest.approx(7)
    assert total_latency(service_id=service.id, since=half_past) == pytest.approx(6)
    assert total_latency(service_id=service.id, until=half_past) == pytest.approx(1)
    assert total_latency(since=half_past, until=rfc3339(now - timedelta(minutes=10))) == pytest.approx(10)
    assert total_latency(min_latency_ms=2, max_latency_ms=4) == pytest.approx(6)


def test_what_is_measured_equals_what_is_listed(service, reader):
    keep_logs(service, *[a_log(status_code=code) for code in (200, 404, 500)] * 3)

    for filters in ("", "status_class=5xx", "status_code=404", "method=put", "path=orders"):
        listed = reader.get(f"/v1/logs?count=exact&{filters}")["X-Total-Count"]
        assert reader.get(f"/v1/metrics?{filters}").json()["total_requests"] == int(listed), filters


@pytest.mark.parametrize(
    ("name", "value"),
    [("service_id", "shop"), ("since", "soon"), ("until", "2026-11-21T09:30:00"), ("status_code", "x")],
)
def test_a_bad_value_is_refused_by_name(reader, name, value):
    answer = reader.get("/v1/metrics", {name: value})

    assert answer.status_code == 400
    assert [error["field"] for error in answer.json()["errors"]] == [name]


def test_filters_that_no_log_can_satisfy_count_nothing(service, reader):
    keep_logs(service, a_log())

    answer = reader.get("/v1/metrics", {"q": "consumer:nobody endpoint:/nowhere"})

    assert (answer.status_code, answer.json()["total_requests"]) == (200, 0)


def test_query_budget(service, reader, django_assert_num_queries):
    keep_logs(service, *[a_log(method=method) for method in ("GET", "PUT")] * 5)
    reader.get("/v1/metrics")

    # the key; the services in reach; the days whose logs are all there, by age and by what the disk took; a
    # savepoint with its time limit, and its end; whether clients have counted, and how far days are folded;
    # what was counted already; the few logs themselves.
    with django_assert_num_queries(11):
        reader.get("/v1/metrics")
    assert RequestLog.objects.count() == 10


@pytest.mark.parametrize(
    "query", ["consumer=nobody", "consumer=nobody&tag=a", "q=service:nobody&group_by=method"]
)
def test_a_name_that_nobody_has_measures_nothing(service, reader, query):
    keep_logs(service, a_log())

    answer = reader.get(f"/v1/metrics?{query}")

    assert (answer.status_code, answer.json()["total_requests"]) == (200, 0)


def test_percentiles_of_any_rank_are_given_on_request(service, reader):
    keep_logs(service, *[a_log(latency_ms=float(latency)) for latency in range(101)])

    measured = reader.get("/v1/metrics", {"percentiles": "0,75,99.9,100"}).json()

    assert measured["percentiles"] == pytest.approx({"0": 0, "75": 75, "99.9": 99.9, "100": 100})


def test_beyond_the_limit_histograms_speak_and_say_so(service, reader, monkeypatch):
    dice = random.Random(3)  # noqa: S311 - reproducible, not secret
    logs = [a_log(latency_ms=dice.lognormvariate(3, 1)) for _ in range(400)]
    keep_logs(service, *logs)
    exact = reader.get("/v1/metrics", {"percentiles": "90"}).json()
    monkeypatch.setattr("monitor.metrics.answer.EXACT_UP_TO", 399)

    told = reader.get("/v1/metrics", {"percentiles": "90"}).json()

    assert (exact.pop("p95_method"), told.pop("p95_method")) == ("exact", "histogram")
    assert (told["total_requests"], told["by_status"]) == (400, {"200": 400})
    assert told["avg_latency_ms"] == pytest.approx(exact["avg_latency_ms"], rel=1e-12)
    for name in ("p50_latency_ms", "p95_latency_ms", "p99_latency_ms"):
        assert told[name] == pytest.approx(exact[name], rel=0.01)
    assert told["percentiles"]["90"] == pytest.approx(exact["percentiles"]["90"], rel=0.01)


def test_a_series_has_every_step_and_adds_up(service, reader):
    end = timezone.now().replace(second=0, microsecond=0)
    for minutes, code in [(5, 200), (5, 500), (90, 404), (115, 204)]:
        at = rfc3339(end - timedelta(minutes=minutes))
        keep_logs(service, a_log(status_code=code, timestamp=at, response_body="x" * 10))
    window = {"since": rfc3339(end - timedelta(hours=2)), "until": rfc3339(end)}

    measured = reader.get("/v1/metrics", {**window, "interval": "minute"}).json()

    steps = measured["series"]
    assert [step["start"] for step in steps] == [
        rfc3339(end - timedelta(minutes=minutes)) for minutes in range(120, 0, -1)
    ]
    busy = {120 - place: step for place, step in enumerate(steps) if step["total_requests"]}
    assert {place: step["by_status_class"] for place, step in busy.items()} == {
        5: {"2xx": 1, "5xx": 1},
        90: {"4xx": 1},
        115: {"2xx": 1},
    }
    assert sum(step["error_count"] for step in steps) == 1
    assert [busy[place]["response_bytes"] for place in (5, 90)] == [20, 10]
    assert steps[0]["p95_latency_ms"] is None
    for interval, most in (("hour", 3), ("day", 2), ("1800", 5)):
        told = reader.get("/v1/metrics", {**window, "interval": interval}).json()["series"]
        assert sum(step["total_requests"] for step in told) == 4
        assert len(told) <= most


def test_a_series_does_not_reach_into_the_future(service, reader):
    # Soon after midnight the window begins on a day that has no logs yet, in a database made on this one.
    make_day(today_of(timezone.now()) - timedelta(days=1))
    keep_logs(service, a_log())
    since = rfc3339(timezone.now() - timedelta(minutes=10))

    steps = reader.get("/v1/metrics", {"since": since, "interval": "minute"}).json()["series"]

    assert len(steps) in (11, 12)
    assert sum(step["total_requests"] for step in steps) == 1


@pytest.mark.parametrize(
    ("by", "expected"),
    [
        ("endpoint", {"GET /orders": 3, "POST /orders": 2}),
        ("method", {"GET": 3, "POST": 2}),
        ("status_class", {"2xx": 4, "none": 1}),
        ("consumer", {"acme": 4, "": 1}),
        ("environment", {"eu": 4, "": 1}),
    ],
)
def test_groups_have_the_busiest_first(service, reader, by, expected):
    keep_logs(
        service,
        *[a_log(consumer="acme", environment="eu", response_body="1234")] * 3,
        a_log(method="POST", consumer="acme", environment="eu"),
        a_log(method="POST", status_code=None, error="lost"),
    )

    measured = reader.get("/v1/metrics", {"group_by": by}).json()

    groups = measured["groups"]
    assert {group["name"]: group["total_requests"] for group in groups} == expected
    assert [group["total_requests"] for group in groups] == sorted(expected.values(), reverse=True)
    assert sum(group["error_count"] for group in groups) == 1
    assert sum(group["response_bytes"] for group in groups) == 12
    assert (measured["response_bytes"], measured["avg_response_bytes"]) == (12, 4)
    assert (measured["request_sized"], measured["response_sized"], measured["is_sized"]) == (0, 3, True)
    assert (measured["more_groups"], measured["groups_p95_method"]) == (0, "exact")
    for group in groups:
        if group["value"] and by != "status_class":
            name = {"endpoint": "endpoint_id"}.get(by, by)
            narrowed = reader.get("/v1/metrics", {name: group["value"]}).json()
            assert narrowed["total_requests"] == group["total_requests"]


def test_groups_and_series_of_others_stay_theirs(service, reader):
    keep_logs(a_service(service.organization), a_log(), a_log())
    keep_logs(service, a_log())

    measured = reader.get("/v1/metrics", {"group_by": "endpoint", "interval": "3600"}).json()

    assert [group["total_requests"] for group in measured["groups"]] == [1]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("interval", "week"),
        ("interval", "0"),
        ("interval", "-60"),
        ("interval", "1"),
        ("group_by", "colour"),
        ("percentiles", "101"),
        ("percentiles", "50,x"),
        ("percentiles", "nan"),
        ("percentiles", ",".join(["50"] * 11)),
        ("limit", "0"),
        ("mode", "dead"),
    ],
)
def test_what_cannot_be_answered_is_refused_by_name(reader, name, value):
    answer = reader.get("/v1/metrics", {name: value})

    assert answer.status_code == 400
    assert [error["field"] for error in answer.json()["errors"]] == [name]


def test_too_much_to_read_says_what_to_narrow(service, reader, monkeypatch):
    monkeypatch.setattr("monitor.metrics.answer.LIMIT", timedelta(milliseconds=20))
    monkeypatch.setitem(GROUPS, None, "pg_sleep(0.05)::text")
    keep_logs(service, a_log())

    answer = reader.get("/v1/metrics", {"path": "orders"})

    assert answer.status_code == 422
    assert answer.json()["code"] == "too_much_to_read"
    assert "the filter path" in answer.json()["detail"]
    assert reader.get("/v1/metrics", {"path": "nowhere"}).status_code == 200


# --- Sizes ------------------------------------------------------------------------------------------------


def sizes_of(reader):
    told = reader.get("/v1/metrics").json()
    return {name: told[name] for name in ("response_sized", "avg_response_bytes", "is_sized")}


def test_averages_of_sizes_are_of_the_requests_that_told_theirs(service, reader, histograms):
    keep_logs(service, a_log(response_body="1234"), a_log(response_body=""), a_log(), a_log())

    expected = {"response_sized": 2, "avg_response_bytes": 2, "is_sized": True}
    assert sizes_of(reader) == expected
    compact(now=timezone.now())
    assert sizes_of(reader) == expected


def test_numbers_of_older_versions_are_averaged_over_all_and_say_so_until_they_are_counted_anew(
    service, reader, viewer, histograms
):
    keep_logs(service, a_log(response_body="1234"), a_log())
    compact(now=timezone.now())
    MetricRollup.objects.update(request_sized=None, response_sized=None)
    older = {"response_sized": 2, "avg_response_bytes": 2, "is_sized": False}
    assert sizes_of(reader) == older
    page = viewer.get("/metrics-ui").content.decode()
    assert "or more: older numbers do not say how many told a size" in page

    call_command("check_rollups", verbosity=0)
    assert sizes_of(reader) == older
    call_command("check_rollups", repair=True, verbosity=0)

    assert sizes_of(reader) == {"response_sized": 1, "avg_response_bytes": 4, "is_sized": True}


def test_what_is_added_to_older_numbers_leaves_them_unknown(service, reader, histograms):
    for body in ("1234", "12"):
        keep_logs(service, a_log(response_body=body, timestamp=rfc3339(timezone.now() - timedelta(days=3))))
        compact(now=timezone.now())
        if body == "1234":
            MetricRollup.objects.update(request_sized=None, response_sized=None)

    assert sizes_of(reader) == {"response_sized": 2, "avg_response_bytes": 3, "is_sized": False}


def test_the_page_says_of_how_many_requests_the_sizes_are(service, viewer):
    keep_logs(service, a_log(response_body="1234"), a_log())

    page = viewer.get("/metrics-ui").content.decode()

    assert "4 bytes each, of 1 that told it" in page
    assert "no size was told" in page
