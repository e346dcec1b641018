"""Histograms of request durations become numbers: each request once, whoever else tells of it."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from monitor.ingest.growing import shrunk
from monitor.lib.histogram import ZERO_BUCKET, Histogram, bucket_of, middle_of
from monitor.metrics.compact import compact
from monitor.models import CountedSeries, Endpoint, Instance
from monitor.otlp import protobuf
from monitor.otlp.points import explicit_buckets, exponential_buckets
from monitor.otlp.told import reports_of_points
from tests.factories import a_client, a_key, a_service
from tests.otlp import spans
from tests.otlp.captures import plain
from tests.otlp.points import CUMULATIVE, DELTA, JSON, PROTOBUF, an_export, encoded, explicit, exponential

pytestmark = pytest.mark.django_db
SECOND = timedelta(seconds=1)
PROCESS = {"deployment.environment.name": "dev", "service.instance.id": "one"}


@pytest.fixture
def service():
    return a_service()


@pytest.fixture
def post(service):
    key = a_key(service)[1]

    def post(export, content_type=JSON, address="/otlp/v1/metrics", **headers):
        body = export if isinstance(export, bytes) else encoded(export, content_type)
        given = {"Authorization": f"Bearer {key}", **headers}
        answer = Client().generic("POST", address, body, content_type, headers=given)
        assert answer.status_code == 200, answer.content
        return answer

    return post


@pytest.fixture
def measured(service):
    reader = a_client(a_key(service, scopes=["read"])[1])

    def measured(**asked):
        return reader.get("/v1/metrics", asked).json()

    return measured


@pytest.mark.parametrize("content_type", [JSON, PROTOBUF])
@pytest.mark.parametrize("make", [explicit, exponential])
@pytest.mark.parametrize("temporality", [DELTA, CUMULATIVE])
def test_a_histogram_of_any_kind_counts_its_requests_once(post, measured, content_type, make, temporality):
    now = timezone.now()
    since, until = now - 60 * SECOND, now - SECOND
    points = [
        make([3, 1], start=since, time=until, consumer="alice"),
        make([1, 0], start=since, time=until, status=500),
    ]
    export = an_export(*points, temporality=temporality, resource=PROCESS)

    for _ in range(2):
        post(export, content_type)

    told = measured(environment="dev")
    assert (told["total_requests"], told["error_count"], told["source"]) == (5, 1, "client")
    assert told["avg_latency_ms"] == pytest.approx(50)
    assert told["p50_latency_ms"] > 0
    assert told["by_status"] == {"200": 4, "500": 1}
    groups = measured(group_by="consumer")["groups"]
    assert {each["name"]: each["total_requests"] for each in groups} == {"alice": 4, "": 1}
    assert Endpoint.objects.get().route == "/orders/{id}"


def test_a_count_that_grows_adds_what_is_new(post, measured):
    """As SDKs tell it by default: all since the start, again and again."""
    start = timezone.now() - 300 * SECOND
    tellings = [
        ("the first time", 60, [2, 0], 2),
        ("grown", 120, [2, 3], 5),
        ("idle", 180, [2, 3], 5),
        ("late, from before", 90, [2, 1], 5),
        ("grown again", 240, [4, 3], 7),
    ]
    for story, seconds, counts, total in tellings:
        point = explicit(counts, start=start, time=start + seconds * SECOND)
        post(an_export(point, temporality=CUMULATIVE, resource=PROCESS))
        assert measured()["total_requests"] == total, story

    compact(now=timezone.now())
    assert measured()["total_requests"] == 7
    assert measured()["avg_latency_ms"] == pytest.approx(50)


def sizes(count, *, name, start, time):
    """A histogram of sizes of which `count` requests told theirs, 100 bytes each."""
    point = explicit([count, 0], bounds=(1000, 10_000), start=start, time=time)
    point["sum"] = 100 * count
    return an_export(point, temporality=CUMULATIVE, resource=PROCESS, name=name, unit="By")


def test_sizes_that_grow_add_what_is_new_and_are_averaged_over_those_that_told_theirs(post, measured):
    start = timezone.now() - 300 * SECOND
    for seconds, requests, told in [(60, 4, 1), (120, 10, 3), (180, 10, 3)]:
        at = {"start": start, "time": start + seconds * SECOND}
        export = an_export(explicit([requests, 0], **at), temporality=CUMULATIVE, resource=PROCESS)
        for side in ("request", "response"):
            more = sizes(told, name=f"http.server.{side}.body.size", **at)
            export["resourceMetrics"] += more["resourceMetrics"]
        post(export)

    for _ in range(2):
        found = measured()
        assert (found["total_requests"], found["is_sized"]) == (10, True)
        for side in ("request", "response"):
            told = [found[name.format(side)] for name in ("{}_bytes", "{}_sized", "avg_{}_bytes")]
            assert told == [300, 3, 100]
        compact(now=timezone.now())


def test_a_series_whose_sizes_were_not_remembered_yet_adds_none_of_those_told_before(post, measured):
    start = timezone.now() - 300 * SECOND
    for seconds, count in [(60, 2), (120, 5), (180, 6)]:
        at = {"start": start, "time": start + seconds * SECOND}
        export = an_export(explicit([count, 0], **at), temporality=CUMULATIVE, resource=PROCESS)
        more = sizes(count, name="http.server.request.body.size", **at)
        export["resourceMetrics"] += more["resourceMetrics"]
        post(export)
        if seconds == 60:
            # As of the version before.
            CountedSeries.objects.update(request_bytes=None, request_sized=None)

    assert (measured()["request_bytes"], measured()["request_sized"]) == (300, 3)


def test_a_process_that_starts_again_counts_from_nothing(post, measured):
    first = timezone.now() - 300 * SECOND
    for start, counts in [(first, [5, 0]), (first + 100 * SECOND, [2, 0])]:
        point = explicit(counts, start=start, time=start + 60 * SECOND)
        post(an_export(point, temporality=CUMULATIVE, resource=PROCESS))

    assert measured()["total_requests"] == 7


def test_a_sender_that_hides_its_start_may_begin_anew(post, measured):
    now = timezone.now()
    for seconds, counts in [(60, [5, 0]), (30, [2, 0])]:
        point = explicit(counts, start=now, time=now - seconds * SECOND) | {"startTimeUnixNano": "0"}
        post(an_export(point, temporality=CUMULATIVE, resource=PROCESS))

    assert measured()["total_requests"] == 7


def test_processes_that_name_no_instance_are_told_apart(post, measured):
    """Workers of one server say the same of themselves."""
    start = timezone.now() - 300 * SECOND
    for seconds, counts in [(60, [1, 0]), (120, [3, 0])]:
        for worker in range(2):
            since = start + worker * timedelta(milliseconds=7)
            point = explicit(counts, start=since, time=start + (seconds + worker) * SECOND)
            post(an_export(point, temporality=CUMULATIVE, resource={"service.name": "shop"}))

    assert measured()["total_requests"] == 6
    assert CountedSeries.objects.count() == 2
    assert not Instance.objects.exists()


def test_another_services_series_of_the_same_name_is_another(post, measured):
    start = timezone.now() - 100 * SECOND
    export = an_export(
        explicit([2, 0], start=start, time=start + SECOND), temporality=CUMULATIVE, resource=PROCESS
    )
    post(export)
    other = a_key(a_service(name="other"))[1]
    headers = {"Authorization": f"Bearer {other}"}
    Client().generic("POST", "/otlp/v1/metrics", encoded(export, JSON), JSON, headers=headers)

    assert measured()["total_requests"] == 2
    assert CountedSeries.objects.count() == 2


def test_buckets_that_grow_wider_lose_no_request(post, measured):
    start = timezone.now() - 300 * SECOND
    for seconds, scale, counts in [(60, 5, [4, 4, 4, 4]), (120, 3, [16, 4])]:
        point = exponential(counts, scale=scale, start=start, time=start + seconds * SECOND)
        post(an_export(point, temporality=CUMULATIVE, resource=PROCESS))

    assert measured()["total_requests"] == 20
    assert 900 < measured()["p50_latency_ms"] < 1200


def test_requests_that_spans_tell_of_as_well_are_not_counted_twice(post, measured):
    now = timezone.now()
    route = {"http.request.method": "GET", "url.path": "/orders/1", "http.route": "/orders/{id}"}
    rows = [spans.a_span(route, number=number) for number in range(1, 4)]
    post(spans.as_json(spans.an_export(*rows, resource=PROCESS)), address="/otlp/v1/traces")
    assert (measured()["total_requests"], measured()["source"]) == (3, "logs")

    point = explicit([3, 2], start=now - 60 * SECOND, time=now - SECOND)
    post(an_export(point, temporality=DELTA, resource=PROCESS))

    assert (measured()["total_requests"], measured()["source"]) == (5, "client")


def test_an_environment_without_counts_is_told_by_its_logs_beside_one_that_has_them(post, measured):
    now = timezone.now()
    staging = {"deployment.environment.name": "staging"}
    post(spans.as_json(spans.an_export(spans.a_span(), resource=staging)), address="/otlp/v1/traces")
    point = explicit([3, 2], start=now - 60 * SECOND, time=now - SECOND)
    post(an_export(point, temporality=DELTA, resource=PROCESS))

    assert (measured()["total_requests"], measured()["source"]) == (6, "both")
    assert measured(environment="staging")["source"] == "logs"


def test_other_metrics_are_no_requests(post, measured):
    now = timezone.now()
    point = explicit([3, 2], start=now - 60 * SECOND, time=now - SECOND)

    answer = post(an_export(point, temporality=DELTA, name="http.client.request.duration"))

    assert answer.json()["partialSuccess"]["rejectedDataPoints"] == "1"
    assert measured()["total_requests"] == 0


ENDLESS = 10**400


@pytest.mark.parametrize("told", [{"asInt": str(ENDLESS)}, {"asInt": ENDLESS}, {"count": str(ENDLESS)}])
def test_a_whole_number_of_more_than_64_bits_is_no_otlp(service, told):
    now = timezone.now()
    point = explicit([3, 2], start=now - 60 * SECOND, time=now - SECOND) | told
    body = encoded(an_export(point, temporality=DELTA), JSON)
    headers = {"Authorization": f"Bearer {a_key(service)[1]}"}

    answer = Client().generic("POST", "/otlp/v1/metrics", body, JSON, headers=headers)

    assert answer.status_code == 400
    assert "64 bits" in answer.json()["message"]


def test_a_duration_is_read_in_its_unit(post, measured):
    now = timezone.now()
    told = {"start": now - 60 * SECOND, "time": now - SECOND}
    point = explicit([0, 0, 4], bounds=(1, 100), **told) | {"sum": 800.0, "max": 300.0}

    post(an_export(point, temporality=DELTA, unit="ms"))

    assert measured()["avg_latency_ms"] == 200
    assert measured()["p95_latency_ms"] == pytest.approx(200, rel=0.01)


def test_what_a_real_client_counted_is_read_whole():
    body = plain("b-py1.0.0-fastapi-metrics.pb.gz")

    points, count = protobuf.read_points(body, most=1000)
    (report,), taken = reports_of_points(points, body)

    # All but the uptime.
    assert count - taken == 1
    assert sum(each.requests for each in report.counts) == 16
    assert sum(sum(each.buckets.values()) for each in report.counts) == 16
    assert sum(each.request_bytes for each in report.counts) == 51 + 21
    (items,) = [each for each in report.counts if each.consumer == "alice" and each.method == "POST"]
    # Of 16 requests three said how long their bodies are, one of them empty.
    assert sum(each.request_sized for each in report.counts) == 3
    assert (items.route, items.status_code, items.response_bytes) == ("/items", 201, 58)
    assert items.latency_ms == pytest.approx(11.535, rel=1e-3)
    # Within a bucket of the client's, which are 9 % wide.
    (bucket,) = items.buckets
    assert middle_of(bucket) == pytest.approx(11.535, rel=0.09)
    assert (report.environment, report.instance.memory_bytes) == ("dev", 65642496)
    assert report.instance.cpu_percent == pytest.approx(0.4)


@pytest.mark.parametrize(
    ("bounds", "counts", "most", "values"),
    [
        ([10, 20], [1, 0, 0], None, {5: 1}),
        ([10, 20], [0, 2, 0], None, {15: 2}),
        ([10, 20], [0, 0, 1], None, {20: 1}),  # with no upper end and no largest
        ([10, 20], [0, 0, 1], 60, {40: 1}),
        ([], [3], 8, {4: 3}),
        ([10], [], None, {}),
    ],
)
def test_each_bucket_with_bounds_goes_where_its_middle_lies(bounds, counts, most, values):
    found = explicit_buckets(bounds=bounds, counts=counts, most=most, factor=1)

    assert found == {bucket_of(value): count for value, count in values.items()}


@pytest.mark.parametrize("scale", [-2, 0, 3, 6, 12])
def test_an_exponential_bucket_goes_within_its_ends(scale):
    base = 2 ** (2.0**-scale)

    found = exponential_buckets(scale=scale, offset=-1, counts=[1, 2], zeros=3, factor=1)

    assert found.pop(ZERO_BUCKET) == 3
    whole = Histogram()
    for bucket, count in found.items():
        whole.add_bucket(bucket, count)
    low, high = whole.percentiles([0.0, 1.0])
    assert base**-1 * 0.99 <= low <= 1.01
    assert 0.99 <= high <= base * 1.01


@pytest.mark.parametrize(
    ("buckets", "total", "kept"),
    [
        ({1: 2, 3: 4}, 6, {1: 2, 3: 4}),
        ({1: 2, 3: 4}, 9, {1: 2, 3: 4}),
        ({1: 2, 3: 4}, 3, {1: 1, 3: 2}),
        ({1: 1, 2: 1, 3: 1}, 1, {3: 1}),
        ({1: 5}, 0, {}),
        ({}, 0, {}),
    ],
)
def test_buckets_shrink_to_a_total(buckets, total, kept):
    assert shrunk(buckets, total) == kept
