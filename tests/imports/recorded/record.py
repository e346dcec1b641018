"""Records the files of this folder anew: `python -m tests.imports.recorded.record MITMDUMP`.

MITMDUMP is the program of that name; mitmproxy has an environment of its own, apart from ours.
"""

import json
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx
from playwright.sync_api import Page, sync_playwright

from tests.browser import ARGUMENTS
from tests.imports.recorded.shop import running_shop

HERE = Path(__file__).parent
SHOP_PORT, TOOLS_PORT, PROXY_PORT = 8123, 8124, 8125
# DevTools offers the export with secrets to those who ask for it in its settings.
OFFER_ALL = "localStorage.setItem('network.show-options-to-generate-har-with-sensitive-data', 'true')"


def visit(page: Page, address: str) -> None:
    page.goto(address)
    page.wait_for_function("document.title == 'done'", timeout=20_000)
    # The browser notes what it knows of the last answer a moment later.
    time.sleep(1)


def record_with_chromium(browser_type: Any, address: str) -> None:
    """Chromium's own export: its DevTools in one tab, looking at the other, and their button."""
    more = [f"--remote-debugging-port={TOOLS_PORT}", "--remote-allow-origins=*"]
    browser = browser_type.launch(executable_path=shutil.which("chromium"), args=ARGUMENTS + more)
    context = browser.new_context()
    page, tools = context.new_page(), context.new_page()
    at = f"127.0.0.1:{TOOLS_PORT}"
    targets = httpx.get(f"http://{at}/json").json()
    # The newest tab comes first; the other is the one to look at.
    watched = [target for target in targets if target["type"] == "page"][-1]
    tools.goto(f"http://{at}/devtools/inspector.html?ws={at}/devtools/page/{watched['id']}&panel=network")
    tools.evaluate(OFFER_ALL)
    tools.reload()
    tools.get_by_role("button", name="Stop recording network log").wait_for()
    visit(page, address)
    for name, item in (("chromium", "with sensitive data"), ("chromium-sanitized", "sanitized")):
        with tools.expect_download() as download:
            tools.get_by_role("button", name="Export HAR").first.click()
            tools.get_by_role("menuitem", name=item).click()
        download.value.save_as(HERE / f"{name}.har")
    browser.close()


def record_with_mitmproxy(browser_type: Any, address: str, mitmdump: str) -> None:
    """What mitmproxy saves when it ends, with Chromium as its client."""
    file = HERE / "mitmproxy.har"
    proxy = subprocess.Popen(
        [mitmdump, "-q", "--listen-host", "127.0.0.1", "-p", str(PROXY_PORT), "--set", f"hardump={file}"]
    )
    time.sleep(5)
    # Chromium goes around a proxy to this machine unless told not to.
    browser = browser_type.launch(
        executable_path=shutil.which("chromium"),
        args=[*ARGUMENTS, "--proxy-bypass-list=<-loopback>"],
        proxy={"server": f"http://127.0.0.1:{PROXY_PORT}"},
    )
    visit(browser.new_page(), address)
    browser.close()
    proxy.send_signal(signal.SIGINT)
    proxy.wait(30)
    leave_only(address, file)


def leave_only(address: str, file: Path) -> None:
    """Without what the browser asked its maker meanwhile."""
    recorded = json.loads(file.read_text())
    log = recorded["log"]
    log["entries"] = [entry for entry in log["entries"] if entry["request"]["url"].startswith(address)]
    file.write_text(json.dumps(recorded, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    with sync_playwright() as playwright, running_shop(SHOP_PORT) as shop:
        record_with_chromium(playwright.chromium, shop)
        record_with_mitmproxy(playwright.chromium, shop, sys.argv[1])
