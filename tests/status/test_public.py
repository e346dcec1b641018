"""What readers of a status page see, and what they cannot see."""

import json
import re
from datetime import UTC, datetime, timedelta
from xml.etree import ElementTree

import pytest
from django.db import OperationalError
from django.test import Client
from django.utils import timezone

from monitor.models import Maintenance, StatusPage
from monitor.probing import Outcome
from monitor.status import public, rendering, view
from monitor.status.cache import CACHE, AnswerCache
from monitor.status.register import hashed, open_incident, save_page, say
from monitor.status.view import Level, days_of, overall
from tests.factories import an_organization
from tests.monitors.scenes import a_monitor, check, each_minute
from tests.status.scenes import a_page

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
PARTS = ["", *(f"/{part}" for part in rendering.PARTS if part)]


@pytest.fixture
def organization():
    return an_organization()


@pytest.fixture
def reader():
    return Client()


def summary(reader, slug="shop"):
    CACHE.clear()
    return reader.get(f"/status/{slug}/api/v2/summary.json").json()


# --- The page ----------------------------------------------------------------------------------------------


def test_anybody_reads_groups_states_and_days_without_a_script(reader, organization):
    up, down = a_monitor(organization, name="Web"), a_monitor(organization, name="Payments")
    check(up, Outcome.OK)
    check(down, Outcome.FAILED)
    a_page(organization, up, down, group="Core", description="Our **shop**.")

    answer = reader.get("/status/shop")

    page = answer.content.decode()
    assert answer.status_code == 200
    assert "Core" in page
    assert "<strong>shop</strong>" in page
    assert re.search(r"Payments</span><span class=\"pill pill-bad\">Down<", page)
    assert page.count('class="beats"') == 2
    assert page.count('class="beat ') == 180
    assert "Major outage" in page
    assert "<script" not in page
    assert " style=" not in page


@pytest.mark.parametrize("part", PARTS)
def test_no_part_shows_an_address_or_a_message(reader, organization, part):
    monitor = a_monitor(organization, name="Web", config={"url": "https://hidden.example/secret-path"})
    check(monitor, Outcome.FAILED, message="boom from hidden.example")
    a_page(organization, monitor)

    told = reader.get(f"/status/shop{part}").content.decode()

    assert "Shop" in told
    for secret in ("hidden.example", "secret-path", "boom", str(monitor.id), str(organization.id)):
        assert secret not in told


def test_a_page_that_is_hidden_or_unknown_is_404(reader, organization):
    a_page(organization, is_published=False)

    assert reader.get("/status/shop").status_code == 404
    assert reader.get("/status/nothing").status_code == 404
    assert reader.get("/status/shop/logo").status_code == 404


@pytest.mark.parametrize(
    ("levels", "whole"),
    [
        ([], Level.UNKNOWN),
        ([Level.UNKNOWN], Level.UNKNOWN),
        ([Level.OPERATIONAL, Level.UNKNOWN], Level.OPERATIONAL),
        ([Level.OPERATIONAL, Level.DEGRADED], Level.DEGRADED),
        ([Level.OPERATIONAL, Level.MAINTENANCE, Level.DEGRADED], Level.MAINTENANCE),
        ([Level.DOWN, Level.MAINTENANCE, Level.OPERATIONAL], Level.PARTIAL),
        ([Level.DOWN, Level.OPERATIONAL], Level.DOWN),
    ],
)
def test_the_whole_is_as_its_parts_and_an_outage_outranks_maintenance(levels, whole):
    assert overall(levels) == whole


def test_days_are_summed_from_hours_and_days_without_checks_are_no_data(organization):
    monitor = a_monitor(organization)
    each_minute(monitor, *[Outcome.OK] * 4, start=NOON - timedelta(days=2))
    each_minute(monitor, Outcome.FAILED, Outcome.OK, Outcome.OK, start=NOON)

    days = days_of([monitor.id], count=7, now=NOON + timedelta(minutes=5))[monitor.id].days

    assert [day.date.day for day in days] == [15, 16, 17, 18, 19, 20, 21]
    assert [day.uptime for day in days[:5]] == [None, None, None, None, 1.0]
    # From the last check of two days before, three intervals and a time limit held on, on that day.
    assert days[6].uptime == 0.5


def test_a_page_of_many_monitors_takes_no_more_queries(organization, django_assert_num_queries):
    page = a_page(organization, *(a_monitor(organization, name=f"M{number}") for number in range(12)))

    # Entries with monitors, days, incidents, maintenances.
    with django_assert_num_queries(4):
        found = view.public_view(page, now=timezone.now())

    assert len(found.parts) == 12


# --- What people say ---------------------------------------------------------------------------------------


