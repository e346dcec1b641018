"""Secrets that a sender did not mask: hidden on arrival, stored nowhere."""

import pytest
from django.db import connection

from monitor.lib import payload
from monitor.lib.masking import MASK
from monitor.models import AlertEvent, AlertRule, LogPayload
from tests.factories import a_log, a_rule, post_json

pytestmark = pytest.mark.usefixtures("door")

SECRET = "hunter2-8c1f0a"
LEAKS = {
    "a header": {"request_headers": {"Authorization": f"Bearer {SECRET}"}},
    "a header of any case": {"response_headers": {"SET-COOKIE": [f"sid={SECRET}", "a=b"]}},
    "a header by a part of its name": {"request_headers": {"X-My-Api-Key-Id": SECRET}},
    "a query parameter": {"query_params": {"access_token": SECRET}},
    "a query parameter of several values": {"query_params": {"token": [SECRET, SECRET]}},
    "a nested query parameter": {"query_params": {"user": {"password": {"old": SECRET}}}},
    "the url": {"url": f"https://shop.example/login?user=jo&password={SECRET}#top"},
    "the user info of the url": {"url": f"https://jo:{SECRET}@shop.example/"},
    "the query in the path": {"path": f"/login?api_key={SECRET}"},
    "a json body": {"request_body": f'{{"user": {{"Password": "{SECRET}"}}}}'},
    "a json body of arrays": {"response_body": f'[[{{"secret": ["{SECRET}"]}}]]'},
    "a json body under another content type": {
        "request_headers": {"Content-Type": "text/plain"},
        "request_body": f'{{"client_secret": "{SECRET}"}}',
    },
    "a form body": {
        "request_headers": {"content-type": "application/x-www-form-urlencoded"},
        "request_body": f"user=jo&card_number={SECRET}",
    },
    "a broken json body": {"request_body": f'{{"password": "{SECRET}", "cut": '},
    "a tag": {"tags": ["checkout", f"token={SECRET}"]},
    "the consumer": {"consumer": f"Bearer {SECRET}"},
    "the environment": {"environment": f"password={SECRET}"},
    "the trace id": {"trace_id": f"session: {SECRET}"},
    "the event id": {"event_id": f"api_key={SECRET}"},
    "the query in the route": {"route": f"/login?token={SECRET}"},
    "the error": {"error": f"login failed: password={SECRET}"},
}


def everything_stored():
    """All text of the tables a log leaves traces in, payloads unpacked."""
    texts = []
    with connection.cursor() as cursor:
        for table in ("request_log", "endpoint", "consumer", "alert_event", "alert_rule"):
            cursor.execute(f"SELECT t::text FROM {table} t")  # noqa: S608 - our own names
            texts += [text for (text,) in cursor]
    texts += [repr(payload.unpack(bytes(each.packed))) for each in LogPayload.objects.all()]
    return "\n".join(texts)


@pytest.mark.parametrize("leak", LEAKS.values(), ids=LEAKS)
def test_a_secret_is_masked_before_it_is_stored(sender, service, leak):
    a_rule(service, "error != false", name="tells the error in its message")

    made = post_json(sender, "/v1/logs", a_log(**leak))

    assert made.status_code == 201
    assert SECRET not in made.content.decode()
    stored = everything_stored()
    assert SECRET not in stored
    assert MASK in stored
    assert SECRET not in sender.get(f"/v1/logs/{made.json()['id']}").content.decode()


@pytest.mark.parametrize("leak", LEAKS.values(), ids=LEAKS)
def test_a_batch_is_masked_in_the_same_way(sender, leak):
    assert post_json(sender, "/v1/logs/batch", [a_log(**leak)]).status_code == 201

    assert SECRET not in everything_stored()


def test_what_is_no_secret_stays_as_it_was_sent(sender):
    log = a_log(
        url="https://shop.example/orders?page=2&sort=name",
        query_params={"page": "2"},
        request_headers={"Accept": "*/*"},
        request_body='{"name":  "Jo",\n"amount": 1.10}',
    )

    made = post_json(sender, "/v1/logs", log)

    kept = sender.get(f"/v1/logs/{made.json()['id']}").json()
    assert {name: kept[name] for name in log} == log


def test_a_mask_that_is_longer_than_what_it_hides_still_fits(sender):
    """A label at its limit must not become a log that cannot be kept."""
    filled = "x" * 120 + " pwd=a"
    log = a_log(tags=[filled], consumer=filled, environment=filled[-64:], trace_id=filled[-64:])

    made = post_json(sender, "/v1/logs", log)

    assert made.status_code == 201
    assert "pwd=a" not in everything_stored()


def test_a_secret_is_masked_before_the_body_is_cut(sender, settings):
    """What was cut first could not be parsed any more."""
    settings.MAX_BODY_BYTES = 1000
    body = f'{{"password": "{SECRET}", "fill": "{"x" * 5000}"}}'

    made = post_json(sender, "/v1/logs", a_log(request_body=body))

    kept = sender.get(f"/v1/logs/{made.json()['id']}").json()
    assert kept["request_truncated"] is True
    assert kept["request_body"].startswith(f'{{"password": "{MASK}"')


@pytest.mark.parametrize("form", ["mkey_", "mpat_", "apt_", "Bearer+"])
def test_a_key_is_masked_by_its_form_wherever_it_stands(sender, form):
    raw = f"{form}6Jd2kSxQ0aZ9pLw3VbNm"

    post_json(
        sender,
        "/v1/logs",
        a_log(
            request_body=f"the key is {raw}.",
            error=f"{raw} was refused",
            tags=[raw],
            consumer=raw,
            environment=raw,
            trace_id=raw,
            event_id=raw,
            route=f"/keys/{raw}",
        ),
    )

    assert raw not in everything_stored()


def test_an_alert_tells_a_masked_error(sender, service):
    a_rule(service, "error == true")

    post_json(sender, "/v1/logs", a_log(error=f"token={SECRET} expired"))

    assert AlertRule.objects.get().last_error == ""
    assert SECRET not in AlertEvent.objects.get().message
    assert MASK in AlertEvent.objects.get().message
