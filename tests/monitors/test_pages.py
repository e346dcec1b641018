"""The pages of monitors as people meet them."""

import html
import re
from datetime import timedelta
from ssl import PEM_cert_to_DER_cert

import pytest
from django.utils import timezone

from monitor.channels.register import make_channel
from monitor.lib.masking import MASK
from monitor.lib.secrets import CannotOpen
from monitor.models import Monitor, MonitorStanding, NotificationChannel, NotificationDelivery
from monitor.monitors.config import options_of
from monitor.monitors.words import state_in_sql, state_of
from monitor.probing import Outcome, all_kinds
from monitor.probing.certificates import read_certificate
from tests.factories import a_client, a_log, a_service, a_user, an_organization, keep_logs
from tests.monitors.scenes import a_monitor, check, each_minute
from tests.probing.http_target import Answer, http_target, issue

pytestmark = pytest.mark.django_db


@pytest.fixture
def organization():
    return an_organization()


@pytest.fixture
def client(organization):
    return a_client(user=a_user(organization, "admin"))


def form(**given):
    common = {
        "name": "Shop",
        "interval_s": 60,
        "timeout_s": 20,
        "max_retries": 1,
        "retry_interval_s": 20,
        "recovery_successes": 1,
        "reminder_minutes": 0,
        "config_url": "https://shop.example/health",
        "config_method": "GET",
        "config_auth__type": "none",
        "config_body_type": "none",
        "config_verify_tls": "on",
        "config_save_answer": "on",
        "config_max_redirects": 10,
    }
    return {**common, **given}


def test_the_empty_list_says_what_to_do(client):
    page = client.get("/monitors").content.decode()

    assert "Nothing is checked yet" in page
    assert "/monitors/new" in page


def test_the_list_shows_how_each_stands_and_filters(client, organization):
    up, down = a_monitor(organization, name="Up one"), a_monitor(organization, name="Down one")
    a_monitor(name="Elsewhere")
    check(up, Outcome.OK)
    check(down, Outcome.FAILED)

    page = client.get("/monitors").content.decode()
    filtered = client.get("/monitors?state=down").content.decode()

    assert "Up one" in page
    assert "Down one" in page
    assert "Elsewhere" not in page
    assert "Up one: 1 up" in page
    assert "Up one" not in filtered
    assert "No monitor like that" in client.get("/monitors?q=nobody").content.decode()


def test_the_list_costs_the_same_however_long_it_is(client, organization, django_assert_max_num_queries):
    def make(number):
        for _ in range(number):
            check(a_monitor(organization))

    make(2)
    # Session, person, memberships; the page's monitors, their uptimes, and how many stand how.
    with django_assert_max_num_queries(8) as few:
        client.get("/monitors")
    make(8)
    with django_assert_max_num_queries(8) as many:
        client.get("/monitors")
    assert len(few) == len(many)


def test_rows_are_given_as_asked_for_those_whom_the_filters_hold(client, organization):
    up, down = a_monitor(organization, name="Up one"), a_monitor(organization, name="Down one")
    foreign = a_monitor(name="Elsewhere")
    check(up, Outcome.OK)
    check(down, Outcome.FAILED)
    ids = ",".join(["no-id", *(str(each.id) for each in (up, down, foreign))])

    page = client.get("/monitors/rows", {"ids": ids}).content.decode()
    filtered = client.get("/monitors/rows", {"ids": ids, "state": "down"}).content.decode()

    assert [name in page for name in ("Up one", "Down one", "Elsewhere")] == [True, True, False]
    assert [name in filtered for name in ("Up one", "Down one")] == [False, True]
    assert 'id="counts"' in filtered
    assert "data-row" not in client.get("/monitors/rows").content.decode()


