"""Endpoints, events and a deliverer with a clock of the test's own."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from monitor.events import record_event
from monitor.models import Event, WebhookDelivery, WebhookEndpoint
from monitor.webhooks import endpoints
from monitor.webhooks import sender as sender_module
from monitor.webhooks.desk import WebhookDesk
from monitor.webhooks.sender import Sender
from tests.factories import an_organization
from tests.receiver import Receiver, a_receiver


@pytest.fixture
def organization(db):
    return an_organization()


@pytest.fixture(autouse=True)
def _loopback_may_be_reached(settings: Any) -> None:
    settings.QUICK_START = True


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with a_receiver("/hook") as made:
        yield made


@pytest.fixture
def other_receiver() -> Iterator[Receiver]:
    with a_receiver("/hook") as made:
        yield made


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
def deliver(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Sends all that is due by the clock, and waits for the answers."""
    monkeypatch.setattr(sender_module, "LOOK_S", 0.02)

    def until_quiet(slots: int = 20) -> None:
        sender = Sender(WebhookDesk(), slots=slots, clock=clock)
        while True:
            sender.turn()
            is_due = WebhookDelivery.objects.filter(
                status="pending", next_attempt_at__lte=clock(), endpoint__disabled_at=None
            )
            if sender.is_quiet and not is_due.exists():
                break
        sender.close()

    return until_quiet


@pytest.fixture
def an_endpoint(organization: Any, clock: Clock) -> Any:
    def make(url: str, *, events: tuple[str, ...] = ("*",), **fields: Any) -> tuple[WebhookEndpoint, str]:
        fields = {"organization": organization, "now": clock(), **fields}
        return endpoints.make_endpoint(url=url, enabled_events=events, **fields)

    return make


@pytest.fixture
def happen(organization: Any, clock: Clock) -> Any:
    def record(type: str = "order.shipped", **fields: Any) -> Event:
        fields = {"organization_id": organization.id, "data": {"order": 7}, "now": clock(), **fields}
        return record_event(type=type, **fields)

    return record
