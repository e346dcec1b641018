"""Monitors as YAML: what is exported can be applied, secrets are named and never told."""

import io

import pytest
import yaml
from django.core.management import CommandError, call_command
from django.utils import timezone

from monitor.lib.as_code import BadDocument
from monitor.lib.masking import MASK
from monitor.models import Monitor, MonitorCheck
from monitor.models.monitors import SETTINGS
from monitor.monitors.as_yaml import FIELDS, apply, export, plan
from monitor.monitors.batch import BULK_FIELDS
from monitor.monitors.config import whole_config
from monitor.monitors.register import COPIED
from monitor.monitors.serializers import MonitorSerializer
from tests.factories import a_service, an_organization
from tests.monitors.scenes import a_monitor

pytestmark = pytest.mark.django_db
SHOP = """
version: 1
monitors:
  - name: Shop
    kind: http
    parent: All
    config:
      url: https://shop.example/health?token=${SHOP_KEY}
      headers: [[Authorization, "Bearer ${SHOP_TOKEN}"]]
      body: price $${x}
    interval_s: 120
    tags: [shop]
  - name: All
    kind: group
"""
SECRETS = {"SHOP_KEY": "k3y-of-the-shop", "SHOP_TOKEN": "t0ken"}


@pytest.fixture
def organization():
    return an_organization(name="Shops")


def planned(organization, text, **options):
    return plan(organization, text, **{"environment": SECRETS, **options})


def applied(organization, text, **options):
    return apply(organization, text, **{"environment": SECRETS, "now": timezone.now(), **options})


def test_a_file_makes_monitors_with_their_groups_and_secrets_and_does_so_once(organization):
    assert [(each.action, each.name) for each in planned(organization, SHOP)] == [
        ("create", "Shop"),
        ("create", "All"),
    ]
    assert not Monitor.objects.exists()

    assert len(applied(organization, SHOP)) == 2
    assert applied(organization, SHOP) == []

    shop = Monitor.objects.get(name="Shop")
    config = whole_config(shop)
    assert (shop.parent.name, shop.interval_s, shop.tags) == ("All", 120, ["shop"])
    assert config["url"].endswith("?token=k3y-of-the-shop")
    assert [list(each) for each in config["headers"]] == [["Authorization", "Bearer t0ken"]]
    assert config["body"] == "price ${x}"
    assert MonitorCheck.objects.filter(monitor=shop, is_active=True).count() == 1


def test_what_is_exported_tells_no_secret_changes_nothing_and_makes_the_same_elsewhere(organization):
    service = a_service(organization=organization, name="orders")
    applied(organization, SHOP)
    a_monitor(
        organization,
        name="Login",
        service=service,
        is_active=False,
        config={
            "url": "https://shop.example/login",
            "auth": {"type": "basic", "username": "shop", "password": "pa55"},
        },
    )
    text = export(organization)

    for secret in ("k3y-of-the-shop", "t0ken", "pa55", MASK):
        assert secret not in text
    assert planned(organization, text, environment={}, prune=True) == []
    named = {each["name"]: each for each in yaml.safe_load(text)["monitors"]}
    assert named["Login"]["config"]["auth"] == {
        "type": "basic",
        "username": "shop",
        "password": "${LOGIN_AUTH_PASSWORD}",
    }
    assert "${SHOP_URL}" in named["Shop"]["config"]["url"]

    elsewhere = an_organization()
    a_service(organization=elsewhere, name="orders")
    with pytest.raises(BadDocument, match="the environment has no"):
        applied(elsewhere, text, environment={})
    values = {
        "LOGIN_AUTH_PASSWORD": "pa55",
        "SHOP_URL": "k3y-of-the-shop",
        "SHOP_HEADERS_AUTHORIZATION": "Bearer t0ken",
    }
    applied(elsewhere, text, environment=values)
    assert export(elsewhere) == text
    copies = Monitor.objects.filter(organization=elsewhere)
    assert whole_config(copies.get(name="Login"))["auth"]["password"] == "pa55"
    assert not copies.get(name="Login").is_active


def test_what_differs_is_told_field_by_field_and_secrets_as_masks(organization):
    applied(organization, SHOP)
    changed = SHOP.replace("interval_s: 120", "interval_s: 300").replace("?token", "/deep?token")

    (change,) = planned(organization, changed, environment={**SECRETS, "SHOP_TOKEN": "another"})

    assert change.fields["interval_s"] == (120, 300)
    assert "/deep?token=" in change.fields["config.url"][1]
    assert "another" not in str(change.fields)
    applied(organization, changed)
    assert Monitor.objects.get(name="Shop").interval_s == 300


def test_a_secret_that_the_environment_lacks_does_not_follow_its_monitor_to_another_host(organization):
    applied(organization, SHOP)

    with pytest.raises(BadDocument, match="the environment has no SHOP_KEY"):
        planned(organization, SHOP.replace("shop.example", "evil.example"), environment={})