def test_rows_cost_the_same_however_many_are_asked_for(client, organization, django_assert_max_num_queries):
    made = [a_monitor(organization) for _ in range(6)]
    for monitor in made:
        check(monitor)

    # Session, person, memberships; the monitors, their uptimes, and how many stand how.
    with django_assert_max_num_queries(7) as few:
        client.get("/monitors/rows", {"ids": str(made[0].id)})
    with django_assert_max_num_queries(7) as many:
        client.get("/monitors/rows", {"ids": ",".join(str(monitor.id) for monitor in made)})
    assert len(few) == len(many)


def test_a_detail_page_tells_the_story(client, organization):
    service = a_service(organization, name="Shop service")
    monitor = a_monitor(organization, service=service, name="Shop")
    start = timezone.now() - timedelta(minutes=4)
    each_minute(monitor, Outcome.OK, Outcome.OK, start=start)
    check(
        monitor,
        Outcome.FAILED,
        at=start + timedelta(minutes=2),
        message="The status is 503.",
        detail={
            "answer": {"status": 503, "headers": {"X": "y"}, "body": "<script>", "truncated": False},
            "certificate": read_certificate(PEM_cert_to_DER_cert(issue().certificate)).as_detail("10.0.0.7"),
        },
    )

    page = client.get(f"/monitors/{monitor.id}").content.decode()

    assert "The status is 503." in page
    assert "requests during the outage" in page
    assert "&lt;script&gt;" in page
    assert "<script>" not in page.replace("<script type=", "")
    assert "Response time" in page
    assert page.count("localhost, 127.0.0.1") == 1
    assert "None of its names is 10.0.0.7." in page


def test_an_outage_shows_the_requests_that_its_service_logged_then(client, organization):
    service = a_service(organization, name="Shop service")
    start = timezone.now() - timedelta(minutes=30)
    told = ((-20, "/before", 500), (1, "/pay", 503), (2, "/calm", 200), (25, "/after", 500))
    for minute, path, status in told:
        at = (start + timedelta(minutes=minute)).isoformat()
        keep_logs(service, a_log(path=path, status_code=status, timestamp=at))
    monitor = a_monitor(organization, service=service, name="Shop")
    each_minute(monitor, Outcome.FAILED, Outcome.FAILED, Outcome.OK, start=start)

    page = client.get(f"/monitors/{monitor.id}").content.decode()

    assert "Requests of that time" in page
    assert [path in page for path in ("/before", "/pay", "/calm", "/after")] == [False, True, False, False]
    (link,) = set(re.findall(r'href="(/dashboard[^"]+)"', page.partition("<main")[2]))
    opened = client.get(html.unescape(link)).content.decode()
    assert [path in opened for path in ("/before", "/pay", "/calm", "/after")] == [False, True, True, False]


@pytest.mark.parametrize(
    ("asked", "shown"), [("", "24h"), ("3h", "3h"), ("30d", "30d"), ("a century", "24h")]
)
def test_the_chart_looks_back_as_far_as_is_asked(client, organization, asked, shown):
    monitor = a_monitor(organization)
    check(monitor, Outcome.OK, at=timezone.now() - timedelta(days=6))

    page = client.get(f"/monitors/{monitor.id}", {"period": asked}).content.decode()

    assert re.search(rf'href="\?period={shown}#chart" aria-current="true"', page)
    assert page.count('aria-current="true">') >= 1
    assert ("No answers in this window" in page) == (shown in ("3h", "24h"))


def test_the_page_says_which_channels_were_told_and_whether_it_arrived(
    client, organization, django_assert_max_num_queries
):
    channel = NotificationChannel(organization=organization, kind="webhook", name="Ops room")
    make_channel(channel, {"url": "https://shop.example/hook"}, is_default=True)
    monitor, other = a_monitor(organization, name="Shop"), a_monitor(organization, name="Else")
    check(monitor, Outcome.OK)
    assert "Who was told" not in client.get(f"/monitors/{monitor.id}").content.decode()
    for each in (monitor, other):
        check(each, Outcome.FAILED)
    NotificationDelivery.objects.filter(key=f"monitor:{monitor.id}").update(last_error="The answer was 404.")

    with django_assert_max_num_queries(24):
        page = client.get(f"/monitors/{monitor.id}").content.decode()

    assert "Who was told" in page
    assert "Ops room" in page
    assert "Down: Shop" in page
    assert "The answer was 404." in page
    assert "Down: Else" not in page


