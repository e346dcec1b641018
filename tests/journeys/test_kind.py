"""Journeys as monitors: kept, shown, checked and told like every other kind."""

import asyncio
import json
import threading

import pytest
from django.utils import timezone

from monitor.lib.masking import MASK
from monitor.models import Beat, Monitor
from monitor.monitors.config import options_of
from monitor.monitors.prober import Prober
from tests.factories import a_client, a_key, an_organization, post_json
from tests.journeys.targets import HOME, PASSWORD, TOKEN, Shop, document, log_in, me
from tests.monitors.scenes import a_monitor
from tests.probing.http_target import Answer, http_target
from tests.probing.probes import look_at

SCOPES = ["read", "manage"]


@pytest.fixture
def organization():
    return an_organization()


@pytest.fixture
def client(organization):
    return a_client(a_key(organization=organization, scopes=SCOPES)[1])


@pytest.fixture
def shop():
    return Shop()


@pytest.fixture
def target(shop):
    with http_target(shop) as found:
        yield found


def patch_json(client, address, data):
    return client.patch(address, data, content_type="application/json")


def parts(base="{{base}}", **more):
    return document(log_in(base), me(base), variables={"base": "http://shop.example"}, **more)


def test_warnings_make_it_slow_and_failures_make_it_fail(target, shop):
    warning = {"source": "response_ms", "comparison": "<", "target": 0, "severity": "warn"}
    good = look_at("journey", **document(log_in(target.url("")), me(target.url(""))))
    slow = look_at("journey", **document(log_in(target.url(""), assertions=[warning]), me(target.url(""))))
    shop.broken.add("/me")
    bad = look_at("journey", **document(log_in(target.url("")), me(target.url(""))))

    assert [str(each.outcome) for each in (good, slow, bad)] == ["ok", "slow", "failed"]
    assert good.response_ms > 0
    assert bad.message == "Step 2, Who am I: The status is 500."
    assert [step["outcome"] for step in bad.detail["steps"]] == ["passed", "failed"]


def test_what_is_our_own_fault_calls_nobody_down(target):
    found = look_at("journey", **document({"name": "a", "url": target.url("/{{nobody}}")}))

    assert str(found.outcome) == "unknown"


def test_a_journey_that_hangs_still_tells_its_steps(target):
    over = threading.Event()

    def hang(asked):
        if asked.path == "/hang":
            over.wait(60)
        return Answer(200)

    target.answer = hang
    steps = [{"name": "a", "url": target.url("/")}, {"name": "b", "url": target.url("/hang")}]
    found = look_at("journey", timeout_s=2, **document(*steps))
    over.set()

    assert [step["outcome"] for step in found.detail["steps"]] == ["passed", "failed"]


def test_each_row_of_data_is_a_run(target, shop):
    shop.broken.add("/orders/2")
    order = {**me(target.url("")), "name": "Order", "url": target.url("/orders/{{number}}")}
    found = look_at("journey", **document(log_in(target.url("")), order, rows=[{"number": 1}, {"number": 2}]))

    assert found.message == "Row 2, step 2, Order: The status is 500."
    assert found.detail["rows"] == [2, 2]


@pytest.mark.django_db
def test_a_journey_is_made_with_sealed_secrets_and_changed_by_its_mask(client):
    made = post_json(client, "/v1/monitors", {"name": "Shop", "kind": "journey", "config": parts()})
    assert made.status_code == 201, made.json()
    config = made.json()["config"]
    assert config["secrets"] == {"password": MASK}
    assert PASSWORD not in json.dumps(list(Monitor.objects.values("config")))

    config["steps"][1]["assertions"] = [{"source": "status", "target": 200}]
    changed = patch_json(client, f"/v1/monitors/{made.json()['id']}", {"config": config})

    assert changed.status_code == 200, changed.json()
    options = options_of(Monitor.objects.get())
    assert options.secrets == {"password": PASSWORD}
    assert options.steps[1].assertions[0].target == 200


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("given", "field", "words"),
    [
        ({"steps": []}, "config.steps", "a step at least"),
        ({"steps": [{"name": "a"}]}, "config.steps.0", "Step 1 (a)"),
        ({"steps": [{"name": "a", "url": "x", "timeout_s": 0}]}, "config.steps.0.timeout_s", "Step 1 (a)"),
        ({"nope": 1}, "config", "nope"),
    ],
)
def test_what_cannot_work_names_the_step_and_the_field(client, given, field, words):
    answer = post_json(client, "/v1/monitors", {"name": "x", "kind": "journey", "config": given})

    assert answer.status_code == 400
    (error,) = answer.json()["errors"]
    assert (error["field"], words in error["message"]) == (field, True)