def test_incidents_show_their_updates_newest_first_and_markdown_is_cleaned(reader, organization):
    page = a_page(organization)
    now = timezone.now()
    incident = open_incident(
        page,
        title="Payments <b>fail</b>",
        impact="major",
        status="investigating",
        body="We *look*. <script>alert(1)</script> [x](javascript:alert(1)) ![p](https://spy.example/p.png)",
        now=now,
    )
    say(incident, status="identified", body="Found. [Ours](https://shop.example)", now=now)

    told = reader.get("/status/shop").content.decode()

    assert told.index("Found.") < told.index("<em>look</em>")
    assert "&lt;b&gt;fail" in told
    assert "<script" not in told
    assert "<img" not in told
    assert 'href="javascript' not in told
    assert re.search(r'<a href="https://shop.example" rel="noopener noreferrer nofollow">', told)


def test_an_incident_that_is_resolved_is_of_the_past_and_an_old_one_is_gone(reader, organization):
    page = a_page(organization)
    now = timezone.now()
    fresh = open_incident(page, title="Fresh", impact="minor", status="investigating", body="Hm.", now=now)
    old = open_incident(
        page,
        title="Old one",
        impact="minor",
        status="investigating",
        body="Hm.",
        now=now - timedelta(days=30),
    )
    say(old, status="resolved", body="Done.", now=now - timedelta(days=29))
    say(fresh, status="resolved", body="Done.", now=now)

    told = reader.get("/status/shop").content.decode()

    assert told.index("Past incidents") < told.index("Fresh")
    assert "Old one" not in told
    assert summary(reader)["incidents"] == []


def test_maintenance_is_announced_before_and_while_it_is_open(reader, organization):
    monitor, other = a_monitor(organization), a_monitor(organization, name="elsewhere")
    a_page(organization, monitor)
    now = timezone.now()
    for title, covered, start in (
        ("Soon", monitor, now + timedelta(days=1)),
        ("Now", monitor, now - timedelta(hours=1)),
        ("Far", monitor, now + timedelta(days=60)),
        ("Not here", other, now),
    ):
        made = Maintenance.objects.create(
            organization=organization,
            title=f"{title} work",
            strategy="once",
            starts_at=start,
            ends_at=start + timedelta(hours=2),
        )
        made.monitors.add(covered)

    told = summary(reader)["scheduled_maintenances"]

    assert [(each["name"], each["status"]) for each in told] == [
        ("Now work", "in_progress"),
        ("Soon work", "scheduled"),
    ]
    page = reader.get("/status/shop").content.decode()
    assert "Soon work" in page
    assert "Far work" not in page
    assert "Not here" not in page


# --- For programs ------------------------------------------------------------------------------------------


def test_the_summary_has_the_fields_that_clients_of_statuspage_read(reader, organization):
    monitor = a_monitor(organization, name="Web")
    check(monitor, Outcome.FAILED)
    page = a_page(organization, monitor, group="Core")
    open_incident(
        page, title="Down", impact="critical", status="identified", body="We know.", now=timezone.now()
    )

    told = summary(reader)

    assert set(told) == {"page", "status", "components", "incidents", "scheduled_maintenances"}
    assert set(told["page"]) == {"id", "name", "url", "time_zone", "updated_at"}
    assert told["status"] == {"indicator": "critical", "description": "Major outage"}
    group, part = told["components"]
    assert (group["group"], group["components"], part["group_id"]) == (True, [part["id"]], group["id"])
    assert (part["name"], part["status"], part["group"]) == ("Web", "major_outage", False)
    (incident,) = told["incidents"]
    assert (incident["status"], incident["impact"], incident["page_id"]) == (
        "identified",
        "critical",
        told["page"]["id"],
    )
    assert incident["incident_updates"][0]["body"] == "We know."
    assert incident["incident_updates"][0]["incident_id"] == incident["id"]
    assert incident["shortlink"].endswith(f"#{incident['id']}")


def test_the_rest_of_what_statuspage_answers_is_parts_of_the_summary(reader, organization):
    monitor = a_monitor(organization)
    page = a_page(organization, monitor)
    now = timezone.now()
    before = now - timedelta(minutes=1)
    open_incident(page, title="Slow", impact="minor", status="identified", body="x", now=before)
    over = open_incident(page, title="Was slow", impact="minor", status="identified", body="x", now=now)
    say(over, status="resolved", body="y", now=now)
    for title, start in (("Now", now - timedelta(hours=1)), ("Later", now + timedelta(hours=1))):
        Maintenance.objects.create(
            organization=organization,
            title=title,
            strategy="once",
            starts_at=start,
            ends_at=start + timedelta(hours=1, minutes=30),
            covers_all=True,
        )
    CACHE.clear()

    def asked(part):
        answer = reader.get(f"/status/shop/api/v2/{part}.json")
        assert answer["Access-Control-Allow-Origin"] == "*"
        told = answer.json()
        assert told.pop("page")["name"] == "Shop"
        ((name, rows),) = told.items()
        return name, [row["name"] for row in rows]

    assert asked("components") == ("components", ["the monitor"])
    assert asked("incidents") == ("incidents", ["Was slow", "Slow"])
    assert asked("incidents/unresolved") == ("incidents", ["Slow"])
    assert asked("scheduled-maintenances") == ("scheduled_maintenances", ["Now", "Later"])
    assert asked("scheduled-maintenances/active")[1] == ["Now"]
    assert asked("scheduled-maintenances/upcoming")[1] == ["Later"]