def test_a_person_of_another_organization_finds_nothing(client):
    assert client.get(f"/monitors/{a_monitor().id}").status_code == 404


def test_a_viewer_looks_and_changes_nothing(organization):
    viewer = a_client(user=a_user(organization, "viewer"))
    monitor = a_monitor(organization, kind="push", name="Backup")

    page = viewer.get(f"/monitors/{monitor.id}").content.decode()

    assert "Where to ping" not in page
    assert "Delete" not in page
    assert viewer.get("/monitors/new").status_code == 403
    for verb in ("pause", "clone", "delete", "edit"):
        assert viewer.post(f"/monitors/{monitor.id}/{verb}").status_code == 403


@pytest.mark.parametrize("kind", [kind.name for kind in all_kinds()])
def test_every_kind_has_its_form(client, kind):
    page = client.get(f"/monitors/new?kind={kind}", follow=True)

    assert page.status_code == 200
    assert "Save" in page.content.decode()


def test_an_unknown_kind_has_none(client):
    assert client.get("/monitors/new?kind=pigeon").status_code == 404


def test_a_monitor_is_made_by_its_form(client, organization):
    answer = client.post(
        "/monitors/new?kind=http",
        form(
            config_assertions='jsonpath $.status == "ok"\nwarn response_ms < 500',
            config_headers="X-Api-Key: s3cret\nAccept: application/json",
            config_accepted_statuses="200-299, 304",
            config_auth__type="basic",
            config_auth__username="ada",
            config_auth__password="pw",
            tags="shop, front",
        ),
    )

    assert answer.status_code == 302, answer.content.decode()
    monitor = Monitor.objects.get()
    options = options_of(monitor)
    assert (monitor.organization, monitor.tags) == (organization, ["shop", "front"])
    assert options.headers[0] == ("X-Api-Key", "s3cret")
    assert options.auth.password == "pw"
    assert options.accepted_statuses == ["200-299", "304"]
    assert [each.severity for each in options.assertions] == ["fail", "warn"]


def test_a_form_puts_a_monitor_into_a_group_and_has_it_checked_from_regions(client, organization):
    group = a_monitor(organization, kind="group", name="All")
    foreign = a_monitor(kind="group", name="Elsewhere")
    given = form(parent_id=group.id, regions="eu, us", down_regions=2, most_reminders=5)

    assert client.post("/monitors/new?kind=http", given).status_code == 302

    made = Monitor.objects.get(name="Shop")
    assert (made.parent, made.regions, made.down_regions, made.most_reminders) == (group, ["eu", "us"], 2, 5)
    page = client.get(f"/monitors/{made.id}/edit").content.decode()
    assert 'value="eu, us"' in page
    assert "Elsewhere" not in page
    assert client.post(f"/monitors/{made.id}/edit", {**given, "parent_id": foreign.id}).status_code == 400
    # Two numbers that are left empty stay as they are.
    taken = client.post(f"/monitors/{made.id}/edit", form(down_regions="", most_reminders="", regions="eu"))
    made.refresh_from_db()
    assert taken.status_code == 302
    assert (made.parent, made.regions, made.down_regions, made.most_reminders) == (None, ["eu"], 2, 5)


def test_a_group_is_not_part_of_itself_by_its_form(client, organization):
    outer = a_monitor(organization, kind="group", name="Outer")
    inner = a_monitor(organization, kind="group", name="Inner", parent=outer)

    page = client.post(f"/monitors/{outer.id}/edit", form(name="Outer", parent_id=inner.id))

    assert page.status_code == 400
    assert "A group cannot be part of itself." in page.content.decode()


