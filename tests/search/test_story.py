"""The calls right before and right after a log are found wherever they are."""

from datetime import timedelta

import pytest
from django.utils import timezone

from monitor.models import RequestLog
from monitor.search.story import tell_story
from tests.factories import a_log, a_service, keep_logs, rfc3339


def story_of(service, days):
    """That of a log so many days ago."""
    now = timezone.now()
    logs = RequestLog.objects.of_services([service.id])
    around = logs.within(
        now - timedelta(days=days, minutes=1), now - timedelta(days=days) + timedelta(minutes=1)
    )
    return tell_story(around.get(), logs, now=now)


def path_of(log):
    return log and log.path


@pytest.mark.sql
@pytest.mark.django_db
@pytest.mark.parametrize(
    ("days", "newer", "older"),
    [(0, None, "/1"), (1, "/0", "/1.2"), (1.2, "/1", "/9"), (9, "/1.2", "/20"), (20, "/9", None)],
)
def test_neighbours_are_found_beside_a_log_and_far_away(days, newer, older):
    service, other = a_service(), a_service()
    now = timezone.now()
    for each in (0, 1, 1.2, 9, 20):
        at = rfc3339(now - timedelta(days=each))
        keep_logs(service, a_log(path=f"/{each}", timestamp=at), now=now)
        keep_logs(other, a_log(path="/other", timestamp=at), now=now)

    story = story_of(service, days)

    assert (path_of(story.newer), path_of(story.older)) == (newer, older)
