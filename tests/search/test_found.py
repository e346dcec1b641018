"""The rows of the list are plain values, and say what the serializer would."""

from datetime import timedelta

import pytest
from django.utils import timezone

from monitor.models import RequestLog
from monitor.search.api import FoundLogSerializer
from monitor.search.found import as_found, members_of
from tests.factories import a_log, a_service, keep_logs, rfc3339


@pytest.mark.django_db
def test_a_row_says_what_the_serializer_says():
    service = a_service()
    hour = timezone.now().replace(minute=0, second=0, microsecond=0)
    keep_logs(
        service,
        a_log(consumer="acme", tags=["v2", "eu"], error="broke", environment="prod", trace_id="ab" * 16),
        a_log(consumer=None, status_code=None, latency_ms=None, timestamp=rfc3339(hour)),
        a_log(latency_ms=3.0, timestamp=rfc3339(hour + timedelta(milliseconds=120))),
    )

    logs = RequestLog.objects.of_services([service.id]).newest_first()

    said = [dict(row) for row in FoundLogSerializer(logs.with_names(), many=True).data]
    assert [members_of(row) for row in as_found(logs)] == said
    assert [list(members_of(row)) for row in as_found(logs)] == [list(row) for row in said]
    assert len(said) == 3
