"""OpenTelemetry's SDK for Python as it is on the package index, set up by environment variables alone."""

import pytest

from tests.broken_line import a_broken_line
from tests.factories import a_key, a_service
from tests.published.running import (
    CALLS,
    CONSUMERS,
    COUNTED,
    call_all,
    consumers_of,
    instrumented,
    running_app,
    secrets_in,
    wait_until,
)
from tests.reading import Api
from tests.web import running_web_server

pytestmark = pytest.mark.django_db(transaction=True)
ENDPOINTS = {"GET /items/{item_id}": 9, "POST /items": 2, "GET /boom": 1}


@pytest.fixture
def key():
    return a_key(a_service(), scopes=["ingest", "read"])[1]


def settings(address, key, **more):
    return {
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"{address}/otlp",
        "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
        "OTEL_EXPORTER_OTLP_HEADERS": f"x-api-key={key}",
        "OTEL_METRICS_EXPORTER": "none",
        "OTEL_LOGS_EXPORTER": "none",
        "OTEL_SERVICE_NAME": "shop",
        "OTEL_RESOURCE_ATTRIBUTES": "deployment.environment.name=dev",
        "OTEL_BSP_SCHEDULE_DELAY": "200",
        **more,
    }


@pytest.mark.parametrize("conventions", ["", "http"], ids=["old names", "new names"])
def test_every_request_is_kept_once_even_when_an_answer_gets_lost(web_server, key, conventions):
    api = Api(web_server, key, environment="dev")

    with (
        a_broken_line(web_server) as line,
        running_app(
            instrumented("fastapi_plain"),
            **settings(line.address, key, OTEL_SEMCONV_STABILITY_OPT_IN=conventions),
        ) as address,
    ):
        answers = call_all(address)
        wait_until(lambda: len(api.logs()) >= len(CALLS) and len(line.passed) >= 2)

    assert (line.statuses, len(line.passed) >= 2) == ({200}, True)
    assert answers == COUNTED
    assert api.logged() == api.counted() == COUNTED
    assert api.endpoints() == ENDPOINTS
    logs = api.logs()
    (failed,) = [log for log in logs if log["status_code"] == 500]
    assert failed["error"].startswith("ValueError: boom happened")
    assert all(log["trace_id"] and "service.name=shop" in log["tags"] for log in logs)
    assert secrets_in(api.details()) == set()


def test_who_called_and_captured_headers_are_kept_and_secrets_are_not(web_server, key):
    api = Api(web_server, key, environment="dev")
    captured = {
        "OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_SERVER_REQUEST": ".*",
        "OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_SERVER_RESPONSE": ".*",
        "OTEL_SEMCONV_STABILITY_OPT_IN": "http",
    }

    with running_app(instrumented("fastapi_consumers"), **settings(web_server, key, **captured)) as address:
        call_all(address)
        # What is on its way when the application ends is the SDK's to lose.
        wait_until(lambda: len(api.logs()) >= len(CALLS))

    assert consumers_of(api.logs()) == CONSUMERS
    assert api.by("consumer") == CONSUMERS
    assert {name: told[2] for name, told in api.consumers().items()} == {"alice": 7, "bob": 4}
    details = api.details()
    for detail in details:
        assert detail["request_headers"]["authorization"] == "***MASKED***"
        assert detail["request_headers"].get("x-consumer", "") == detail["consumer"]
        if detail["status_code"] < 500:
            assert detail["response_headers"]["content-type"] == "application/json"
    assert secrets_in(details) == set()


@pytest.mark.parametrize("temporality", ["cumulative", "delta"])
def test_what_it_counts_is_never_added_to_its_spans(web_server, key, temporality):
    api = Api(web_server, key, environment="dev")
    told = {
        "OTEL_METRICS_EXPORTER": "otlp",
        "OTEL_METRIC_EXPORT_INTERVAL": "500",
        "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE": temporality,
        "OTEL_SEMCONV_STABILITY_OPT_IN": "http",
    }

    with (
        a_broken_line(web_server) as line,
        running_app(instrumented("fastapi_plain"), **settings(line.address, key, **told)) as address,
    ):
        for rounds in (1, 2):
            call_all(address)
            expected = ("client", rounds * len(CALLS))
            assert wait_until(lambda expected=expected: (api.metrics()["source"], api.total()) == expected)

    assert line.statuses == {200}
    assert api.counted() == COUNTED + COUNTED
    assert api.logged() == COUNTED + COUNTED
    assert api.metrics()["avg_latency_ms"] > 0
    assert api.by("endpoint") == {name: 2 * count for name, count in ENDPOINTS.items()}


def test_a_monitor_that_is_killed_meanwhile_loses_nothing(key):
    with running_web_server() as first:
        port = int(first.address.rpartition(":")[2])
        api = Api(first.address, key, environment="dev")
        # By itself the exporter tries for 10 s, which a busy machine may need to start a server.
        patient = {"OTEL_EXPORTER_OTLP_TIMEOUT": "60"}
        with running_app(instrumented("fastapi_plain"), **settings(first.address, key, **patient)) as address:
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
