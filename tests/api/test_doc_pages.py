"""The pages that describe the API, in a browser."""

import pytest

from tests.browser import browser_page
from tests.factories import the_default_organization

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def test_the_reference_shows_no_picture_of_another_host_and_asks_for_none(live_server, settings):
    settings.ANONYMOUS_ACCESS = "full"
    the_default_organization()
    asked: list[str] = []

    # What the policy refuses is a complaint in the console, which fails the page.
    with browser_page() as page:
        page.on("request", lambda request: asked.append(request.url))
        page.goto(f"{live_server.url}/redoc")
        logo = page.wait_for_selector('img[alt="redocly logo"]', state="attached", timeout=120_000)
        assert logo is not None
        shown = logo.evaluate("image => image.src")

    assert shown.startswith(f"{live_server.url}/static/img/mark")
    assert [url for url in asked if not url.startswith((live_server.url, "blob:", "data:"))] == []
