"""What every test stands on: a closed network, empty caches, and no silent skips in CI."""

import ipaddress
import os
import shutil
import socket
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.contenttypes.models import ContentType
from django.core.cache import cache
from django.test import TransactionTestCase

from monitor.events.listening import forget_listeners
from monitor.ingest.naming import forget_names
from monitor.ingest.store import forget_days
from monitor.metrics.counted import forget_counted_days
from monitor.models.dictionaries import forget_dictionaries
from monitor.models.services import LONGEST_CHOSEN
from monitor.monitors.days import forget_beat_days
from tests.emptying import empty_quickly
from tests.installation import data_dir, free_port
from tests.web import plain_web_server, web_server

__all__ = ["data_dir", "free_port", "plain_web_server", "web_server"]

IN_CI = os.environ.get("CI") == "true"


class NetworkIsClosed(Exception):
    """A test tried to leave this machine."""


def is_literal(host: str | bytes | None) -> bool:
    """An address in any spelling the system's resolver reads without asking a name server: 0x7f.1, say."""
    try:
        socket.inet_aton(str(host))
    except OSError:
        return ":" in str(host)
    return True


def is_loopback(host: str | bytes | None) -> bool:
    name = host.decode() if isinstance(host, bytes) else host or "localhost"
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return name == "localhost"


@pytest.fixture(autouse=True, scope="session")
def _closed_network() -> Iterator[None]:
    """Let sockets reach this machine only. libpq opens its own, to the run's own server."""
    patch = pytest.MonkeyPatch()
    connect, look_up = socket.socket.connect, socket.getaddrinfo

    def guarded_connect(self: socket.socket, address: Any) -> None:
        if self.family in (socket.AF_INET, socket.AF_INET6) and not is_loopback(address[0]):
            raise NetworkIsClosed(f"connect to {address[0]}")
        connect(self, address)

    def guarded_look_up(host: str | bytes | None, *arguments: Any, **options: Any) -> Any:
        # Whether a literal address may be dialled is decided above. A name is as good as unknown.
        if not is_literal(host) and not is_loopback(host):
            raise socket.gaierror(socket.EAI_NONAME, f"The network is closed in tests: {host!r}")
        return look_up(host, *arguments, **options)

    patch.setattr(socket.socket, "connect", guarded_connect)
    patch.setattr(socket, "getaddrinfo", guarded_look_up)
    yield
    patch.undo()


@pytest.fixture(autouse=True, scope="session")
def _quick_emptying() -> Iterator[None]:
    patch = pytest.MonkeyPatch()
    patch.setattr(TransactionTestCase, "_fixture_teardown", empty_quickly)
    yield
    patch.undo()


@pytest.fixture(autouse=True)
def _empty_caches() -> None:
    """What one test's rolled-back database put into memory must not reach the next test."""
    cache.clear()
    # As in a process that has looked lately; the look itself is in no page's budget of queries.
    cache.set(LONGEST_CHOSEN, 0)
    ContentType.objects.clear_cache()
    forget_names()
    forget_dictionaries()
    forget_days()
    forget_counted_days()
    forget_listeners()
    forget_beat_days()


@pytest.fixture(autouse=True)
def _strangers_see_nothing(settings: Any) -> None:
    """The default of an installation, whatever the environment of the run says."""
    settings.ANONYMOUS_ACCESS = "none"


# What takes longest, of tests and of files: begun at the end, one of them keeps a whole run waiting.
LONG = (
    *("tests/bench/test_parts.py", "tests/flows/", "tests/published/", "tests/supervisor/test_up.py"),
    *("tests/clients/test_python.py", "tests/admin/test_browser.py", "tests/supervisor/test_postgres.py"),
    *("tests/channels/test_process.py", "tests/status/test_process.py", "tests/webhooks/test_process.py"),
    *(
        "tests/monitors/test_prober.py",
        "tests/live/test_page.py",
        "tests/tail/",
        "tests/access/test_browser.py",
    ),
)


def begin_with_the_long(items: list[pytest.Item], processes: int) -> None:
    """Put them where the last process of a run begins; all others keep their order.

    xdist gives each process an even share, in the order of the list, and lets who is done take from the end
    of another's. In front of the last share are the tests that roll back, which pytest-django wants to run
    before those that commit.
    """
    begin = 0
    for left in range(processes, 1, -1):
        begin += (len(items) - begin) // left
    long = [item for start in LONG for item in items if item.nodeid.startswith(start)]
    others = [item for item in items if not item.nodeid.startswith(LONG)]
    items[:] = [*others[:begin], *long, *others[begin:]]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if worker := getattr(config, "workerinput", None):
        begin_with_the_long(items, int(worker["workercount"]))
    # Left out rather than skipped: on this server they have nothing to say, in CI either.
    if "TEST_POSTGRES" not in os.environ:
        without = [item for item in items if item.get_closest_marker("trgm")]
        config.hook.pytest_deselected(items=without)
        items[:] = [item for item in items if item not in without]
    if shutil.which("chromium") is None:
        reason = "there is no Chromium here (Debian: apt install chromium)"
        for item in items:
            if item.get_closest_marker("browser"):
                item.add_marker(pytest.mark.skip(reason=reason))


def pytest_sessionfinish() -> None:
    # Imported by those who need one: most runs of a single file do not.
    if browser := sys.modules.get("tests.browser"):
        browser.stop_browser()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Any:
    """In CI a test that does not run is a failure: a green run promises that everything was tried."""
    report = yield
    if IN_CI and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped in CI: {report.longrepr}"
    return report
