"""What clients tell of themselves, their consumers and errors, read out of log records."""

import json

import pytest

from monitor.otlp import json_form, protobuf
from monitor.otlp.told import reports_of_records
from tests.otlp.captures import plain


def an_export(event, body, *, scope="apitally", as_attribute=False):
    """An event in OTLP's JSON, named as older clients do or as newer ones do."""
    record = {"timeUnixNano": "1795226700000000000", "body": body}
    if as_attribute:
        record["attributes"] = [{"key": "event.name", "value": {"stringValue": event}}]
    else:
        record["eventName"] = event
    resource = {"attributes": [{"key": "service.instance.id", "value": {"stringValue": "one"}}]}
    scopes = [{"scope": {"name": scope}, "logRecords": [record]}]
    return json.dumps({"resourceLogs": [{"resource": resource, "scopeLogs": scopes}]}).encode()


def a_map(**members):
    return {"kvlistValue": {"values": [{"key": name, "value": value} for name, value in members.items()]}}


def told(body, encoding=json_form):
    events, _ = encoding.read_events(body, most=1000)
    return reports_of_records(events, body)


@pytest.mark.parametrize("as_attribute", [False, True])
def test_a_consumer_is_told_with_name_and_group(as_attribute):
    body = a_map(
        identifier={"stringValue": "alice"}, name={"stringValue": "Alice"}, group={"stringValue": "Testers"}
    )

    (report,), taken = told(an_export("apitally.consumer.update", body, as_attribute=as_attribute))

    assert taken == 1
    assert [(each.identifier, each.name, each.group) for each in report.consumers] == [
        ("alice", "Alice", "Testers")
    ]
    assert report.instance.name == "one"


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        (
            {
                "counts": {
                    "arrayValue": {
                        "values": [
                            a_map(consumer={"stringValue": "alice"}, count={"intValue": "2"}),
                            a_map(count={"intValue": 1}),
                        ]
                    }
                }
            },
            {"alice": 2, "": 1},
        ),
        # As clients before the release told it.
        ({"consumer": {"stringValue": "bob"}, "count": {"intValue": "3"}}, {"bob": 3}),
        ({}, {}),
    ],
    ids=["a list", "one", "none"],
)
def test_an_error_is_told_once_for_each_consumer(counts, expected):
    alike = {name: {"stringValue": name} for name in ("method", "path", "source", "field", "message", "type")}

    (report,), _ = told(an_export("apitally.request.validation_error", a_map(**alike, **counts)))

    assert {each.consumer: each.count for each in report.errors} == expected
    assert {each.field for each in report.errors} <= {"source.field"}


@pytest.mark.parametrize(
    ("event", "scope", "body", "reports"),
    [
        ("apitally.app.startup", "apitally", {"stringValue": "{no json"}, 1),
        ("apitally.app.startup", "apitally", {"stringValue": "[1]"}, 1),
        ("apitally.consumer.update", "apitally", {"stringValue": "alice"}, 1),
        ("apitally.consumer.update", "apitally", a_map(name={"stringValue": "nobody"}), 1),
        ("apitally.something.new", "apitally", a_map(), 0),
        ("apitally.consumer.update", "shop.logger", a_map(identifier={"stringValue": "forged"}), 0),
    ],
    ids=["no JSON", "no object", "no map", "no identifier", "an unknown event", "an application's log"],
)
def test_what_cannot_be_read_is_not_taken(event, scope, body, reports):
    found, taken = told(an_export(event, body, scope=scope))

    assert (len(found), taken) == (reports, 0)


def test_what_a_real_client_told_is_read():
    (startup,), _ = told(plain("b-py1.0.0-fastapi-logs-startup.pb.gz"), protobuf)
    (events,), _ = told(plain("b-py1.0.0-fastapi-logs-events.pb.gz"), protobuf)

    assert startup.instance.started
    assert startup.instance.client == "apitally-py:fastapi"
    assert startup.instance.versions["fastapi"]
    assert ("GET", "/items/{item_id}") in startup.paths
    assert {each.kind for each in events.errors} == {"validation", "server"}
    (crash,) = [each for each in events.errors if each.kind == "server"]
    assert crash.type == "builtins.ValueError"
    assert "ValueError" in crash.traceback
    assert "alice" in {each.identifier for each in events.consumers}