def test_what_is_wrong_stands_beside_its_field(client):
    page = client.post(
        "/monitors/new?kind=http", form(config_url="nope", config_assertions="jsonpath a == 1")
    )

    assert page.status_code == 400
    assert "Line 1:" in page.content.decode()
    assert "http://" in page.content.decode()
    assert not Monitor.objects.exists()


def test_secrets_never_reach_the_page_and_survive_a_save(client, organization):
    config = {"url": "http://a.example/", "auth": {"type": "bearer", "token": "s3cret"}}
    monitor = a_monitor(organization, config=config)
    address = f"/monitors/{monitor.id}/edit"

    page = client.get(address).content.decode()
    assert "s3cret" not in page
    assert MASK in page
    saved = client.post(
        address,
        form(
            config_url="http://a.example/",
            config_auth__type="bearer",
            config_auth__token=MASK,
            name="Renamed",
        ),
    )

    assert saved.status_code == 302, saved.context["form"].errors
    monitor = Monitor.objects.get()
    assert monitor.name == "Renamed"
    assert options_of(monitor).auth.token == "s3cret"


def test_a_save_keeps_what_the_form_does_not_ask_for(client, organization):
    config = {
        "url": "http://a.example/",
        "auth": {"type": "oauth2", "token_url": "http://a.example/t", "client_id": "a", "audience": "shop"},
        "body": '{"password": "s3cret",\n "b": 1}',
        "body_type": "json",
        "lowest_tls": "1.3",
        "ip_family": 4,
        "save_answer": False,
        "verify_tls": False,
    }
    monitor = a_monitor(organization, config=config)
    address = f"/monitors/{monitor.id}/edit"
    shown = client.get(address).context["form"]
    asked = {name: shown[name].value() for name in shown.fields}
    asked = {name: value for name, value in asked.items() if value is not None and value is not False}
    before = options_of(monitor)

    saved = client.post(address, {**asked, "config_body": shown["config_body"].value().replace("\n", "\r\n")})

    assert saved.status_code == 302, saved.context["form"].errors
    assert options_of(Monitor.objects.get()) == before


def test_what_is_emptied_in_the_form_has_its_default_again(client, organization):
    config = {"url": "http://a.example/", "body": "x", "headers": [["Accept", "a/b"]], "max_redirects": 3}
    monitor = a_monitor(organization, config=config)

    client.post(f"/monitors/{monitor.id}/edit", form(config_url="http://a.example/", config_max_redirects=""))

    options = options_of(Monitor.objects.get())
    assert (options.body, options.headers, options.max_redirects) == ("", [], 10)


def test_a_save_keeps_how_a_database_is_reached(client, organization):
    config = {"host": "db.example", "username": "ada", "password": "s3cret", "sslmode": "require"}
    monitor = a_monitor(organization, kind="postgres", config=config)
    address = f"/monitors/{monitor.id}/edit"
    shown = client.get(address).context["form"]

    saved = client.post(
        address, {name: "" if (v := shown[name].value()) is None else v for name in shown.fields}
    )

    assert saved.status_code == 302, saved.context["form"].errors
    assert options_of(Monitor.objects.get()) == options_of(monitor)


@pytest.mark.parametrize("extra", [{}, {"look": "1"}])
def test_secrets_that_no_key_opens_are_asked_for_again(client, organization, settings, extra):
    config = {"url": "http://a.example/", "auth": {"type": "bearer", "token": "s3cret"}}
    monitor = a_monitor(organization, config=config)
    settings.SECRETS_KEYS = ["another"]
    address = f"/monitors/{monitor.id}/edit"
    given = form(config_url="http://a.example/", config_auth__type="bearer", **extra)

    masked = client.post(address, {**given, "config_auth__token": MASK})
    assert "again" in masked.content.decode()
    assert options_of_kept(monitor) is None

    if not extra:
        assert client.post(address, {**given, "config_auth__token": "n3w"}).status_code == 302
        assert options_of(Monitor.objects.get()).auth.token == "n3w"


