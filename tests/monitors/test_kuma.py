"""Uptime Kuma's backup: what is taken, what changes, what is left out, and that each is said."""

import io
import json

import pytest
from django.core.management import call_command
from django.utils import timezone

from monitor.models import Monitor, Ping, PushTarget
from monitor.monitors.config import whole_config
from monitor.monitors.importing import bring
from monitor.monitors.kuma import BadBackup, read_backup
from tests.factories import a_client, a_key, an_organization, post_json

pytestmark = pytest.mark.django_db


def row(number, name, kind, **fields):
    """A monitor as Kuma 1.23 writes it."""
    usual = {
        "id": number,
        "name": name,
        "type": kind,
        "interval": 60,
        "timeout": 48,
        "maxretries": 2,
        "retryInterval": 30,
        "resendInterval": 0,
        "active": True,
        "parent": None,
        "tags": [],
        "accepted_statuscodes": ["200-299"],
        "maxredirects": 10,
        "url": "https://",
        "hostname": None,
        "port": None,
        "ignoreTls": False,
        "upsideDown": False,
        "authMethod": None,
        "headers": None,
        "body": None,
        "proxyId": None,
    }
    return usual | fields


def backup(*rows, proxies=()):
    return json.dumps({"version": "1.23.16", "monitorList": list(rows), "proxyList": list(proxies)})


def brought(*rows, organization=None, proxies=(), **options):
    organization = organization or an_organization()
    told = bring(organization, read_backup(backup(*rows, proxies=proxies)), now=timezone.now(), **options)
    return {each.name: each for each in told}


def config_of(name):
    return whole_config(Monitor.objects.get(name=name))


def test_an_http_monitor_comes_with_its_login_headers_body_tags_and_group():
    told = brought(
        row(
            2,
            "Shop",
            "http",
            parent=1,
            url="https://shop.example/health",
            method="POST",
            headers='{"X-Shop": "7"}',
            body='{"a": "${b}"}',
            authMethod="basic",
            basic_auth_user="shop",
            basic_auth_pass="pa55",
            tags=[{"name": "team", "value": "blue"}],
            description="the shop",
        ),
        row(1, "All", "group"),
    )

    shop, config = Monitor.objects.get(name="Shop"), config_of("Shop")
    assert {each.outcome for each in told.values()} == {"taken"}
    assert (shop.parent.name, shop.tags, shop.description) == ("All", ["team: blue"], "the shop")
    assert (shop.interval_s, shop.timeout_s, shop.max_retries, shop.retry_interval_s) == (60, 48, 2, 30)
    assert (config["method"], config["headers"]) == ("POST", [["X-Shop", "7"]])
    assert (config["body"], config["body_type"]) == ('{"a": "${b}"}', "json")
    assert config["auth"]["password"] == "pa55"
    assert "pa55" not in str(shop.config)


@pytest.mark.parametrize(
    ("given", "kind", "expected"),
    [
        (row(1, "a", "port", hostname="db.example", port=5432), "tcp", {"host": "db.example", "port": 5432}),
        (row(1, "a", "ping", hostname="db.example", packetSize=64), "ping", {"bytes": 64, "count": 1}),
        (
            row(1, "a", "dns", hostname="example.com", dns_resolve_server="9.9.9.9", dns_resolve_type="MX"),
            "dns",
            {"resolver": "9.9.9.9", "type": "MX"},
        ),
        (
            row(1, "a", "smtp", hostname="mail.example", smtpSecurity="starttls"),
            "smtp",
            {"security": "require"},
        ),
        (
            row(1, "a", "postgres", databaseConnectionString="postgres://me:p%40s@db.example/shop"),
            "postgres",
            {"host": "db.example", "port": 5432, "database": "shop", "username": "me", "password": "p@s"},
        ),
        (
            row(1, "a", "redis", databaseConnectionString="rediss://:pw@cache.example:6380"),
            "redis",
            {"port": 6380, "tls": True, "password": "pw"},
        ),
        (
            row(1, "a", "websocket-upgrade", url="wss://ws.example/"),
            "websocket",
            {"url": "wss://ws.example/"},
        ),
        (
            row(1, "a", "keyword", url="https://a.example/", keyword="bad", invertKeyword=True),
            "http",
            {
                "assertions": [
                    {
                        "source": "body",
                        "property": "",
                        "comparison": "not_contains",
                        "target": "bad",
                        "severity": "fail",
                    }
                ]
            },
        ),
    ],
)
def test_each_kind_comes_with_its_options(given, kind, expected):
    told = brought(given)

    monitor = Monitor.objects.get()
    assert (told["a"].outcome, monitor.kind) == ("taken", kind), told["a"].notes
    config = config_of("a")
    assert {name: config[name] for name in expected} == expected


def test_a_plain_json_query_becomes_a_jsonpath_and_any_other_is_left_out():
    told = brought(
        row(1, "a", "json-query", url="https://a.example/", jsonPath="data[0].ok", expectedValue="true"),
        row(2, "b", "json-query", url="https://a.example/", jsonPath="$sum(items.price)", expectedValue="7"),
    )

    (rule,) = config_of("a")["assertions"]
    assert (rule["property"], rule["comparison"], rule["target"]) == ("$.data[0].ok", "==", True)
    assert (told["b"].outcome, Monitor.objects.count()) == ("left out", 1)


