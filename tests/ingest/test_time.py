"""When a request happened: timestamps, clocks that are off, and the days that logs lie in."""

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from monitor.lib.ids import moment_of
from monitor.models import RequestLog
from monitor.models.partitions import drop_day, existing_days
from tests.factories import a_log, post_json, rfc3339

pytestmark = pytest.mark.usefixtures("door")


def test_without_a_timestamp_the_arrival_counts(sender):
    before = timezone.now()

    post_json(sender, "/v1/logs", a_log())

    log = RequestLog.objects.get()
    assert before <= log.captured_at == log.received_at <= timezone.now()


@pytest.mark.parametrize(
    "spell",
    [
        pytest.param(rfc3339, id="rfc 3339"),
        pytest.param(lambda moment: moment.astimezone(UTC).isoformat(), id="with an offset"),
        pytest.param(
            lambda moment: (moment + timedelta(hours=5, minutes=30)).strftime("%Y-%m-%dT%H:%M:%S.%f+05:30"),
            id="of another zone",
        ),
        pytest.param(lambda moment: moment.timestamp(), id="unix seconds"),
    ],
)
def test_a_timestamp_is_kept_as_sent_however_it_is_spelled(sender, spell):
    moment = (timezone.now() - timedelta(hours=3)).replace(microsecond=250_000)

    made = post_json(sender, "/v1/logs", a_log(timestamp=spell(moment)))

    assert made.status_code == 201
    assert made.json()["captured_at"] == rfc3339(moment)
    log = RequestLog.objects.get()
    assert log.captured_at == moment == moment_of(log.id)
    assert log.received_at > moment


def test_whole_unix_seconds_are_a_timestamp_too(sender):
    seconds = int(timezone.now().timestamp()) - 60

    post_json(sender, "/v1/logs", a_log(timestamp=seconds))

    assert RequestLog.objects.get().captured_at == datetime.fromtimestamp(seconds, tz=UTC)


@pytest.mark.parametrize(
    "timestamp",
    [
        pytest.param("2026-11-21T09:30:00", id="without a zone"),
        pytest.param("2026-11-21", id="a day"),
        pytest.param("21/11/2026 09:30", id="another order"),
        pytest.param("", id="empty"),
        pytest.param(1_790_000_000_000, id="milliseconds"),
        pytest.param(-1_790_000_000_000, id="milliseconds before 1970"),
        pytest.param(-99_000_000_000, id="before the year 1"),
        pytest.param(99_999_999_999, id="the year 5138"),
        pytest.param(-1, id="before 1970"),
        pytest.param(0, id="1970"),
        pytest.param("0001-01-01T00:00:00+14:00", id="the first moment Python knows, east"),
        pytest.param("9999-12-31T23:59:59-14:00", id="the last moment Python knows, west"),
        pytest.param({"at": "noon"}, id="an object"),
        pytest.param([], id="an array"),
    ],
)
def test_a_timestamp_that_is_none_is_refused_by_name(sender, timestamp):
    answer = post_json(sender, "/v1/logs", a_log(timestamp=timestamp))

    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == "timestamp"


def test_a_clock_may_be_five_minutes_ahead(sender):
    near = timezone.now() + timedelta(minutes=4, seconds=50)
    far = timezone.now() + timedelta(minutes=5, seconds=10)

    assert post_json(sender, "/v1/logs", a_log(timestamp=rfc3339(near))).status_code == 201
    refused = post_json(sender, "/v1/logs", a_log(timestamp=rfc3339(far)))

    assert refused.status_code == 400
    assert "5 minutes in the future" in refused.json()["errors"][0]["message"]
    assert len(sender.get("/v1/logs").json()) == 1


def test_what_is_older_than_the_retention_is_refused(sender, settings):
    settings.RETENTION_DAYS = 7
    midnight = timezone.now().replace(hour=0, minute=0, second=0, microsecond=0)
    oldest = midnight - timedelta(days=7)

    assert post_json(sender, "/v1/logs", a_log(timestamp=rfc3339(oldest))).status_code == 201
    refused = post_json(sender, "/v1/logs", a_log(timestamp=rfc3339(oldest - timedelta(milliseconds=1))))

    assert refused.status_code == 400
    assert "7 days" in refused.json()["errors"][0]["message"]
    assert len(sender.get("/v1/logs").json()) == 1


def test_a_log_of_an_earlier_day_makes_its_day(sender):
    moment = timezone.now() - timedelta(days=9)
    drop_day(moment.date())
    assert moment.date() not in existing_days()

    made = post_json(sender, "/v1/logs", a_log(timestamp=rfc3339(moment), request_body="hello"))

    assert made.status_code == 201
    assert moment.date() in existing_days()
    assert sender.get(f"/v1/logs/{made.json()['id']}").json()["request_body"] == "hello"


def test_a_batch_may_lie_in_many_days(sender):
    moments = [timezone.now() - timedelta(days=days) for days in range(0, 12, 3)]

    made = post_json(sender, "/v1/logs/batch", [a_log(timestamp=rfc3339(moment)) for moment in moments])

    assert made.status_code == 201
    assert [row["id"] for row in sender.get("/v1/logs").json()] == made.json()["ids"]
