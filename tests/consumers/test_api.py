"""/v1/consumers, held against a count by hand."""

from datetime import timedelta

import pytest
from django.utils import timezone

from monitor.metrics.compact import compact
from monitor.models import Consumer
from tests.factories import (
    a_client,
    a_key,
    a_log,
    a_service,
    a_user,
    an_organization,
    keep_logs,
    post_json,
    rfc3339,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def service():
    return a_service()


@pytest.fixture
def owner(service):
    return a_client(user=a_user(service.organization, "owner"))


def listed(client, **query):
    return {row["identifier"]: row for row in client.get("/v1/consumers", query).json()}


@pytest.mark.parametrize("compacted", [False, True])
def test_the_numbers_are_those_counted_by_hand(service, owner, compacted):
    now = timezone.now()
    for n in range(40):
        at = rfc3339(now - timedelta(minutes=37 * n))
        keep_logs(
            service, a_log(consumer="acme", latency_ms=float(n + 1), timestamp=at, request_body="12345")
        )
    keep_logs(service, a_log(consumer="zen", status_code=503, latency_ms=70.0), a_log())
    if compacted:
        compact(now=now)

    # 0, 37, ... 592 minutes ago are within ten hours: 17 calls, of 1 to 17 ms.
    rows = listed(owner, since=rfc3339(now - timedelta(hours=10)))

    assert (rows["acme"]["requests"], rows["acme"]["errors"]) == (17, 0)
    assert rows["acme"]["share"] == 17 / 18
    assert (rows["acme"]["request_bytes"], rows["acme"]["response_bytes"]) == (85, 0)
    assert rows["acme"]["p95_latency_ms"] == pytest.approx(16.2, rel=0.006)
    assert (rows["zen"]["requests"], rows["zen"]["errors"], rows["zen"]["error_rate"]) == (1, 1, 1.0)
    assert rows["acme"]["last_seen_at"][:19] == rfc3339(now)[:19]


@pytest.mark.parametrize(
    ("sort", "expected"),
    [
        ("requests", ["many", "failing", "once"]),
        ("errors", ["failing", "once", "many"]),
        ("error_rate", ["failing", "once", "many"]),
        ("first_seen", ["once", "failing", "many"]),
    ],
)
def test_the_list_is_in_the_order_that_was_asked_for(service, owner, sort, expected):
    now = timezone.now()
    keep_logs(service, *[a_log(consumer="many") for _ in range(5)], now=now - timedelta(hours=3))
    keep_logs(service, *[a_log(consumer="failing", status_code=500)] * 2, now=now - timedelta(hours=2))
    keep_logs(service, a_log(consumer="once"), now=now - timedelta(hours=1))

    rows = owner.get(f"/v1/consumers?sort={sort}").json()
    turned = owner.get(f"/v1/consumers?sort={sort}&order=asc").json()

    assert [row["identifier"] for row in rows] == expected
    assert turned[-1]["identifier"] == expected[0]


def test_who_was_met_in_the_window_is_new(service, owner):
    now = timezone.now()
    keep_logs(service, a_log(consumer="old"), now=now - timedelta(hours=5))
    keep_logs(service, a_log(consumer="old"), a_log(consumer="young"), now=now)

    rows = listed(owner, since=rfc3339(now - timedelta(hours=1)))

    assert {name: (row["is_new"], row["requests"]) for name, row in rows.items()} == {
        "old": (False, 1),
        "young": (True, 1),
    }


def test_a_consumer_can_be_known_before_its_first_request(service, owner):
    made = post_json(owner, "/v1/consumers", {"identifier": "acme", "name": "Acme", "group": "gold"})
    again = post_json(owner, "/v1/consumers", {"identifier": "acme"})
    keep_logs(service, a_log(consumer="acme"))

    assert (made.status_code, again.status_code) == (201, 409)
    (row,) = owner.get("/v1/consumers").json()
    assert (row["id"], row["name"], row["group"], row["requests"]) == (made.json()["id"], "Acme", "gold", 1)


def test_a_consumer_is_renamed_and_keeps_its_identifier(service, owner):
    keep_logs(service, a_log(consumer="acme"))
    address = f"/v1/consumers/{Consumer.objects.get().id}"

    answer = owner.patch(address, {"name": "Acme", "identifier": "x"}, content_type="application/json")

    assert (answer.json()["name"], answer.json()["identifier"]) == ("Acme", "acme")
    assert owner.get(address).json()["name"] == "Acme"


def test_hidden_consumers_are_left_out_and_found_on_request(service, owner):
    keep_logs(service, a_log(consumer="acme"), a_log(consumer="probe"))
    hidden = Consumer.objects.get(identifier="probe")
    owner.patch(f"/v1/consumers/{hidden.id}", {"is_hidden": True}, content_type="application/json")

    assert set(listed(owner)) == {"acme"}
    assert set(listed(owner, hidden="true")) == {"probe"}


def test_the_list_narrows_by_group_text_service_and_environment(service, owner):
    sibling = a_service(service.organization)
    keep_logs(service, a_log(consumer="acme", environment="eu"), a_log(consumer="zen"))
    keep_logs(sibling, a_log(consumer="acme"))
    Consumer.objects.filter(identifier="zen").update(group="gold", name="Zen Inc")

    assert set(listed(owner, group="gold")) == {"zen"}
    assert set(listed(owner, text="INC")) == set(listed(owner, text="ze")) == {"zen"}
    assert listed(owner)["acme"]["requests"] == 2
    assert listed(owner, service_id=str(service.id))["acme"]["requests"] == 1
    assert listed(owner, environment="eu")["acme"]["requests"] == 1


def test_a_key_of_one_service_sees_those_that_called_it(service):
    sibling = a_service(service.organization)
    keep_logs(service, a_log(consumer="mine"))
    keep_logs(sibling, a_log(consumer="theirs"))
    reader = a_client(a_key(service, scopes=["read"])[1])
    theirs = Consumer.objects.get(identifier="theirs")

    assert set(listed(reader)) == {"mine"}
    assert reader.get(f"/v1/consumers/{theirs.id}").status_code == 404


def test_another_organizations_consumers_are_not_there(service, owner):
    foreign = a_service(an_organization())
    keep_logs(foreign, a_log(consumer="acme"))
    keep_logs(service, a_log(consumer="acme"))
    theirs = Consumer.objects.get(organization=foreign.organization)

    assert listed(owner)["acme"]["requests"] == 1
    assert owner.get(f"/v1/consumers/{theirs.id}").status_code == 404
    assert owner.patch(f"/v1/consumers/{theirs.id}", {}, content_type="application/json").status_code == 404
    assert owner.post(f"/v1/consumers/{theirs.id}/forget").status_code == 404


def test_pages_hold_every_consumer_once(service, owner):
    keep_logs(service, *[a_log(consumer=f"c{n}") for n in range(7) for _ in range(n + 1)])

    address, seen = "/v1/consumers?limit=3", []
    while address:
        answer = owner.get(address)
        seen += [row["identifier"] for row in answer.json()]
        address = answer["Link"].split(">")[0].lstrip("<") if "Link" in answer else None

    assert seen == [f"c{n}" for n in reversed(range(7))]
