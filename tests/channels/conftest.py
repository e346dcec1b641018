"""Channels, and a sender with a clock of the test's own."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from monitor.channels import Announcement, announce
from monitor.channels.desk import ChannelDesk
from monitor.channels.register import make_channel
from monitor.models import NotificationChannel
from monitor.models.channels import Subject
from monitor.webhooks import sender as sender_module
from monitor.webhooks.sender import Sender
from tests.channels.mail_box import MailBox, a_mail_server
from tests.factories import an_organization
from tests.receiver import Receiver, a_receiver


@pytest.fixture
def organization(db):
    return an_organization()


@pytest.fixture(autouse=True)
def _loopback_may_be_reached(settings: Any) -> None:
    settings.QUICK_START = True


@pytest.fixture
def receiver(settings: Any) -> Iterator[Receiver]:
    """A receiver, and the vendors that have an address of their own are there."""
    with a_receiver() as made:
        for name in ("TELEGRAM_URL", "PAGERDUTY_URL", "OPSGENIE_URL", "OPSGENIE_EU_URL"):
            setattr(settings, name, made.url)
        yield made


@pytest.fixture
def other_receiver() -> Iterator[Receiver]:
    with a_receiver() as made:
        yield made


@pytest.fixture
def mail(settings: Any) -> Iterator[MailBox]:
    with a_mail_server() as box:
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", box.port
        settings.EMAIL_TIMEOUT = 5
        settings.DEFAULT_FROM_EMAIL = "API Monitor <monitor@shop.example>"
        yield box


class Clock:
    """Real time, moved on by hand: signatures stay fresh, and the schedule needs no waiting."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def __call__(self) -> datetime:
        return timezone.now() + self.ahead

    def move(self, **by: float) -> None:
        self.ahead += timedelta(**by)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def deliver(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Sends all that is due by the clock, and waits for the answers."""
    monkeypatch.setattr(sender_module, "LOOK_S", 0.02)

    def until_quiet(slots: int = 8) -> None:
        sender = Sender(ChannelDesk(), slots=slots, clock=clock)
        quiet_turns = 0
        while quiet_turns < 2:
            sender.turn()
            quiet_turns = quiet_turns + 1 if sender.is_quiet else 0
        sender.close()

    return until_quiet


CONFIGS: dict[str, Callable[[str], dict[str, Any]]] = {
    "slack": lambda url: {"url": f"{url}/services/T0/B0/slacksecret"},
    "discord": lambda url: {"url": f"{url}/api/webhooks/1/discordsecret"},
    "teams": lambda url: {"url": f"{url}/workflows/teamssecret"},
    "telegram": lambda url: {"token": "123456:telegramsecretthatislong", "chat_id": "-100200300"},
    "pagerduty": lambda url: {"routing_key": "0123456789abcdef0123456789abcdef"},
    "opsgenie": lambda url: {"api_key": "opsgenie-secret-0123"},
    "webhook": lambda url: {"url": f"{url}/hook"},
    "email": lambda url: {"to": ["ops@shop.example"]},
    "apprise": lambda url: {"url": f"ntfy://{url.removeprefix('http://')}/topicsecret"},
}


@pytest.fixture
def a_channel(organization: Any) -> Callable[..., NotificationChannel]:
    def make(kind: str = "webhook", url: str = "http://127.0.0.1:9", **fields: Any) -> NotificationChannel:
        config = fields.pop("config", None) or CONFIGS[kind](url)
        is_default = fields.pop("is_default", False)
        channel = NotificationChannel(
            **{"organization": organization, "kind": kind, "name": f"{kind} of ops", **fields}
        )
        return make_channel(channel, config, is_default=is_default)[0]

    return make


@pytest.fixture
def happen(organization: Any, clock: Clock) -> Callable[..., int]:
    """Announce something; gives how many deliveries that made."""

    def tell(kind: str = "firing", **fields: Any) -> int:
        told = {
            "organization_id": organization.id,
            "subject": Subject.ALERT,
            "kind": kind,
            "severity": "critical",
            "key": "rule:all:1",
            "is_closing": kind == "resolved",
            "title": f"{kind.capitalize()}: slow <checkout>",
            "message": "p95 latency 912 ms & rising",
            "happened_at": clock(),
            "facts": [("Service", "checkout"), ("Value", "912 ms"), ("Threshold", "above 800 ms")],
            "links": [("Requests", "http://127.0.0.1:8090/dashboard?since=a&until=b")],
            "values": {"value": 912.0, "threshold": 800.0, "rule": "slow checkout"},
            **fields,
        }
        return announce([Announcement(**told)])

    return tell
