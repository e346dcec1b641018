"""Pages of monitors that follow what changes, in a real browser on a real server."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import connections
from django.utils import timezone
from playwright.sync_api import Page, Route, expect

from monitor.models import Monitor
from monitor.monitors import set_active
from monitor.probing import Outcome
from tests.browser import browser_page
from tests.factories import the_default_organization
from tests.monitors.scenes import a_monitor, check
from tests.web import running_web_server

# A page without a stream looks after ten seconds: what shows before that, the stream has told.
SOON_MS = 8_000

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@contextmanager
def open_page(
    path: str,
    *,
    access: str = "full",
    interface: str = "asgi",
    before: Callable[[Page], None] = lambda page: None,
) -> Iterator[Page]:
    with (
        running_web_server(
            ANONYMOUS_ACCESS=access, DJANGO_SETTINGS_MODULE="tests.settings", WEB_INTERFACE=interface
        ) as server,
        browser_page() as page,
    ):
        before(page)
        page.goto(server.address + path)
        yield page


def aside(work: Callable[[], Any]) -> Any:
    """By another thread: Playwright runs a loop in this one, beside which Django refuses to."""
    given: list[Any] = []

    def run() -> None:
        try:
            given.append(work())
        finally:
            connections.close_all()

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    return given[0]


def row(page: Page, name: str):
    return page.locator("#monitors [data-row]").filter(has_text=name)


def test_a_change_shows_in_its_own_row_and_nothing_else_is_drawn_anew():
    organization = the_default_organization()
    one, two = a_monitor(organization, name="one"), a_monitor(organization, name="two")
    for each in (one, two):
        check(each)

    with open_page("/monitors") as page:
        expect(row(page, "one").locator(".pill")).to_have_text("Up")
        page.evaluate(
            "() => document.querySelectorAll('[data-row] .m-name').forEach((cell) => { cell.kept = true; })"
        )
        row(page, "one").locator("input[type=checkbox]").check()
        aside(lambda: check(one, Outcome.FAILED, message="Broken."))
        expect(row(page, "one").locator(".pill")).to_have_text("Down", timeout=SOON_MS)
        expect(page.locator("#counts")).to_contain_text("Down")
        same = page.evaluate(
            "() => [...document.querySelectorAll('[data-row] .m-name')].map((cell) => cell.kept)"
        )
        chosen = row(page, "one").locator("input[type=checkbox]").is_checked()

    assert same == [True, True]
    assert chosen


def test_new_monitors_come_and_those_that_go_leave():
    organization = the_default_organization()
    first = a_monitor(organization, name="first")

    with open_page("/monitors") as page:
        expect(row(page, "first")).to_have_count(1)
        aside(lambda: a_monitor(organization, name="second"))
        expect(page.locator("#monitors .monitor-link")).to_have_text(["second", "first"], timeout=SOON_MS)
        aside(lambda: set_active([Monitor.objects.get(id=first.id)], is_active=False, now=timezone.now()))
        expect(row(page, "first").locator(".pill")).to_have_text("Paused", timeout=SOON_MS)


def test_what_came_before_the_stream_was_heard_shows_too():
    organization = the_default_organization()
    a_monitor(organization, name="first")

    def before(page: Page) -> None:
        def meanwhile(route: Route) -> None:
            aside(lambda: a_monitor(organization, name="second"))
            route.continue_()

        page.route("**/monitors/changes*", meanwhile, times=1)

    with open_page("/monitors", before=before) as page:
        expect(page.locator("#monitors .monitor-link")).to_have_text(["second", "first"], timeout=SOON_MS)


def test_a_list_of_those_that_are_down_lets_go_of_one_that_is_up_again_and_takes_in_another():
    organization = the_default_organization()
    down, up = a_monitor(organization, name="was down"), a_monitor(organization, name="was up")
    last = a_monitor(organization, name="stays down")
    for each, outcome in ((down, Outcome.FAILED), (up, Outcome.OK), (last, Outcome.FAILED)):
        check(each, outcome)

    with open_page("/monitors?state=down") as page:
        names = page.locator("#monitors .monitor-link")
        expect(names).to_have_text(["stays down", "was down"])
        aside(lambda: check(up, Outcome.FAILED))
        expect(names).to_have_text(["stays down", "was up", "was down"], timeout=SOON_MS)
        aside(lambda: check(down))
        expect(names).to_have_text(["stays down", "was up"], timeout=SOON_MS)


def test_a_monitors_own_page_follows_it_part_by_part():
    organization = the_default_organization()
    monitor = a_monitor(organization, name="shop")
    check(monitor)

    with open_page(f"/monitors/{monitor.id}") as page:
        expect(page.locator("#checks tbody tr")).to_have_count(1)
        page.evaluate("() => { document.querySelector('[data-part=chart]').kept = true; }")
        aside(lambda: check(monitor, Outcome.FAILED, message="No answer."))
        expect(page.locator("[data-part=strip] .pill").first).to_have_text("Down", timeout=SOON_MS)
        expect(page.locator("#checks tbody tr")).to_have_count(2)
        expect(page.locator("#events")).to_contain_text("Down")
        expect(page.locator("#failure")).to_contain_text("No answer.")


def test_without_streams_the_list_looks_every_ten_seconds():
    organization = the_default_organization()
    monitor = a_monitor(organization, name="shop")
    check(monitor)

    with open_page("/monitors", interface="wsgi") as page:
        expect(row(page, "shop").locator(".pill")).to_have_text("Up")
        aside(lambda: check(monitor, Outcome.FAILED))
        expect(row(page, "shop").locator(".pill")).to_have_text("Down", timeout=15_000)
        assert page.evaluate(
            "() => performance.getEntriesByType('resource').every((each) => !each.name.includes('/changes'))"
        )


def test_a_list_of_hundreds_goes_on_as_one_scrolls_and_its_far_rows_stay_true():
    organization = the_default_organization()
    oldest = a_monitor(organization, name="the oldest")
    for number in range(149):
        a_monitor(organization, name=f"number {number}")

    with open_page("/monitors") as page:
        expect(page.locator("#monitors [data-row]")).to_have_count(100)
        page.keyboard.press("End")
        expect(page.locator("#monitors [data-row]")).to_have_count(150)
        expect(page.locator("#monitors .pagination [rel=next]")).to_have_count(0)
        page.keyboard.press("End")
        aside(lambda: check(oldest, Outcome.FAILED))
        expect(row(page, "the oldest").locator(".pill")).to_have_text("Down", timeout=SOON_MS)
        expect(page.locator("#monitors [data-row]")).to_have_count(150)
