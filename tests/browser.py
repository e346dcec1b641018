"""A real Chromium for tests: it fails a test whose page complained in the console."""

import asyncio
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from playwright.sync_api import Browser, Page, Playwright, expect, sync_playwright

# It speaks to loopback alone; without these it looks its maker up at every start.
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

# How long a page may take is no matter of these tests, and beside others it takes its time.
expect.set_options(timeout=15_000)


class Started:
    """One browser for all tests of this process: a start takes longer than many of them."""

    def __init__(self) -> None:
        self._playwright: Playwright = sync_playwright().start()
        self._loop = asyncio.get_running_loop()
        self._browser = self._launch()

    def _launch(self) -> Browser:
        return self._playwright.chromium.launch(executable_path=shutil.which("chromium"), args=ARGUMENTS)

    @contextmanager
    def browser(self) -> Iterator[Browser]:
        """Its loop stands still in between, and must not be in the way of Django and of loops of others."""
        asyncio._set_running_loop(self._loop)
        try:
            if not self._browser.is_connected():
                self._browser = self._launch()
            yield self._browser
        finally:
            asyncio._set_running_loop(None)

    def stop(self) -> None:
        with self.browser() as browser:
            browser.close()
            self._playwright.stop()


_started: list[Started] = []


@contextmanager
def browser_page(**options: Any) -> Iterator[Page]:
    """A fresh page; `options` are those of a browser context (viewport, java_script_enabled, ...), which
    shares nothing with another."""
    complaints: list[str] = []
    if not _started:
        _started.append(Started())
    with _started[0].browser() as browser:
        context = browser.new_context(**options)
        try:
            page = context.new_page()
            page.on("console", lambda message: message.type == "error" and complaints.append(message.text))
            page.on("pageerror", lambda error: complaints.append(str(error)))
            yield page
        finally:
            context.close()
    assert complaints == []


def stop_browser() -> None:
    """At the end of the run."""
    while _started:
        _started.pop().stop()
