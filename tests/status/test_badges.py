"""Badges: who sees them, and what they say."""

from datetime import timedelta
from xml.etree import ElementTree

import pytest
from django.test import Client
from django.utils import timezone

from monitor.models import MonitorBadge
from monitor.probing import Outcome
from monitor.status.badge_doors import new_badge
from monitor.status.badge_pictures import NAMED, color_asked, contrast, ink_on
from monitor.status.badges import COLORS, WHATS
from tests.factories import a_client, a_key, a_user, an_organization, post_json
from tests.monitors.scenes import a_monitor, check

pytestmark = pytest.mark.django_db


@pytest.fixture
def monitor():
    return a_monitor(name="Payments of the shop", config={"url": "https://hidden.example/"}, degraded_ms=500)


@pytest.fixture
def key(monitor):
    return new_badge(monitor).key


def told(key, what, **asked):
    answer = Client().get(f"/badge/{key}/{what}.json", asked)
    assert answer.status_code == 200
    return answer.json()


@pytest.mark.parametrize("what", WHATS)
def test_a_badge_is_a_picture_that_names_nothing_of_the_monitor(monitor, key, what):
    check(monitor, Outcome.OK, certificate_until=timezone.now() + timedelta(days=40, minutes=1))

    answer = Client().get(f"/badge/{key}/{what}.svg")

    assert answer["Content-Type"].startswith("image/svg+xml")
    assert answer["Cache-Control"] == "public, max-age=60"
    picture = ElementTree.fromstring(answer.content)  # noqa: S314 - ours
    assert picture.attrib["aria-label"].split(":")[0] == what.replace("-", " ")
    for secret in ("Payments", "hidden.example", str(monitor.id)):
        assert secret not in answer.content.decode()


def test_what_it_says_follows_the_monitor(monitor, key):
    now = timezone.now()
    assert told(key, "status") == {"label": "status", "message": "new", "value": "new"}
    assert told(key, "uptime-24h")["message"] == "N/A"
    assert told(key, "certificate")["value"] is None

    check(
        monitor,
        Outcome.OK,
        at=now - timedelta(minutes=2),
        certificate_until=now + timedelta(days=40, hours=1),
    )
    check(monitor, Outcome.FAILED, at=now - timedelta(minutes=1))
    check(monitor, Outcome.FAILED, at=now)

    assert told(key, "status")["value"] == "down"
    assert told(key, "uptime-24h") == {"label": "uptime 24h", "message": "50.00 %", "value": 0.5}
    assert told(key, "certificate") == {"label": "certificate", "message": "40 days", "value": 40}
    assert told(key, "response") == {"label": "response", "message": "20 ms", "value": 20.0}


@pytest.mark.parametrize(("days", "color"), [(40, "3d7a14"), (13, "946200"), (6, "c2290a"), (-1, "c2290a")])
def test_a_certificate_turns_yellow_and_red_and_shields_read_it(monitor, key, days, color):
    check(monitor, Outcome.OK, certificate_until=timezone.now() + timedelta(days=days, hours=1))

    shown = Client().get(f"/badge/{key}/certificate.shields").json()

    assert (shown["schemaVersion"], shown["color"], shown["isError"]) == (1, color, False)
    assert (shown["message"] == "expired") == (days < 0)


def test_texts_and_colours_can_be_asked_for_and_hold_no_markup(monitor, key):
    check(monitor, Outcome.OK)
    asked = {
        "label": '"><script>alert(1)</script>',
        "upLabel": "fine & well",
        "upColor": "#abc",
        "labelColor": '"/><script>',
        "style": "flat-square",
        "suffix": "!",
    }

    picture = Client().get(f"/badge/{key}/status.svg", asked).content.decode()

    assert "<script" not in picture
    assert "fine &amp; well!" in picture
    assert 'fill="#abc"' in picture
    assert 'rx="0"' in picture
    ElementTree.fromstring(picture)  # noqa: S314 - ours


@pytest.mark.parametrize(
    ("style", "height", "words"),
    [
        ("flat", "20", "uptime 24h"),
        ("flat-square", "20", "uptime 24h"),
        ("plastic", "18", "uptime 24h"),
        ("for-the-badge", "28", "UPTIME 24H"),
        ("social", "20", "uptime 24h"),
        ("of no kind", "20", "uptime 24h"),
    ],
)
def test_each_style_of_shields_is_a_picture_of_its_own(monitor, key, style, height, words):
    answer = Client().get(f"/badge/{key}/uptime-24h.svg", {"style": style, "label": "uptime 24h"})

    picture = ElementTree.fromstring(answer.content)  # noqa: S314 - ours
    assert picture.attrib["height"] == height
    label, message = (text.text for text in picture.iter("{http://www.w3.org/2000/svg}text"))
    assert (label, message) == (words, "N/A")
    # Read aloud as it is meant, not letter by letter.
    assert picture.attrib["aria-label"] == "uptime 24h: N/A"


@pytest.mark.parametrize("color", [*NAMED, *COLORS.values(), "#fff", "#000", "#ffff00", "#777777"])
def test_what_is_written_can_be_read_on_every_colour(color):
    ink = ink_on(color_asked(color, "none"))

    assert contrast(ink, color_asked(color, "none")) >= 4.5


def test_a_key_that_opens_nothing_is_grey_and_404_and_a_new_key_closes_the_old(monitor, key):
    assert Client().get(f"/badge/{key}/status.svg").status_code == 200
    second = new_badge(monitor).key

    closed = Client().get(f"/badge/{key}/status.svg")
    assert (closed.status_code, "N/A" in closed.content.decode()) == (404, True)
    assert Client().get(f"/badge/{second}/status.svg").status_code == 200
    assert Client().get(f"/badge/{second}/nothing.svg").status_code == 404
    assert Client().get(f"/badge/{second}/status.exe").status_code == 404
    assert Client().post(f"/badge/{second}/status.svg").status_code == 405


def test_a_reader_who_knows_it_gets_no_bytes(key):
    first = Client().get(f"/badge/{key}/status.svg")

    assert (
        Client().get(f"/badge/{key}/status.svg", headers={"If-None-Match": first["ETag"]}).status_code == 304
    )


def test_keys_are_handed_out_by_the_api(monitor):
    client = a_client(a_key(organization=monitor.organization, scopes=["read", "manage"])[1])
    address = f"/v1/monitors/{monitor.id}/badge"
    assert client.get(address).json() == {"key": None, "created_at": None, "addresses": {}}

    made = post_json(client, address, {})

    assert made.status_code == 201
    assert len(made.json()["key"]) >= 20
    assert made.json()["addresses"]["status"].endswith(f"/badge/{made.json()['key']}/status.svg")
    assert client.delete(address).status_code == 204
    assert not MonitorBadge.objects.exists()


def test_the_page_opens_and_closes_them(monitor):
    browser = a_client(user=a_user(monitor.organization, "admin"))
    address = f"/monitors/{monitor.id}/badges"

    assert "Make badges" in browser.get(address).content.decode()
    browser.post(address, {"do": "open"})
    assert MonitorBadge.objects.get().key in browser.get(address).content.decode()
    chosen = browser.get(f"{address}?label=shop&color=2f6fdb&style=flat-square").content.decode()
    assert "status.svg?label=shop&amp;color=2f6fdb&amp;style=flat-square" in chosen
    browser.post(address, {"do": "close"})
    assert not MonitorBadge.objects.exists()
    viewer = a_client(user=a_user(monitor.organization, "viewer"))
    assert viewer.post(address, {"do": "open"}).status_code == 403
    assert a_client(user=a_user(an_organization(), "admin")).get(address).status_code == 404
