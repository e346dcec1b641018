"""The pages that describe the API, in a browser."""

import pytest

from tests.browser import browser_page
from tests.factories import the_default_organization

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def test_the_reference_is_dark_at_night_and_asks_no_other_host_for_anything(live_server, settings):
    settings.ANONYMOUS_ACCESS = "full"
    the_default_organization()
    asked: list[str] = []

    # What the policy refuses is a complaint in the console, which fails the page.
    with browser_page() as page:
        page.on("request", lambda request: asked.append(request.url))
        page.emulate_media(color_scheme="dark")
        page.goto(f"{live_server.url}/redoc")
        logo = page.wait_for_selector('img[alt="redocly logo"]', state="attached", timeout=120_000)
        assert logo is not None
        shown = logo.evaluate("image => image.src")
        ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
        words = page.locator("h1").first.evaluate("heading => getComputedStyle(heading).color")

    assert shown.startswith(f"{live_server.url}/static/img/mark")
    # At night it is dark, and its words are not.
    assert (ground, words) == ("rgb(28, 32, 34)", "rgb(228, 230, 230)")
    assert [url for url in asked if not url.startswith((live_server.url, "blob:", "data:"))] == []