def test_what_a_monitor_depends_on_is_told_made_and_turned_round(organization):
    tied = """
version: 1
monitors:
  - {name: Router, kind: manual, watches_domain: true}
  - {name: Shop, kind: manual, depends_on: [Router]}
"""

    applied(organization, tied)

    assert [each.name for each in Monitor.objects.get(name="Shop").depends_on.all()] == ["Router"]
    assert Monitor.objects.get(name="Router").watches_domain
    assert applied(organization, tied) == []
    text = export(organization)
    assert planned(organization, text, prune=True) == []
    elsewhere = an_organization()
    applied(elsewhere, text)
    assert export(elsewhere) == text

    turned = [{"name": "Router", "kind": "manual", "depends_on": "Shop"}, {"name": "Shop", "kind": "manual"}]
    text = yaml.safe_dump({"version": 1, "monitors": turned})
    changes = {each.name: each.fields for each in planned(organization, text)}
    assert changes["Router"]["depends_on"] == ([], ["Shop"])
    assert changes["Shop"]["depends_on"] == (["Router"], [])
    applied(organization, text)
    assert [
        each.name for each in Monitor.objects.get(name="Router", organization=organization).depends_on.all()
    ] == ["Shop"]
    assert applied(organization, text) == []


def test_what_is_set_of_a_monitor_is_exported_copied_and_changed_for_many():
    """A new column is a setting, or named here with what it is instead."""
    others = {
        *("id", "organization", "service", "parent", "proxy", "name", "kind", "config", "sealed"),
        *("description", "is_active", "created_at", "updated_at"),
    }
    columns = {field.name for field in Monitor._meta.concrete_fields} - others

    assert columns == set(SETTINGS)
    for told in (FIELDS, BULK_FIELDS, COPIED, MonitorSerializer.Meta.fields):
        assert columns <= set(told)


def test_what_is_not_named_goes_only_when_asked(organization):
    a_monitor(organization, name="other")

    assert "remove" not in [each.action for each in planned(organization, SHOP)]
    behind = SHOP.replace("kind: http", "kind: http\n    depends_on: [other]")
    with pytest.raises(BadDocument, match="there is no monitor 'other'"):
        planned(organization, behind, prune=True)
    applied(organization, SHOP, prune=True)

    assert sorted(Monitor.objects.values_list("name", flat=True)) == ["All", "Shop"]


def test_a_paused_monitor_goes_on_when_the_file_does_not_say_paused(organization):
    applied(organization, SHOP + "    is_active: false\n")
    assert not MonitorCheck.objects.get(monitor__name="All").is_active

    applied(organization, SHOP)

    assert MonitorCheck.objects.get(monitor__name="All").is_active


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("monitors: []", "version: 1"),
        ("version: 1\nmonitors: {}", "list of monitors"),
        ("version: 1\nmonitors: [{kind: http}]", "Each monitor has a 'name'"),
        ("version: 1\nmonitors: [{name: a, kind: group}, {name: a}]", "a is there twice"),
        ("version: 1\nmonitors: [{name: a, kind: fax}]", "a: kind: Must be one of"),
        ("version: 1\nmonitors: [{name: a, kind: group, colour: red}]", "does not speak of colour"),
        ("version: 1\nmonitors: [{name: a, kind: group, service: none}]", "there is no service 'none'"),
        ("version: 1\nmonitors: [{name: a, kind: group, parent: b}]", "b is no group"),
        (
            "version: 1\nmonitors: [{name: a, kind: group, parent: b}, {name: b, kind: group, parent: a}]",
            "part of itself",
        ),
        (
            "version: 1\nmonitors: [{name: a, kind: group, depends_on: [b]}]",
            "a: depends_on: there is no .* 'b'",
        ),
        (
            "version: 1\nmonitors: [{name: a, kind: group, depends_on: [b]},"
            " {name: b, kind: group, depends_on: a}]",
            "b: it would depend on itself",
        ),
        ("version: 1\nmonitors: [{name: a, config: {url: 'ftp://x'}}]", "a: config"),
        ("version: 1\nmonitors: [{name: a, config: [1]}]", "'config' names options"),
        ("version: 1\nmonitors: [{name: a, kind: group, interval_s: 1}]", "interval_s"),
        (
            "version: 1\nmonitors: [{name: a, config: {url: 'https://a.example'}, interval_s: 10}]",
            "at most the interval",
        ),
    ],
)
def test_what_cannot_be_applied_is_said_and_nothing_is_done(organization, text, said):
    with pytest.raises(BadDocument, match=said):
        applied(organization, text)
    assert not Monitor.objects.exists()


def test_the_command_shows_the_plan_and_then_what_was_done(organization, tmp_path, monkeypatch):
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    file = tmp_path / "monitors.yaml"
    file.write_text(SHOP)

    def said(*words):
        out = io.StringIO()
        call_command("monitors", *words, organization="Shops", stdout=out)
        return out.getvalue()

    assert "create Shop: " in said("plan", str(file))
    assert not Monitor.objects.exists()
    told = said("apply", str(file))
    assert "create All" in told
    assert "created All" in told
    assert "t0ken" not in told
    assert said("apply", str(file)) == "All monitors are as the file says.\n"
    assert yaml.safe_load(said("export"))["version"] == 1
    with pytest.raises(CommandError, match="no organization 'Nobody'"):
        call_command("monitors", "export", organization="Nobody")
