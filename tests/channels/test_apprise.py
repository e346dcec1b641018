"""Apprise, whose calls are led through our door: what it may load, what it may call, what it cannot reach."""

import ast
import importlib.util
from pathlib import Path

import pytest
import requests

from monitor.channels.apprise_services import PLUGINS
from monitor.channels.apprise_way import GuardedRequests, GuardedSession, plugin_of
from tests.receiver import Reply

# What could open a connection, a file or a process without `requests`.
WAYS_OUT = {
    *("socket", "ssl", "smtplib", "http", "urllib3", "httpx", "ftplib", "telnetlib", "subprocess", "asyncio"),
    *("paho", "slixmpp", "websocket", "dns", "ctypes", "multiprocessing"),
}
MODULES = sorted({module for module, _ in PLUGINS.values()})
URLS = {
    "ntfy": "ntfy://{host}/topic",
    "gotify": "gotify://{host}/apptoken",
    "mmost": "mmost://{host}/3ccdd113474722377935511fc85d3dd4",
    "rocket": "rocket://user:password@{host}/#channel",
    "signal": "signal://{host}/12223334444/13334445555",
}


def imports_of(module: str) -> set[str]:
    """The top names of all that the plugin's file imports, wherever in it."""
    spec = importlib.util.find_spec(f"apprise.plugins.{module}")
    assert spec is not None
    assert spec.origin is not None
    names: set[str] = set()
    for node in ast.walk(ast.parse(Path(spec.origin).read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            names.add(node.module)
    return names


@pytest.mark.parametrize("module", MODULES)
def test_a_plugin_that_may_be_used_calls_by_requests_alone(module):
    names = imports_of(module)

    assert "requests" in names
    assert not {name.partition(".")[0] for name in names} & WAYS_OUT
    assert "urllib.request" not in names
    # A function out of it would be a name of its own, and not ours.
    assert not {name for name in names if name.startswith("requests.")}


@pytest.mark.parametrize("scheme", sorted(URLS))
def test_its_calls_are_ours(scheme):
    plugin = plugin_of(URLS[scheme].format(host="shop.example"))
    module = importlib.import_module(type(plugin).__module__)

    assert isinstance(module.requests, GuardedRequests)


def test_without_an_attempt_there_is_no_way_out():
    with pytest.raises(requests.ConnectionError), GuardedSession() as session:
        session.get("http://127.0.0.1:9/")


@pytest.mark.django_db
@pytest.mark.parametrize("scheme", sorted(URLS))
def test_what_it_sends_arrives_and_a_redirect_is_not_followed(
    scheme, a_channel, happen, receiver, other_receiver, deliver
):
    url = URLS[scheme].format(host=receiver.url.removeprefix("http://"))
    a_channel("apprise", config={"url": url})
    receiver.replies(Reply(status=302, headers={"Location": other_receiver.url}))
    happen()

    deliver()

    assert receiver.arrived
    assert not other_receiver.arrived
