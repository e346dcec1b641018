"""A test that committed leaves the database as Django's `flush` would."""

import pytest
from django.db import connection

from monitor.audit.triggers import installed
from monitor.audit.watched import WATCHED
from tests import emptying
from tests.factories import a_key, a_log, a_service, a_user, an_organization, keep_logs


def filled() -> set[str]:
    tables = connection.introspection.django_table_names(only_existing=True, include_views=False)
    each = "SELECT '{0}' WHERE EXISTS (SELECT 1 FROM {0})"
    with connection.cursor() as cursor:
        cursor.execute(" UNION ALL ".join(each.format(name) for name in tables))
        return {name for (name,) in cursor.fetchall()}


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("large_bytes", [emptying.LARGE_BYTES, 1], ids=["few rows", "many rows"])
def test_nothing_is_left_but_what_is_of_the_models(monkeypatch, large_bytes):
    emptying.empty_quickly()
    monkeypatch.setattr(emptying, "LARGE_BYTES", large_bytes)
    service = a_service()
    a_key(service)
    a_user(an_organization())
    keep_logs(service, a_log(), a_log(status_code=500))
    assert {"organization", "request_log", "api_key"} <= filled()

    emptying.empty_quickly()

    assert filled() == set(emptying.OF_MODELS)
    assert installed() == {table: watched.arguments() for table, watched in WATCHED.items()}
