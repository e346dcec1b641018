"""The README's first five minutes by clicking, in a real browser against a fresh `scripts/up`."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser import browser_page
from tests.installation import Started

pytestmark = pytest.mark.browser


@pytest.fixture
def installation(data_dir: Path, free_port: int) -> Iterator[Started]:
    started = Started(data_dir, free_port)
    yield started
    started.stop()


def register(page: Page, installation: Started) -> None:
    """A service whose address is the monitor's own, so that a replay has somebody to answer it."""
    page.goto(installation.address)
    page.get_by_text("Register a service").first.click()
    page.get_by_label("Name", exact=True).fill("checkout")
    page.get_by_label("Base URL").fill(installation.address)
    page.get_by_role("button", name="Register").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("checkout")


def make_key(page: Page) -> str:
    """The curl line that stands beside the new key."""
    page.get_by_label("Name", exact=True).first.fill("production")
    page.get_by_role("button", name="Make the key").click()
    assert page.locator("#raw-key").inner_text().startswith("mkey_")
    return page.locator("#new-key pre code").first.inner_text()


def paste(curl: str) -> None:
    done = subprocess.run(["bash", "-c", f"{curl} --fail-with-body -sS"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def make_alert(page: Page, installation: Started) -> None:
    page.goto(f"{installation.address}/alerts-ui")
    if not page.get_by_label("Value").is_visible():
        page.get_by_text("Make an alert").click()
    page.get_by_label("Service").select_option(label="checkout")
    page.get_by_label("What is looked at").select_option("latency_ms")
    page.get_by_label("How it is compared").select_option(">=")
    page.get_by_label("Value").fill("40")
    page.get_by_label("Name", exact=True).fill("slow")
    page.get_by_role("button", name="Make the alert").click()
    expect(page.get_by_text("slow").first).to_be_visible()


@pytest.mark.parametrize(
    "options",
    [
        pytest.param({"viewport": {"width": 1280, "height": 900}}, id="desktop"),
        pytest.param({"viewport": {"width": 360, "height": 740}, "color_scheme": "dark"}, id="phone"),
        pytest.param({"java_script_enabled": False}, id="without JavaScript"),
    ],
)
def test_a_newcomer_reports_finds_measures_is_told_and_replays(
    installation: Started, options: dict[str, object]
):
    with browser_page(**options) as page:
        register(page, installation)
        curl = make_key(page)
        make_alert(page, installation)
        paste(curl)

        page.goto(f"{installation.address}/dashboard")
        page.get_by_label("Search", exact=True).fill("path:/orders/10* status:2xx")
        page.get_by_label("Search", exact=True).press("Enter")
        row = page.locator("[data-row]").first
        expect(row).to_contain_text("/orders/{id}")
        row.locator("a.row-link").first.click()
        expect(page.get_by_role("heading", level=1)).to_contain_text("/orders/1017")
        expect(page.get_by_text("slow", exact=True)).to_be_visible()

        page.get_by_role("link", name="Replay").first.click()
        page.get_by_role("button", name="Send GET").click()
        expect(page.get_by_text("404").first).to_be_visible()

        page.goto(f"{installation.address}/metrics-ui?window=1h")
        expect(page.locator(".stat").first).to_contain_text("1")
        page.goto(f"{installation.address}/alerts-ui")
        page.get_by_role("link", name="slow").click()
        expect(page.locator("main")).to_contain_text("/orders/1017")

        wider = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        if options.get("java_script_enabled", True):
            assert page.evaluate(wider) == 0