ELSEWHERE = {
    "a step elsewhere": lambda config: config["steps"].append({"name": "x", "url": "http://evil.example/"}),
    "a host that is a variable": lambda config: config["steps"].append({"name": "x", "url": "{{id}}/"}),
    "another base": lambda config: config["variables"].update(base="http://evil.example"),
    "a base that an answer brings": lambda config: config["steps"][0]["extract"].append(
        {"name": "base", "source": "jsonpath", "of": "$.x", "default": "http://evil.example"}
    ),
    "a base of the data": lambda config: config.update(rows=[{"base": "http://evil.example"}]),
    "a login elsewhere": lambda config: config["steps"][1].update(
        auth={"type": "oauth2", "client_id": "a", "token_url": "http://evil.example/t"}
    ),
    "a proxy": lambda config: config.update(proxy={"url": "http://evil.example:1"}),
    "a script": lambda config: config["steps"][0].update(before="pm.variables.set('base', 'http://evil')"),
    "a line that nobody checks": lambda config: config.update(verify_tls=False),
    "an authority of one's own": lambda config: config.update(authorities="-----BEGIN"),
    "a known host that had no need of it": lambda config: config["steps"][2].update(body="{{hidden}}"),
    "a known host, by the name of a header": lambda config: config["steps"][2].update(
        headers=[["X-{{hidden}}", "x"]]
    ),
    "a known host, by a long way round": lambda config: (
        config["variables"].update(
            {f"v{at}": f"{{{{v{at + 1}}}}}" for at in range(6)} | {"v6": "{{password}}"}
        ),
        config["steps"][2].update(body="{{v0}}"),
    ),
    "a known host, by a row": lambda config: (
        config.update(rows=[{"column": "{{password}}"}]),
        config["steps"][2].update(body="{{column}}"),
    ),
    "a host that continues": lambda config: config["steps"].append(
        {"name": "x", "url": "{{base}}.evil.example/"}
    ),
}


@pytest.mark.django_db
@pytest.mark.parametrize("story", ELSEWHERE)
def test_a_kept_secret_goes_to_no_other_target(client, story):
    given = parts()
    given["steps"].append({"name": "Other", "method": "POST", "url": "http://other.example/"})
    made = post_json(client, "/v1/monitors", {"name": "Shop", "kind": "journey", "config": given}).json()
    config = made["config"]
    config["variables"]["hidden"] = "{{password}}"
    ELSEWHERE[story](config)

    answer = patch_json(client, f"/v1/monitors/{made['id']}", {"config": config})
    given_again = patch_json(
        client, f"/v1/monitors/{made['id']}", {"config": {**config, "secrets": {"password": "new-pass"}}}
    )

    assert (answer.status_code, "again" in json.dumps(answer.json())) == (400, True)
    assert given_again.status_code == 200, given_again.json()


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("more", "url", "change"),
    [
        (
            {"rows": [{"place": "{{host}}"}], "variables": {"host": "http://shop.example"}},
            "{{place}}/me",
            {"variables": {"host": "http://evil.example"}},
        ),
        (
            {
                "variables": {f"v{at}": f"{{{{v{at + 1}}}}}" for at in range(7)}
                | {"v7": "http://shop.example"}
            },
            "{{v0}}/me",
            {
                "variables": {f"v{at}": f"{{{{v{at + 1}}}}}" for at in range(7)}
                | {"v7": "http://evil.example"}
            },
        ),
        (
            {"variables": {"next": "http://shop.example"}},
            "{{place}}/me",
            {"variables": {"next": "http://evil.example"}},
        ),
    ],
    ids=["a row", "many variables", "a script"],
)
def test_a_kept_secret_follows_no_variable_to_another_host(client, more, url, change):
    before = 'pm.variables.set("place", pm.variables.get("next"));' if "next" in more["variables"] else ""
    step = {"name": "a", "url": url, "headers": [["X-Key", "{{password}}"]], "before": before}
    config = document(step, **more)
    made = post_json(client, "/v1/monitors", {"name": "Shop", "kind": "journey", "config": config}).json()

    answer = patch_json(client, f"/v1/monitors/{made['id']}", {"config": {**made["config"], **change}})
    same = patch_json(client, f"/v1/monitors/{made['id']}", {"config": made["config"]})

    assert (answer.status_code, "again" in json.dumps(answer.json())) == (400, True)
    assert same.status_code == 200


