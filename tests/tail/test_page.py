"""The live log table in a real browser, on a real server."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest
from django.db import connections
from playwright.sync_api import Page, expect

from monitor.models import Service
from tests.browser import browser_page
from tests.factories import a_log, a_service, keep_logs, the_default_organization
from tests.web import WebServer, running_web_server

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def service() -> Service:
    return a_service(the_default_organization(), name="shop")


@contextmanager
def open_page(path: str, **options: object) -> Iterator[tuple[Page, WebServer]]:
    with (
        running_web_server(ANONYMOUS_ACCESS="read", DJANGO_SETTINGS_MODULE="tests.settings") as server,
        browser_page(**options) as page,
    ):
        page.goto(server.address + path)
        yield page, server


def keep(service: Service, *logs: dict[str, object]) -> None:
    """Keep the logs by another thread: Playwright runs a loop in this one, beside which Django refuses to."""

    def work() -> None:
        keep_logs(service, *logs)
        connections.close_all()

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()


def rows(page: Page):
    return page.locator("#results [data-row] .row-link")


def test_new_rows_appear_on_top_in_the_markup_of_the_others(service):
    keep(service, a_log(path="/first"))
    with open_page("/dashboard?q=-status%3A404") as (page, _):
        page.keyboard.press("l")
        expect(page.locator("[data-live-words]")).to_have_text("New requests show at once")
        keep(service, a_log(path="/second", tags=["v2"]), a_log(path="/hidden", status_code=404))
        expect(rows(page)).to_have_text(["/second", "/first"])
        tag = page.locator("[data-row] .tag").get_attribute("href")
        page.locator("#id_q").fill("path:/third")
        expect(rows(page)).to_have_count(0)
        expect(page.locator("[data-live-words]")).to_have_text("New requests show at once")
        keep(service, a_log(path="/fourth"), a_log(path="/third"))
        expect(rows(page)).to_have_text(["/third"])
        page.locator("body").click()
        page.locator("#id_q").blur()
        page.keyboard.press("l")
        expect(page.locator("[data-live-words]")).to_have_count(0)

    assert tag == "?q=-status%3A404&live=1&tag=v2"


def test_it_waits_while_the_reader_is_down_the_list_and_says_how_many_came(service):
    keep(service, *(a_log(path=f"/old/{number}") for number in range(50)))
    with open_page("/dashboard?live=1") as (page, _):
        expect(page.locator("[data-live-words]")).to_have_text("New requests show at once")
        page.mouse.wheel(0, 900)
        expect(page.locator("[data-live-words]")).to_have_text("Paused while you scroll")
        keep(service, *(a_log(path="/new") for _ in range(3)))
        resume = page.locator("[data-tail-resume]")
        expect(resume).to_have_text("3 new, resume")
        expect(resume).to_be_in_viewport()
        expect(rows(page).filter(has_text="/new")).to_have_count(0)
        resume.click()
        expect(rows(page).filter(has_text="/new")).to_have_count(3)
        expect(resume).to_be_hidden()


def test_more_than_a_page_at_once_shows_the_newest_and_what_was_dropped_is_said(service):
    keep(service, a_log(path="/first"))
    with open_page("/dashboard?live=1") as (page, _):
        expect(page.locator("[data-live-words]")).to_have_text("New requests show at once")
        keep(service, *(a_log(path=f"/many/{number}") for number in range(700)))
        expect(page.locator("[data-live-words]")).to_have_text("New requests show at once · 200 dropped")
        expect(rows(page)).to_have_count(50)
        expect(rows(page).first).to_contain_text("/many/")


def test_it_says_when_it_is_not_connected_and_catches_up_afterwards(service):
    keep(service, a_log(path="/first"))
    with open_page("/dashboard?live=1") as (page, server):
        words = page.locator("[data-live-words]")
        expect(words).to_have_text("New requests show at once")
        page.context.set_offline(True)
        server.process.send_signal(1)
        expect(words).to_contain_text("Not connected · last heard")
        assert "stale" in (words.get_attribute("class") or "")
        keep(service, a_log(path="/meanwhile"))
        page.context.set_offline(False)
        expect(words).to_have_text("New requests show at once")
        # The new process reads its templates once; how long that takes is not what is looked at here.
        assert httpx.get(f"{server.address}/dashboard", timeout=60).status_code == 200
        expect(rows(page)).to_have_text(["/meanwhile", "/first"])
