"""Each test has a memory and a disk of its own."""

import pytest

from monitor.status.cache import CACHE
from monitor.status.desk import SubscriberDesk
from monitor.webhooks import sender as sender_module
from monitor.webhooks.sender import Sender
from tests.channels.conftest import clock, mail, receiver

__all__ = ["clock", "mail", "receiver"]


@pytest.fixture(autouse=True)
def copies(settings, tmp_path):
    settings.STATUS_COPIES_DIR = tmp_path / "copies"
    CACHE.clear()
    yield settings.STATUS_COPIES_DIR
    CACHE.clear()


@pytest.fixture
def deliver(clock, monkeypatch):
    """Sends all that subscribers are to be told by the clock, and waits for the answers."""
    monkeypatch.setattr(sender_module, "LOOK_S", 0.02)

    def until_quiet(slots=6):
        sender = Sender(SubscriberDesk(), slots=slots, clock=clock)
        quiet_turns = 0
        while quiet_turns < 2:
            sender.turn()
            quiet_turns = quiet_turns + 1 if sender.is_quiet else 0
        sender.close()

    return until_quiet