@pytest.mark.django_db
def test_variables_that_multiply_are_refused_where_an_address_is_made_of_them(client):
    given = parts()
    made = post_json(client, "/v1/monitors", {"name": "Shop", "kind": "journey", "config": given}).json()
    config = made["config"]
    config["variables"] |= {f"v{at}": f"{{{{v{at + 1}}}}}" * 300 for at in range(5)} | {"v5": "x"}
    config["steps"][1]["url"] = "{{v0}}"
    answer = patch_json(client, f"/v1/monitors/{made['id']}", {"config": config})

    assert (answer.status_code, "too long" in json.dumps(answer.json())) == (400, True)


@pytest.mark.django_db
def test_passwords_in_rows_of_data_are_kept_as_secrets(client):
    rows = [{"user": "ada", "password": "ada-pass-1"}, {"user": "bob", "password": "bob-pass-2"}]
    made = post_json(client, "/v1/monitors", {"name": "Shop", "kind": "journey", "config": parts(rows=rows)})
    assert made.status_code == 201, made.json()
    config = made.json()["config"]

    assert "-pass-" not in json.dumps(list(Monitor.objects.values("config")))
    assert [row["user"] for row in config["rows"]] == ["ada", "bob"]
    again = patch_json(client, f"/v1/monitors/{made.json()['id']}", {"config": config})
    assert again.status_code == 200
    options = options_of(Monitor.objects.get())
    assert options.rows[1]["password"] == "{{password_2}}"
    assert options.secrets["password_2"] == "bob-pass-2"


@pytest.mark.django_db
@pytest.mark.parametrize("place", ["variables", "rows"])
def test_no_condition_asks_a_secret_letter_by_letter_through_a_variable(client, place):
    given = parts()
    given["steps"][1]["condition"] = "hint starts_with h"
    given |= {"rows": [{"hint": "{{password}}"}]} if place == "rows" else {}
    if place == "variables":
        given["variables"] |= {"hint": "{{more}}", "more": "x{{password}}"}
    answer = post_json(client, "/v1/monitors", {"name": "x", "kind": "journey", "config": given})

    assert (answer.status_code, "of a secret only" in json.dumps(answer.json())) == (400, True)


@pytest.mark.django_db
def test_steps_to_the_same_target_keep_the_secret(client):
    made = post_json(client, "/v1/monitors", {"name": "Shop", "kind": "journey", "config": parts()}).json()
    config = made["config"]
    config["steps"].append({"name": "Also", "url": "http://SHOP.example/also?q={{id}}"})

    assert patch_json(client, f"/v1/monitors/{made['id']}", {"config": config}).status_code == 200


@pytest.mark.django_db
def test_a_look_before_saving_shows_every_step_with_what_came(client, settings, target):
    settings.QUICK_START = True
    config = document(log_in(target.url("")), me(target.url("")))
    found = post_json(client, "/v1/monitors/test", {"kind": "journey", "config": config}).json()

    assert found["outcome"] == "ok", found
    read = found["detail"]["steps"][1]
    assert (read["status"], len(read["phases"])) == (200, 5)
    assert json.loads(read["answer"]["body"])["name"] == "ada"
    assert TOKEN not in json.dumps(found)
    assert not Beat.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_the_prober_walks_it_and_keeps_the_run(client, organization, target, shop):
    shop.broken.add("/me")
    config = document(log_in(target.url("")), me(target.url(""))) | {"cron": "0 3 * * *"}
    monitor = a_monitor(organization, kind="journey", config=config)
    planned_at = monitor.checks.get().next_check_at
    monitor.checks.update(next_check_at=timezone.now())

    async def probe():
        prober = Prober(policy=HOME)
        running = asyncio.create_task(prober.run())
        for _ in range(1200):
            await asyncio.sleep(0.05)
            if prober.kept:
                break
        prober.stop()
        await running

    asyncio.run(probe())

    (row,) = client.get(f"/v1/monitors/{monitor.id}/heartbeats").json()
    beat = client.get(f"/v1/monitors/{monitor.id}/heartbeats/{row['id']}").json()
    assert (beat["state"], beat["message"]) == ("down", "Step 2, Who am I: The status is 500.")
    first, second = beat["detail"]["steps"]
    assert "answer" not in first
    assert "boom" in second["answer"]["body"]
    assert PASSWORD not in json.dumps(beat)
    assert monitor.checks.get().next_check_at >= planned_at
