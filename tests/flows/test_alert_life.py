"""An alert's life in a real browser, on a real server: made by a sentence, tried, fired by real traffic,
seen, heard by a receiver of webhooks, by mail and on a channel, known, over, and silenced. The worker's round
is called by hand, at a given minute.
"""

import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import httpx
import pytest
from django.db import connections
from django.utils import timezone
from playwright.sync_api import Page, expect

from monitor.alerts.rounds import judge_windows
from monitor.channels.desk import ChannelDesk
from monitor.channels.register import make_channel
from monitor.models import NotificationChannel, Organization
from monitor.webhooks import sender as sender_module
from monitor.webhooks.desk import WebhookDesk
from monitor.webhooks.sender import Desk, Sender
from tests.browser import browser_page
from tests.channels.mail_box import MailBox, a_mail_server
from tests.factories import a_key, a_log, a_service, rfc3339, the_default_organization
from tests.receiver import Receiver, a_receiver
from tests.web import running_web_server

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
MINUTE = timedelta(minutes=1)


def elsewhere(work: Callable[[], Any]) -> Any:
    """By another thread: Playwright runs a loop in this one, beside which Django refuses to work."""
    found: list[Any] = []

    def run() -> None:
        try:
            found.append(work())
        finally:
            connections.close_all()

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    return found[0]


@pytest.fixture
def receiver(settings: Any) -> Iterator[Receiver]:
    settings.QUICK_START = True
    with a_receiver() as made:
        yield made


@pytest.fixture
def mail(settings: Any) -> Iterator[MailBox]:
    """A mail server, which the sender of this process has as the operator's."""
    with a_mail_server() as box:
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", box.port
        yield box


@pytest.fixture
def on_call() -> Iterator[Receiver]:
    with a_receiver() as made:
        yield made


def make_channels(organization: Organization, on_call: Receiver) -> None:
    """Two that take alerts, beside the default, which is told what no other takes."""
    for kind, name, config in (
        ("email", "the default", {"to": ["nobody@shop.example"]}),
        ("email", "mail of ops", {"to": ["ops@shop.example"]}),
        ("webhook", "on call", {"url": f"{on_call.url}/hook"}),
    ):
        make_channel(NotificationChannel(organization=organization, kind=kind, name=name), config)


def send_all(desk: Desk, *, minutes: float) -> None:
    """Sends all that waits by a clock so far ahead, and takes in the answers: two turns in which nothing is
    under way."""
    sender = Sender(desk, slots=2, clock=lambda: timezone.now() + minutes * MINUTE)
    quiet_turns = 0
    while quiet_turns < 2:
        sender.turn()
        quiet_turns = quiet_turns + 1 if sender.is_quiet else 0
    sender.close()


def judge(*, minutes: float = 0) -> None:
    """The worker's round, so many minutes from now, and what it has told."""
    elsewhere(lambda: judge_windows(now=timezone.now() + minutes * MINUTE))
    elsewhere(lambda: send_all(WebhookDesk(), minutes=minutes))
    elsewhere(lambda: send_all(ChannelDesk(), minutes=minutes))


def listen(page: Page, address: str, receiver: Receiver) -> str:
    """An endpoint that hears of alerts, and its secret."""
    page.goto(f"{address}/webhooks")
    page.get_by_label("URL").fill(receiver.url)
    page.get_by_label("Events").fill("alert.*")
    page.get_by_role("button", name="Make the endpoint").click()
    return page.locator("#raw-secret").inner_text()


def send(address: str, key: str, *, failed: int, fine: int, minutes: float = -1.5) -> None:
    at = rfc3339(timezone.now() + minutes * MINUTE)
    logs = [a_log(timestamp=at, status_code=503)] * failed + [a_log(timestamp=at)] * fine
    answer = httpx.post(
        f"{address}/v1/logs/batch", json=logs, headers={"Authorization": f"Bearer {key}"}, timeout=30
    )
    assert answer.status_code == 201, answer.text


def write_sentence(page: Page) -> None:
    page.get_by_label("What is measured").select_option("error_rate")
    page.get_by_label("Side").select_option("above")
    page.get_by_label("Threshold").fill("20")
    page.get_by_label("Window").select_option("300")
    page.get_by_label("Name", exact=True).fill("Too many errors")


def told(receiver: Receiver, secret: str) -> list[Any]:
    return [arrived.verified(secret) for arrived in receiver.arrived]


