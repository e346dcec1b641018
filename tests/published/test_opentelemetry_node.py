"""OpenTelemetry's SDK for Node as it is on the package index, set up by environment variables alone."""

import pytest

from tests.broken_line import a_broken_line
from tests.factories import a_key, a_service
from tests.published.environments import node_modules_with
from tests.published.running import (
    CALLS,
    CONSUMERS,
    COUNTED,
    call_all,
    consumers_of,
    node,
    running_app,
    secrets_in,
    wait_until,
)
from tests.reading import Api
from tests.web import running_web_server

pytestmark = pytest.mark.django_db(transaction=True)
REGISTER = "@opentelemetry/auto-instrumentations-node/register"
ENDPOINTS = {"GET /items/:id": 9, "POST /items": 2, "GET /boom": 1}


@pytest.fixture(scope="module")
def modules():
    return node_modules_with("opentelemetry-node")


@pytest.fixture
def express(modules):
    return node(modules, "express_plain.js", "--require", REGISTER)


@pytest.fixture
def key():
    return a_key(a_service(), scopes=["ingest", "read"])[1]


@pytest.fixture
def settings(modules, key):
    def at(address, **more):
        return {
            # Where `--require` looks, since the application is started from elsewhere.
            "NODE_PATH": str(modules / "node_modules"),
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"{address}/otlp",
            "OTEL_EXPORTER_OTLP_HEADERS": f"x-api-key={key}",
            "OTEL_METRICS_EXPORTER": "none",
            "OTEL_LOGS_EXPORTER": "none",
            "OTEL_SERVICE_NAME": "shop",
            "OTEL_RESOURCE_ATTRIBUTES": "deployment.environment.name=dev",
            "OTEL_BSP_SCHEDULE_DELAY": "500",
            **more,
        }

    return at


@pytest.mark.parametrize("conventions", ["", "http"], ids=["old names", "new names"])
@pytest.mark.parametrize("protocol", ["http/protobuf", "http/json"])
def test_every_request_is_kept_once_even_when_an_answer_gets_lost(
    web_server, express, key, settings, protocol, conventions
):
    api = Api(web_server, key, environment="dev")
    told = {"OTEL_EXPORTER_OTLP_PROTOCOL": protocol, "OTEL_SEMCONV_STABILITY_OPT_IN": conventions}

    with a_broken_line(web_server) as line, running_app(express, **settings(line.address, **told)) as address:
        answers = call_all(address)
        wait_until(lambda: len(api.logs()) >= len(CALLS) and len(line.passed) >= 2)

    assert (line.statuses, len(line.passed) >= 2) == ({200}, True)
    assert answers == COUNTED
    assert api.logged() == api.counted() == COUNTED
    assert api.by("endpoint") == api.endpoints() == ENDPOINTS
    (failed,) = [log for log in api.logs() if log["status_code"] == 500]
    assert failed["error"].startswith("TypeError: boom happened")
    assert all(log["trace_id"] and "service.name=shop" in log["tags"] for log in api.logs())
    details = api.details()
    assert {detail["source_ip"] for detail in details} == {"127.0.0.1"}
    assert secrets_in(details) == set()


def test_who_called_is_told_by_the_documented_line(web_server, modules, key, settings):
    api = Api(web_server, key, environment="dev")
    express = node(modules, "express_consumers.js", "--require", REGISTER)

    with running_app(express, **settings(web_server)) as address:
        call_all(address)
        wait_until(lambda: len(api.logs()) >= len(CALLS))

    assert consumers_of(api.logs()) == CONSUMERS
    assert api.by("consumer") == CONSUMERS
    assert {name: told[2] for name, told in api.consumers().items()} == {"alice": 7, "bob": 4}


@pytest.mark.parametrize("temporality", ["cumulative", "delta"])
def test_what_it_counts_is_never_added_to_its_spans(web_server, express, key, settings, temporality):
    api = Api(web_server, key, environment="dev")
    told = {
        "OTEL_METRICS_EXPORTER": "otlp",
        "OTEL_METRIC_EXPORT_INTERVAL": "1000",
        "OTEL_METRIC_EXPORT_TIMEOUT": "900",
        "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE": temporality,
        "OTEL_SEMCONV_STABILITY_OPT_IN": "http",
    }

    with running_app(express, **settings(web_server, **told)) as address:
        for rounds in (1, 2):
            call_all(address)
            expected = ("client", rounds * len(CALLS))
            assert wait_until(lambda expected=expected: (api.metrics()["source"], api.total()) == expected)
        assert wait_until(lambda: len(api.logs()) == 2 * len(CALLS))
        # Some more tellings of the same.
        wait_until(lambda: False, within_s=3)

    assert api.counted() == COUNTED + COUNTED
    assert api.logged() == COUNTED + COUNTED
    assert api.by("endpoint") == {name: 2 * count for name, count in ENDPOINTS.items()}
    (instance,) = api.instances()
    assert instance["environment"] == "dev"


def test_a_monitor_that_is_killed_meanwhile_loses_nothing(express, key, settings):
    with running_web_server() as first:
        port = int(first.address.rpartition(":")[2])
        api = Api(first.address, key, environment="dev")
        # By itself the exporter tries for 10 s, which a busy machine may need to start a server.
        patient = {"OTEL_EXPORTER_OTLP_TIMEOUT": "60000"}
        with running_app(express, **settings(first.address, **patient)) as address:
            call_all(address)
            assert wait_until(api.logs)
            first.kill()
            call_all(address)
            # Past the exporter's next try, which finds nobody.
            wait_until(lambda: False, within_s=2)
            with running_web_server(port=port):
                assert wait_until(lambda: len(api.logs()) >= 2 * len(CALLS))
                wait_until(lambda: False, within_s=1)
                assert api.logged() == COUNTED + COUNTED