def test_what_pinged_kuma_pings_us_with_the_same_token(client):
    brought(row(1, "job", "push", pushToken="Zk3mT9qLx1", interval=3600))

    answer = client.get("/api/push/Zk3mT9qLx1?status=up&msg=OK&ping=12")

    assert answer.json() == {"ok": True}
    assert Ping.objects.get().target == PushTarget.objects.get()
    assert client.get("/api/push/Zk3mT9qLx2").status_code == 404
    assert config_of("job")["period_s"] == 3600


def test_what_cannot_be_as_it_was_is_said():
    told = brought(
        row(1, "box", "docker"),
        row(2, "closed", "port", hostname="db.example", port=23, upsideDown=True),
        row(3, "ntlm", "http", url="https://a.example/", authMethod="ntlm"),
        row(4, "often", "http", url="https://a.example/", interval=1, timeout=1),
        row(5, "again", "http", url="https://a.example/", resendInterval=3),
        row(6, "by proxy", "http", url="https://a.example/", proxyId=8),
        row(7, "by old proxy", "http", url="https://a.example/", proxyId=9),
        row(8, "broken", "http", url="not an address"),
        row(9, "headers", "http", url="https://a.example/", headers="{"),
        proxies=[
            {"id": 8, "protocol": "socks5", "host": "proxy.example", "port": 1080, "auth": True}
            | {"username": "me", "password": "w0rd"},
            {"id": 9, "protocol": "socks4", "host": "proxy.example", "port": 1080},
        ],
    )

    assert {name: each.outcome for name, each in told.items()} == {
        "box": "left out",
        "closed": "left out",
        "ntlm": "changed",
        "often": "changed",
        "again": "changed",
        "by proxy": "taken",
        "by old proxy": "changed",
        "broken": "left out",
        "headers": "left out",
    }
    assert told["often"].notes == ("The interval of 1 s became 5 s.",)
    assert config_of("by proxy")["proxy"] == {
        "url": "socks5://proxy.example:1080",
        "username": "me",
        "password": "w0rd",
    }
    active = set(Monitor.objects.filter(is_active=True).values_list("name", flat=True))
    assert active == {"often", "again", "by proxy"}
    assert Monitor.objects.get(name="again").reminder_minutes == 3


def test_what_is_here_already_stays_and_two_of_a_name_are_told_apart():
    organization = an_organization()
    rows = [row(1, "a", "group"), row(2, "a", "manual"), row(3, "sub", "manual", parent=2)]

    first = brought(*rows, organization=organization)
    second = brought(*rows, organization=organization)

    assert {name: each.outcome for name, each in first.items()} == {
        "a": "taken",
        "a (2)": "taken",
        "sub": "taken",
    }
    assert Monitor.objects.get(name="sub").parent is None
    assert {each.outcome for each in second.values()} == {"left out"}
    assert Monitor.objects.count() == 3


def test_a_dry_run_tells_and_keeps_nothing():
    assert brought(row(1, "a", "group"), is_dry_run=True)["a"].outcome == "taken"
    assert not Monitor.objects.exists()


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"monitorList": [1]}', '{"monitorList": "x"}', "\x00"])
def test_what_is_no_backup_is_refused(text):
    with pytest.raises(BadBackup):
        read_backup(text)


def test_the_command_reports_each_monitor(tmp_path):
    an_organization(name="Shops")
    file = tmp_path / "backup.json"
    file.write_text(backup(row(1, "All", "group"), row(2, "box", "docker")))
    out = io.StringIO()

    call_command("monitors", "import-kuma", str(file), organization="Shops", stdout=out)

    assert out.getvalue().splitlines() == [
        "taken All (group)",
        "left out box (docker) There is no kind 'docker' here.",
        "1 taken, 0 changed, 1 left out",
    ]


def test_the_api_tells_the_plan_and_makes_what_it_told():
    organization = an_organization()
    client = a_client(a_key(organization=organization, scopes=["read", "manage"])[1])
    text = backup(row(1, "shop", "http", url="https://shop.example/", timeout=90), row(2, "old", "steam"))
    asked = {"backup": json.loads(text)}

    plan = post_json(client, "/v1/monitors/import-kuma", {**asked, "dry_run": True})
    assert plan.status_code == 200, plan.json()
    assert not Monitor.objects.exists()
    done = post_json(client, "/v1/monitors/import-kuma", asked)

    assert [plan.json()["dry_run"], done.json()["dry_run"]] == [True, False]
    assert plan.json()["monitors"] == done.json()["monitors"]
    assert (done.json()["taken"], done.json()["changed"], done.json()["left_out"]) == (0, 1, 1)
    assert Monitor.objects.get(organization=organization).name == "shop"
    no_backup = post_json(client, "/v1/monitors/import-kuma", {"backup": {}})
    assert (no_backup.status_code, no_backup.json()["errors"][0]["field"]) == (400, "backup")