def test_json_behind_a_password_is_for_no_other_website(reader, organization):
    a_page(organization, password=hashed("hush"))
    reader.post("/status/shop", {"password": "hush"})

    answer = reader.get("/status/shop/api/v2/summary.json")

    assert answer.status_code == 200
    assert "Access-Control-Allow-Origin" not in answer


def test_feeds_are_well_formed_and_name_each_incident_once(reader, organization):
    page = a_page(organization, name="Shop & Co")
    incident = open_incident(
        page, title="Slow <today>", impact="minor", status="investigating", body="Hm.", now=timezone.now()
    )

    atom = ElementTree.fromstring(reader.get("/status/shop/feed.atom").content)  # noqa: S314 - ours
    rss = ElementTree.fromstring(reader.get("/status/shop/feed.rss").content)  # noqa: S314 - ours

    spaced = "{http://www.w3.org/2005/Atom}"
    assert atom.findtext(f"{spaced}title") == "Shop & Co"
    assert [each.findtext(f"{spaced}id") for each in atom.findall(f"{spaced}entry")] == [
        f"urn:uuid:{incident.id}"
    ]
    assert [each.findtext("title") for each in rss.iter("item")] == ["Slow <today>: Investigating"]


# --- Memory and disk ---------------------------------------------------------------------------------------


def test_a_second_reader_costs_no_query_and_a_third_who_knows_it_no_bytes(
    reader, organization, django_assert_num_queries
):
    a_page(organization, a_monitor(organization))
    first = reader.get("/status/shop")

    with django_assert_num_queries(0):
        second = reader.get("/status/shop")
        third = reader.get("/status/shop", headers={"If-None-Match": f'"x", W/{first["ETag"]}'})

    assert second.content == first.content
    assert (third.status_code, third.content) == (304, b"")
    assert first["Cache-Control"] == "public, max-age=10"
    assert "script-src" not in first["Content-Security-Policy"]
    assert first["Content-Security-Policy"].startswith("default-src 'none'")


def test_django_packs_a_page_as_the_front_does_and_none_behind_a_password(reader, organization):
    page = a_page(organization, a_monitor(organization))
    packed = reader.get("/status/shop", headers={"Accept-Encoding": "gzip"})
    CACHE.clear()
    plain = reader.get("/status/shop", headers={"Accept-Encoding": "gzip;q=0"})

    assert packed["Content-Encoding"] == "gzip"
    assert len(packed.content) * 4 < len(plain.content)
    assert "Content-Encoding" not in plain
    save_page(page, {"password": hashed("hush")}, None)
    reader.post("/status/shop", {"password": "hush"})
    private = reader.get("/status/shop", headers={"Accept-Encoding": "gzip"})
    assert (private.status_code, "Content-Encoding" in private) == (200, False)


def test_a_page_that_grows_old_is_made_by_one_reader_while_the_others_have_the_old_one():
    now = [0.0]
    cache = AnswerCache(clock=lambda: now[0])
    made = public.Answer.of(b"old", "text/html")
    cache.keep(("h", "/p"), made, page_id=an_organization().id)

    now[0] = 9.9
    assert cache.fresh(("h", "/p")) is made
    now[0] = 10.0
    assert [cache.fresh(("h", "/p")) for _ in range(3)] == [None, made, made]
    assert cache.fresh(("other", "/p")) is None


def test_a_change_by_hand_is_seen_at_once(reader, organization, django_capture_on_commit_callbacks):
    page = a_page(organization, name="Before")
    assert "Before" in reader.get("/status/shop").content.decode()

    with django_capture_on_commit_callbacks(execute=True):
        save_page(page, {"name": "After"}, None)

    assert "After" in reader.get("/status/shop").content.decode()
    assert StatusPage.objects.get().version == 2


def database_away(monkeypatch):
    def away(*arguments, **options):
        raise OperationalError("connection refused")

    monkeypatch.setattr(public.Asked, "found", away)
    CACHE.clear()


def test_while_the_database_is_away_the_copy_on_disk_is_served(reader, organization, monkeypatch):
    a_page(organization, a_monitor(organization, name="Web"))
    before = {part: reader.get(f"/status/shop{part}").content for part in PARTS}
    database_away(monkeypatch)

    for part in PARTS:
        answer = reader.get(f"/status/shop{part}")
        assert (answer.status_code, answer.content) == (200, before[part])
    assert reader.get("/status/never-read").status_code == 503