def test_an_alert_is_made_tried_fired_seen_heard_known_silenced_and_over(
    receiver, mail, on_call, monkeypatch
):
    monkeypatch.setattr(sender_module, "LOOK_S", 0.02)
    make_channels(the_default_organization(), on_call)
    service = a_service(the_default_organization(), name="orders")
    key = a_key(service)[1]
    connections.close_all()
    with (
        running_web_server(ANONYMOUS_ACCESS="full", DJANGO_SETTINGS_MODULE="tests.settings") as server,
        browser_page(viewport={"width": 1280, "height": 900}) as page,
    ):
        address = server.address
        secret = listen(page, address, receiver)

        # Made by a sentence, and tried on traffic that has failed already.
        send(address, key, failed=4, fine=6)
        page.goto(f"{address}/alerts-ui/new?service_id={service.id}")
        write_sentence(page)
        page.get_by_role("button", name="Try it on the last 7 days").click()
        expect(page.locator("#back-test")).to_contain_text("would have fired 1 time")
        page.get_by_role("button", name="Save the alert").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Too many errors")
        expect(page.locator("#groups")).to_contain_text("Not judged yet")
        rule_page = page.url

        # Fired, seen and heard.
        judge()
        page.reload()
        expect(page.locator("#groups")).to_contain_text("Firing")
        expect(page.locator("#events")).to_contain_text(
            "Too many errors: 40 % (error rate above 20 % over 5 min)"
        )
        (firing,) = told(receiver, secret)
        assert (firing["type"], firing["data"]["value"]) == ("alert.firing", 40)
        assert firing["data"]["url"].endswith(rule_page.partition("/alerts-ui")[2])
        # By mail and on the channel too, each with the value; the page says who was told.
        (letter,) = mail.mails
        assert (letter["To"], letter["Subject"]) == ("ops@shop.example", "Firing: Too many errors")
        text = letter.get_body(("plain",)).get_content()
        assert "40 %" in text
        assert rule_page.partition("/alerts-ui")[2] in text
        (called,) = on_call.arrived
        assert (called.json["type"], called.json["data"]["facts"]["Value"]) == ("alert.firing", "40 %")
        expect(page.locator("#told [data-row]")).to_have_count(2)
        expect(page.locator("#told .pill-good")).to_have_count(2)
        page.get_by_role("link", name="its requests").click()
        expect(page.locator("#results [data-row]")).to_have_count(10)

        # Known: told by whom and until when.
        page.goto(rule_page)
        page.get_by_role("button", name="Acknowledge for 4 h").click()
        expect(page.locator("#groups")).to_contain_text("acknowledged by")

        # Over, which closes what was opened. Less than five minutes ahead, as logs and signatures may be.
        send(address, key, failed=0, fine=10, minutes=2)
        judge(minutes=4.5)
        page.reload()
        expect(page.locator("#groups")).to_contain_text("Resolved")
        resolved = told(receiver, secret)[-1]
        assert (resolved["type"], resolved["data"]["incident"]) == (
            "alert.resolved",
            firing["data"]["incident"],
        )

        over = mail.mails[-1]
        assert over["Subject"] == "Resolved: Too many errors"
        assert over["References"] == letter["References"]
        assert [each.json["type"] for each in on_call.arrived] == ["alert.firing", "alert.resolved"]

        # Silenced: what fires from now on is judged, recorded and not told.
        page.get_by_text("Silence", exact=True).first.click()
        page.get_by_label("Why").fill("planned work")
        page.get_by_role("button", name="Silence", exact=True).click()
        expect(page.get_by_text("planned work")).to_be_visible()
        send(address, key, failed=20, fine=0, minutes=2)
        judge(minutes=4.5)
        page.reload()
        expect(page.locator("#groups")).to_contain_text("Muted")
        assert [each["type"] for each in told(receiver, secret)] == ["alert.firing", "alert.resolved"]
        assert (len(mail.mails), len(on_call.arrived)) == (2, 2)

        # The list says so too, and the events are all there.
        page.goto(f"{address}/alerts-ui")
        expect(page.locator("[data-row]").first).to_contain_text("Muted")
        page.goto(f"{address}/webhooks/feed?type=alert.resolved")
        expect(page.locator("[data-row]")).to_have_count(1)
        expect(page.locator("[data-row]")).to_contain_text("1 delivered")
