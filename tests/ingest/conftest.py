"""A service, its key, and a client that reports with it."""

import pytest
from django.test import Client

from monitor.models import Service
from tests.factories import a_client, a_key, a_service


@pytest.fixture
def service(db: None) -> Service:
    return a_service()


@pytest.fixture
def sender(service: Service) -> Client:
    return a_client(a_key(service)[1])
