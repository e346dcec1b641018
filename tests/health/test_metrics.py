"""GET /metrics, read by Prometheus' own parser."""

from datetime import timedelta

import pytest
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families

from monitor.health import flush
from monitor.lib.counting import count_kept, count_request
from monitor.lib.tally import counts
from monitor.models import Counter, CounterMinute
from monitor.retention import make_days_ahead
from tests.factories import a_client, a_key, a_log, a_service, a_user, an_organization, post_json

ELSEWHERE = {"REMOTE_ADDR": "203.0.113.9"}


@pytest.fixture(autouse=True)
def _nothing_counted_yet(db):
    counts.take()
    yield
    counts.take()


@pytest.fixture
def service():
    return a_service()


def scrape(client=None):
    answer = (client or a_client()).get("/metrics")
    assert answer.status_code == 200
    assert answer["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    return {family.name: family for family in text_string_to_metric_families(answer.content.decode())}


def value(families, name, **labels):
    [sample] = [
        sample
        for family in families.values()
        for sample in family.samples
        if sample.name == name and sample.labels == labels
    ]
    return sample.value


def test_kept_repeated_and_rejected_logs_are_counted(service):
    sender = a_client(a_key(service)[1])
    one = a_log(event_id="a", timestamp=timezone.now().isoformat())
    post_json(sender, "/v1/logs", one)
    post_json(sender, "/v1/logs", one)
    post_json(sender, "/v1/logs/batch", [a_log(), a_log(), {"method": "GET"}, a_log(status_code=-1)])
    post_json(sender, "/v1/logs", "{")
    post_json(a_client("mkey_wrong"), "/v1/logs", a_log())

    families = scrape()

    assert value(families, "apimonitor_ingested_logs_total") == 3
    assert value(families, "apimonitor_ingest_repeated_logs_total") == 1
    rejected = {
        sample.labels["reason"]: sample.value for sample in families["apimonitor_ingest_rejected"].samples
    }
    assert rejected["required"] == 1
    assert rejected["malformed_json"] == 1
    assert rejected["key_invalid"] == 1
    assert sum(rejected.values()) == 4


def test_durations_are_a_histogram_by_face(service):
    count_request("page", 0.03)
    count_request("page", 20.0)

    families = scrape()

    name = "apimonitor_request_duration_seconds"
    assert families[name].type == "histogram"
    assert value(families, f"{name}_bucket", face="page", le="0.025") == 0
    assert value(families, f"{name}_bucket", face="page", le="0.05") == 1
    assert value(families, f"{name}_bucket", face="page", le="10.0") == 1
    assert value(families, f"{name}_bucket", face="page", le="+Inf") == 2
    assert value(families, f"{name}_count", face="page") == 2
    assert value(families, f"{name}_sum", face="page") == pytest.approx(20.03)


def test_gauges_tell_of_queue_disk_and_days():
    make_days_ahead(now=timezone.now())

    families = scrape()

    assert value(families, "apimonitor_database_size_bytes") > 1_000_000
    assert value(families, "apimonitor_partitions_ahead_days") >= 4
    assert value(families, "apimonitor_queue_jobs_waiting") == 0
    assert value(families, "apimonitor_queue_lag_seconds") == 0
    assert value(families, "apimonitor_workers") == 0
    assert "apimonitor_oldest_log_timestamp_seconds" not in families


def test_every_metric_has_words_and_a_unit_where_it_has_one(service):
    count_kept(new=1, repeated=0)

    families = scrape()

    assert all(family.documentation for family in families.values())
    assert all(name.startswith("apimonitor_") for name in families)


def test_sums_of_several_flushes_and_processes_add_up():
    now = timezone.now()
    for _ in range(3):
        count_kept(new=5, repeated=0)
        flush(now=now)

    assert Counter.objects.get(name="apimonitor_ingested_logs_total").value == 15
    assert CounterMinute.objects.get().value == 15
    flush(now=now)
    assert Counter.objects.count() == 1


def test_counts_wait_in_memory_while_the_database_is_away(monkeypatch):
    count_kept(new=7, repeated=0)

    def away(*arguments, **options):
        raise ConnectionError

    with monkeypatch.context() as patch:
        patch.setattr("monitor.health.flushing.write", away)
        with pytest.raises(ConnectionError):
            flush(now=timezone.now())
    flush(now=timezone.now())

    assert Counter.objects.get().value == 7


@pytest.mark.parametrize("headers", [{"X-Forwarded-For": "1.2.3.4"}, {"Via": "1.1 x"}, {"X-Real-IP": "::1"}])
def test_a_proxy_on_this_machine_is_not_this_machine(headers):
    assert a_client().get("/metrics", headers=headers).status_code == 401


def test_from_elsewhere_a_key_with_read_or_a_person_is_asked_for(service):
    reader = a_client(a_key(service, scopes=["read"])[1])
    ingester = a_client(a_key(service, scopes=["ingest"])[1])
    person = a_client(user=a_user(an_organization(), "viewer"))

    codes = [
        client.get("/metrics", **ELSEWHERE).status_code for client in (a_client(), ingester, reader, person)
    ]

    assert codes == [401, 403, 200, 200]


def test_the_rate_is_of_the_last_minutes():
    from monitor.health import look

    now = timezone.now()
    count_kept(new=300, repeated=0)
    flush(now=now - timedelta(minutes=1))
    count_kept(new=9000, repeated=0)
    flush(now=now - timedelta(minutes=30))

    assert look(now=now).logs_a_second == 1.0
