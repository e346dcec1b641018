"""A service, its key, and a client that reports with it, through either door."""

from collections.abc import Iterator

import pytest
from django.db import connections
from django.test import Client

from monitor.models import Service
from tests.asgi import doors_of, lane_on
from tests.factories import a_client, a_key, a_service


@pytest.fixture(params=["view", "lane"])
def door(request: pytest.FixtureRequest, db: None) -> Iterator[str]:
    """Each test of the contract runs twice: the DRF view answers, and the ASGI lane does."""
    if request.param == "view":
        yield "view"
        return
    with lane_on(connections["default"]) as lane, doors_of(lane):
        yield "lane"


@pytest.fixture
def service(db: None) -> Service:
    return a_service()


@pytest.fixture
def sender(door: str, service: Service) -> Client:
    return a_client(a_key(service)[1])
