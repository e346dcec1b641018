"""An unmodified OpenTelemetry SDK, set up by environment variables alone, sends to a running server."""

import os
import socket
import subprocess
import sys
import time
from collections import Counter
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from monitor.models import RequestLog
from tests.broken_line import a_broken_line
from tests.factories import a_client, a_key, a_service
from tests.web import ROOT

pytestmark = pytest.mark.django_db(transaction=True)
WAIT_SECONDS = 30


@contextmanager
def a_shop(**environment):
    """The address of the application under `opentelemetry-instrument`."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(16)
        process = subprocess.Popen(
            [
                str(Path(sys.executable).with_name("opentelemetry-instrument")),
                *(sys.executable, "-m", "uvicorn", "tests.otlp.shop:app"),
                *("--fd", str(listener.fileno()), "--log-level", "critical"),
            ],
            cwd=ROOT,
            env={**os.environ, **environment},
            pass_fds=[listener.fileno()],
        )
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            # The SDK sends what it still holds when the application ends.
            process.terminate()
            process.wait(timeout=WAIT_SECONDS)


@pytest.mark.parametrize("conventions", ["", "http"], ids=["old names", "new names"])
def test_every_request_is_counted_once_even_when_an_answer_gets_lost(web_server, conventions):
    key = a_key(a_service())[1]
    sent = ["/items/1", "/items/2", "/items/2", "/items/404", "/items/x", "/nowhere", "/boom"]

    with (
        a_broken_line(web_server) as (endpoint, passed),
        a_shop(
            OTEL_EXPORTER_OTLP_ENDPOINT=f"{endpoint}/otlp",
            OTEL_EXPORTER_OTLP_PROTOCOL="http/protobuf",
            OTEL_EXPORTER_OTLP_HEADERS=f"x-api-key={key}",
            OTEL_METRICS_EXPORTER="none",
            OTEL_LOGS_EXPORTER="none",
            OTEL_SERVICE_NAME="shop",
            OTEL_RESOURCE_ATTRIBUTES="deployment.environment.name=prod",
            OTEL_BSP_SCHEDULE_DELAY="200",
            OTEL_SEMCONV_STABILITY_OPT_IN=conventions,
        ) as shop,
    ):
        answers = [httpx.get(shop + path, timeout=WAIT_SECONDS).status_code for path in sent]
        deadline = time.monotonic() + WAIT_SECONDS
        while (RequestLog.objects.count() < len(sent) or len(passed) < 2) and time.monotonic() < deadline:
            time.sleep(0.1)

    assert set(passed) == {200}
    assert len(passed) >= 2
    logs = RequestLog.objects.with_names()
    assert Counter((log.path, log.status_code) for log in logs) == Counter(zip(sent, answers, strict=True))
    assert {log.environment for log in logs} == {"prod"}
    assert {log.route for log in logs if log.path == "/items/2"} == {"/items/{item_id}"}
    (failed,) = [log for log in logs if log.path == "/boom"]
    assert failed.error.startswith("ValueError: boom happened")
    assert all(log.trace_id and "service.name=shop" in log.tags for log in logs)


@pytest.mark.parametrize("temporality", ["cumulative", "delta"])
def test_what_it_counts_is_never_added_to_its_spans(web_server, temporality):
    service = a_service()
    sent = ["/items/1", "/items/2", "/items/404", "/boom"]
    reader = a_client(a_key(service, scopes=["read"])[1])

    def told():
        return reader.get("/v1/metrics", {"environment": "prod"}).json()

    with a_shop(
        OTEL_EXPORTER_OTLP_ENDPOINT=f"{web_server}/otlp",
        OTEL_EXPORTER_OTLP_PROTOCOL="http/protobuf",
        OTEL_EXPORTER_OTLP_HEADERS=f"x-api-key={a_key(service)[1]}",
        OTEL_METRICS_EXPORTER="otlp",
        OTEL_METRIC_EXPORT_INTERVAL="500",
        OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE=temporality,
        OTEL_LOGS_EXPORTER="none",
        OTEL_RESOURCE_ATTRIBUTES="deployment.environment.name=prod",
        OTEL_BSP_SCHEDULE_DELAY="200",
        OTEL_SEMCONV_STABILITY_OPT_IN="http",
    ) as shop:
        for rounds in (1, 2):
            for path in sent:
                httpx.get(shop + path, timeout=WAIT_SECONDS)
            expected = ("client", rounds * len(sent))
            deadline = time.monotonic() + WAIT_SECONDS
            while (told()["source"], told()["total_requests"]) != expected and time.monotonic() < deadline:
                time.sleep(0.1)

    assert (told()["source"], told()["by_status"]) == ("client", {"200": 4, "404": 2, "500": 2})
    assert told()["avg_latency_ms"] > 0
    assert RequestLog.objects.count() == 2 * len(sent)