# --- Passwords ---------------------------------------------------------------------------------------------


def test_a_page_with_a_password_is_kept_nowhere_and_shows_nothing_before(
    reader, organization, copies, monkeypatch
):
    page = a_page(organization, a_monitor(organization, name="Secret thing"))
    reader.get("/status/shop")
    assert any(file.is_file() for file in copies.rglob("*"))

    save_page(page, {"password": hashed("open sesame")}, None)
    CACHE.clear()

    for part in PARTS:
        answer = reader.get(f"/status/shop{part}")
        assert answer.status_code == 401
        assert "Secret thing" not in answer.content.decode()
        assert answer.get("Cache-Control", "no-store") != "public, max-age=10"
    assert not (copies / str(page.id)).exists()
    let_in = reader.post("/status/shop", {"password": "open sesame"})
    assert (let_in.status_code, let_in["Location"]) == (303, "/status/shop")
    shown = reader.get("/status/shop")
    assert "Secret thing" in shown.content.decode()
    assert shown["Cache-Control"] == "private, no-store"
    assert reader.get("/status/shop/api/v2/summary.json").status_code == 200
    assert not (copies / str(page.id)).exists()
    assert Client().get("/status/shop").status_code == 401
    database_away(monkeypatch)
    assert reader.get("/status/shop").status_code == 503


def test_a_new_password_asks_everybody_again(reader, organization):
    page = a_page(organization, password=hashed("first"))
    reader.post("/status/shop", {"password": "first"})
    assert reader.get("/status/shop").status_code == 200

    save_page(page, {"password": hashed("second")}, None)

    assert reader.get("/status/shop").status_code == 401


def test_guessing_ends_after_ten_tries_a_minute(reader, organization):
    a_page(organization, password=hashed("right"))

    tried = [reader.post("/status/shop", {"password": str(number)}).status_code for number in range(11)]

    assert tried == [403] * 10 + [429]
    assert reader.post("/status/shop", {"password": "right"}).status_code == 429


# --- Domains -----------------------------------------------------------------------------------------------


def test_a_domain_of_a_page_gets_that_page_and_nothing_else(organization):
    a_page(organization, a_monitor(organization, name="Web"), domain="status.shop.example")
    at_domain = Client(headers={"host": "status.shop.example"})

    page = at_domain.get("/")
    told = at_domain.get("/api/v2/summary.json")

    assert page.status_code == 200
    assert "Web" in page.content.decode()
    assert 'href="/feed.atom"' in page.content.decode()
    assert told.json()["page"]["url"] == "http://status.shop.example/"
    for path in ("/login", "/v1/monitors", "/admin/", "/status/shop", "/docs"):
        assert at_domain.get(path).status_code == 400
    assert Client(headers={"host": "status.other.example"}).get("/").status_code == 400


def test_a_domain_is_served_from_its_copy_while_the_database_is_away(organization, monkeypatch):
    from monitor.status import domains

    a_page(organization, a_monitor(organization, name="Web"), domain="status.shop.example")
    at_domain = Client(headers={"host": "status.shop.example"})
    before = at_domain.get("/").content
    database_away(monkeypatch)

    def away(**options):
        raise OperationalError("connection refused")

    monkeypatch.setattr(domains.StatusPage.objects, "filter", away)

    assert at_domain.get("/").content == before
    assert Client(headers={"host": "unknown.example"}).get("/").status_code == 400


# --- Looks -------------------------------------------------------------------------------------------------


def test_css_and_logo_are_files_of_their_own(reader, organization):
    logo = b"\x89PNG\r\n\x1a\n" + bytes(20)
    a_page(organization, css="h1 { color: teal }", logo=logo, logo_type="image/png", theme="dark")

    page = reader.get("/status/shop").content.decode()
    css, picture = reader.get("/status/shop/style.css"), reader.get("/status/shop/logo")

    assert 'data-theme="dark"' in page
    assert "/status/shop/style.css?1" in page
    assert (css["Content-Type"], css.content) == ("text/css; charset=utf-8", b"h1 { color: teal }")
    assert (picture["Content-Type"], picture.content) == ("image/png", logo)
    assert picture["X-Content-Type-Options"] == "nosniff"


def test_json_of_ours_says_what_the_page_says(reader, organization):
    monitor = a_monitor(organization, name="Web")
    check(monitor, Outcome.OK)
    a_page(organization, monitor, days=7)

    told = json.loads(reader.get("/status/shop/status.json").content)

    assert told["status"] == "operational"
    (part,) = told["groups"][0]["parts"]
    assert (part["name"], len(part["days"])) == ("Web", 7)
