"""OpenTelemetry's SDK for Node as it is on the package index, set up by environment variables alone."""

from collections import Counter

import pytest

from monitor.models import Instance, RequestLog
from tests.factories import a_key, a_service
from tests.published.environments import node_modules_with
from tests.published.reading import by, counted, measured
from tests.published.running import CALLS, COUNTED, call_all, node, running_app, wait_until

pytestmark = pytest.mark.django_db(transaction=True)
REGISTER = "@opentelemetry/auto-instrumentations-node/register"


@pytest.fixture(scope="module")
def modules():
    return node_modules_with("opentelemetry-node")


@pytest.fixture
def express(modules):
    return node(modules, "express_plain.js", "--require", REGISTER)


@pytest.fixture
def service():
    return a_service()


@pytest.fixture
def environment(web_server, service, modules):
    return {
        # Where `--require` looks, since the application is started from elsewhere.
        "NODE_PATH": str(modules / "node_modules"),
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"{web_server}/otlp",
        "OTEL_EXPORTER_OTLP_HEADERS": f"x-api-key={a_key(service)[1]}",
        "OTEL_METRICS_EXPORTER": "none",
        "OTEL_LOGS_EXPORTER": "none",
        "OTEL_SERVICE_NAME": "shop",
        "OTEL_RESOURCE_ATTRIBUTES": "deployment.environment.name=dev",
        "OTEL_BSP_SCHEDULE_DELAY": "500",
    }


@pytest.mark.parametrize("conventions", ["", "http"], ids=["old names", "new names"])
@pytest.mark.parametrize("protocol", ["http/protobuf", "http/json"])
def test_every_request_is_kept_once(express, service, environment, protocol, conventions):
    told = {"OTEL_EXPORTER_OTLP_PROTOCOL": protocol, "OTEL_SEMCONV_STABILITY_OPT_IN": conventions}
    with running_app(express, **environment, **told) as address:
        answers = call_all(address)
        assert wait_until(lambda: RequestLog.objects.count() >= len(CALLS), within_s=30)

    assert answers == COUNTED
    logs = list(RequestLog.objects.with_names().filter(service=service))
    assert Counter((log.method, log.status_code) for log in logs) == COUNTED
    assert by(service, "endpoint") == {"GET /items/:id": 9, "POST /items": 2, "GET /boom": 1}
    (failed,) = [log for log in logs if log.status_code == 500]
    assert failed.error.startswith("TypeError: boom happened")
    assert all(log.trace_id and "service.name=shop" in log.tags for log in logs)
    assert {log.source_ip for log in logs} == {"127.0.0.1"}


@pytest.mark.parametrize("temporality", ["cumulative", "delta"])
def test_what_it_counts_is_never_added_to_its_spans(express, service, environment, temporality):
    told = {
        "OTEL_METRICS_EXPORTER": "otlp",
        "OTEL_METRIC_EXPORT_INTERVAL": "1000",
        "OTEL_METRIC_EXPORT_TIMEOUT": "900",
        "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE": temporality,
        "OTEL_SEMCONV_STABILITY_OPT_IN": "http",
    }
    with running_app(express, **{**environment, **told}) as address:
        call_all(address)
        assert wait_until(lambda: measured(service)["source"] == "client", within_s=30)
        assert wait_until(lambda: measured(service)["total_requests"] == len(CALLS), within_s=30)
        call_all(address)
        assert wait_until(lambda: measured(service)["total_requests"] == 2 * len(CALLS), within_s=30)
        assert wait_until(lambda: RequestLog.objects.count() == 2 * len(CALLS), within_s=30)
        # Some more tellings of the same.
        wait_until(lambda: False, within_s=3)

    assert counted(service) == COUNTED + COUNTED
    assert RequestLog.objects.count() == 2 * len(CALLS)
    assert by(service, "endpoint") == {"GET /items/:id": 18, "POST /items": 4, "GET /boom": 2}
    assert Instance.objects.get(service=service).environment == "dev"
