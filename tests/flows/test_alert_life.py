"""An alert's life in a real browser, on a real server: made by a sentence, tried, fired by real traffic,
seen, heard by a receiver, known, over, and silenced. The worker's round is called by hand, at a given minute.
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
from monitor.models import WebhookDelivery
from monitor.webhooks import deliverer as deliverer_module
from monitor.webhooks.deliverer import Deliverer
from tests.browser import browser_page
from tests.factories import a_key, a_log, a_service, rfc3339, the_default_organization
from tests.web import running_web_server
from tests.webhooks.receiver import Receiver, a_receiver

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


def deliver(*, minutes: float) -> None:
    """Sends all that waits by a clock so far ahead, and takes in the answers."""
    deliverer = Deliverer(slots=2, clock=lambda: timezone.now() + minutes * MINUTE)
    while deliverer._under_way or deliverer._unwritten or WebhookDelivery.objects.filter(status="pending"):
        deliverer.turn()
    for _ in deliverer._threads:
        deliverer._jobs.put(None)


def judge(*, minutes: float = 0) -> None:
    """The worker's round, so many minutes from now, and what it has told."""
    elsewhere(lambda: judge_windows(now=timezone.now() + minutes * MINUTE))
    elsewhere(lambda: deliver(minutes=minutes))


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


def test_an_alert_is_made_tried_fired_seen_heard_known_silenced_and_over(receiver, monkeypatch):
    monkeypatch.setattr(deliverer_module, "LOOK_S", 0.02)
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

        # The list says so too, and the events are all there.
        page.goto(f"{address}/alerts-ui")
        expect(page.locator("[data-row]").first).to_contain_text("Muted")
        page.goto(f"{address}/webhooks/feed?type=alert.resolved")
        expect(page.locator("[data-row]")).to_have_count(1)
        expect(page.locator("[data-row]")).to_contain_text("1 delivered")
