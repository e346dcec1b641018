"""/health and /health/live."""

import pytest
from django.db import OperationalError, connection
from django.test import Client


@pytest.mark.django_db
def test_all_is_well():
    assert Client().get("/health").json() == {"status": "ok", "database": "ok"}
    assert Client().get("/health/live").json() == {"status": "ok"}


@pytest.mark.django_db
def test_a_database_that_is_away_is_503_and_the_process_lives(monkeypatch):
    def away(*arguments, **options):
        raise OperationalError("connection refused by 10.0.0.1")

    monkeypatch.setattr(connection, "cursor", away)

    answer = Client().get("/health")

    assert answer.status_code == 503
    assert answer.json() == {"status": "unavailable", "database": "unreachable"}
    assert Client().get("/health/live").status_code == 200


def test_life_asks_no_database():
    """pytest-django fails a test without its mark that opens a connection."""
    assert Client().get("/health/live").status_code == 200