def options_of_kept(monitor):
    try:
        return options_of(Monitor.objects.get(id=monitor.id))
    except CannotOpen:
        return None


def test_a_look_before_saving_shows_what_came_and_saves_nothing(client, settings):
    settings.QUICK_START = True
    with http_target(Answer(404, b"no such page")) as target:
        page = client.post("/monitors/new?kind=http", form(config_url=target.url(), look="1"))

    assert page.status_code == 200
    assert "The status is 404." in page.content.decode()
    assert "no such page" in page.content.decode()
    assert not Monitor.objects.exists()


def test_pause_copy_and_delete(client, organization):
    monitor = a_monitor(organization)
    address = f"/monitors/{monitor.id}"

    client.post(f"{address}/pause", {"is_active": "false"})
    assert "Paused" in client.get(address).content.decode()
    copied = client.post(f"{address}/clone")
    assert copied["Location"].endswith("/edit")
    client.post(f"{address}/delete")
    assert list(Monitor.objects.values_list("name", flat=True)) == ["the monitor (copy)"]


def test_a_push_monitor_shows_where_to_ping(client, organization):
    monitor = a_monitor(organization, kind="push", name="Backup")

    page = client.get(f"/monitors/{monitor.id}").content.decode()

    assert f"/ping/{monitor.push.token}" in page
    assert "crontab" in page
    assert "No ping yet." in page


def test_a_state_that_nobody_checks_any_more_says_so(client, organization):
    monitor = a_monitor(organization)
    check(monitor, Outcome.OK)
    Monitor.objects.update(updated_at=timezone.now() - timedelta(hours=2))
    monitor.standing.refresh_from_db()
    type(monitor.standing).objects.update(last_beat_at=timezone.now() - timedelta(hours=1))

    page = client.get(f"/monitors/{monitor.id}").content.decode()

    assert "Nobody has checked this lately." in page
    assert "No data" in client.get("/monitors").content.decode()


def test_the_database_says_of_each_monitor_what_its_page_says(organization):
    now = timezone.now()
    start = now - timedelta(minutes=1)

    def one(name, *outcomes, at=start, **fields):
        monitor = a_monitor(organization, name=name, **fields)
        Monitor.objects.filter(id=monitor.id).update(updated_at=at)
        for outcome in outcomes:
            check(monitor, outcome, at=at)
        return monitor

    one("new")
    one("up", Outcome.OK)
    one("slow", Outcome.SLOW)
    one("down", Outcome.FAILED)
    one("pending", Outcome.OK, Outcome.FAILED, max_retries=3)
    one("paused", Outcome.OK, is_active=False)
    one("stale", Outcome.OK, at=now - timedelta(minutes=5))
    one("slow rhythm", Outcome.OK, at=now - timedelta(minutes=5), interval_s=600)
    one("old push", at=now - timedelta(days=5), kind="push")
    MonitorStanding.objects.filter(monitor=one("silent", Outcome.OK)).update(silent_since=start)
    MonitorStanding.objects.filter(monitor=one("in a window", Outcome.OK)).update(in_maintenance=True)

    found = Monitor.objects.select_related("standing").annotate(shown_state=state_in_sql(now=now))

    assert {each.name: each.shown_state for each in found} == {
        each.name: state_of(each, now=now) for each in found
    }
    assert len({each.shown_state for each in found}) == 8


def test_the_list_is_drawn_anew_only_when_something_changed(client, organization):
    monitor = a_monitor(organization)
    check(monitor, Outcome.OK)

    # A minute may pass between the two, and the page speaks of minutes.
    for _ in range(3):
        page = client.get("/monitors?kind=http")
        again = page.context["again"]
        same = client.get(again)
        if same.status_code == 204:
            break
    check(monitor, Outcome.FAILED)
    changed = client.get(again)

    assert f'hx-get="{again.replace("&", "&amp;")}"' in page.content.decode()
    assert (same.status_code, changed.status_code) == (204, 200)
    assert "stamp" not in changed.context["back"]
