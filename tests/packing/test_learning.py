"""What payloads are packed by."""

import json
from datetime import timedelta

import pytest
from django.utils import timezone

from monitor.lib.payload import ZSTD_JSON, ZSTD_JSON_BY_DICTIONARY
from monitor.models import LogPayload, PayloadDictionary, RequestLog
from monitor.models.dictionaries import forget_dictionaries
from monitor.packing import learning
from tests.factories import a_log, a_service, keep_logs, rfc3339

LOGS = 600
BULLETIN = json.dumps([f"warehouse {number} reports delayed vessels" for number in range(20, 40)])


@pytest.fixture
def service(db):
    return a_service()


@pytest.fixture
def now():
    return timezone.now()


def orders(now, *, count=LOGS, consumers=20, word="acknowledged", own=lambda number: f"mail{number}"):
    """Logs of the last hours: alike, but for what each consumer is called."""
    for number in range(count):
        yield a_log(
            timestamp=rfc3339(now - timedelta(hours=20) + timedelta(seconds=90 * number)),
            event_id=f"{word}-{number}",
            consumer=f"customer-{number % consumers}" if consumers else None,
            request_headers={"accept": "application/json", "user-agent": "python-httpx/0.28"},
            request_body=json.dumps(
                {"status": word, "currency": "EUR", "number": number, "owner": own(number % (consumers or 1))}
            ),
        )


def forms():
    return {bytes(packed)[:1] for packed in LogPayload.objects.values_list("packed", flat=True)}


def test_what_comes_after_is_packed_by_what_was_learnt_and_read_again(service, now):
    keep_logs(service, *orders(now))
    before = sum(len(packed) for packed in LogPayload.objects.values_list("packed", flat=True)) / LOGS
    assert forms() == {ZSTD_JSON}

    learnt = learning.learn(service.organization_id, now=now)
    forget_dictionaries()  # as a minute later, or another process
    keep_logs(service, a_log(event_id="new", request_body='{"status":"acknowledged","currency":"EUR"}'))

    log = RequestLog.objects.latest("received_at")
    packed = bytes(LogPayload.objects.get(log_id=log.id).packed)
    assert packed[:1] == ZSTD_JSON_BY_DICTIONARY
    assert int.from_bytes(packed[1:5]) == learnt.pk
    assert len(packed) < before / 2
    contents = LogPayload.objects.contents_of(log.id)
    assert contents["request_body"] == '{"status":"acknowledged","currency":"EUR"}'
    assert len(LogPayload.objects.contents_by_id(RequestLog.objects.values_list("id", flat=True))) == LOGS + 1


def test_a_dictionary_holds_no_word_that_one_or_two_consumers_sent(service, now):
    keep_logs(service, *orders(now, consumers=2, own=lambda number: ["erika", "mustermann"][number]))
    others = orders(now, word="common", own=lambda number: "somebody")
    keep_logs(service, *others)

    content = bytes(learning.learn(service.organization_id, now=now).content)

    assert b"somebody" in content
    assert b"erika" not in content
    assert b"mustermann" not in content


def test_a_word_that_few_logs_hold_is_not_learnt(service, now):
    rare = {3: "unheard", 200: "unheard", 400: "unheard"}
    logs = [
        {**log, "request_body": log["request_body"].replace("EUR", rare.get(number, "EUR"))}
        for number, log in enumerate(orders(now))
    ]
    keep_logs(service, *logs)

    assert b"unheard" not in bytes(learning.learn(service.organization_id, now=now).content)


def test_logs_of_nobody_in_particular_teach_what_very_many_hold_and_not_what_may_be_a_persons(service, now):
    logs = orders(now, consumers=0, own=lambda number: "somebody")
    keep_logs(
        service,
        *(
            {**log, "request_body": log["request_body"].replace("somebody", "mustermann")}
            if number % 20 == 0
            else log
            for number, log in enumerate(logs)
        ),
    )

    content = bytes(learning.learn(service.organization_id, now=now).content)

    assert b"acknowledged" in content
    assert b"mustermann" not in content


def test_another_organization_is_packed_by_nothing_of_it(service, now):
    keep_logs(service, *orders(now))
    learning.learn_all(now=now)
    stranger = a_service()

    keep_logs(stranger, a_log(request_body="acknowledged" * 20))

    [log] = RequestLog.objects.filter(service=stranger)
    assert bytes(LogPayload.objects.get(log_id=log.id).packed)[:1] == ZSTD_JSON
    assert not PayloadDictionary.objects.filter(organization=stranger.organization).exists()


def test_few_logs_teach_nothing(service, now):
    keep_logs(service, *orders(now, count=100))

    assert learning.learn(service.organization_id, now=now) is None


def test_a_dictionary_that_does_well_stays_the_only_one_and_is_judged_again_a_week_later(service, now):
    keep_logs(service, *orders(now))
    assert learning.learn_all(now=now) == 1

    assert learning.learn_all(now=now + timedelta(hours=1)) == 0
    PayloadDictionary.objects.update(judged_at=now - timedelta(days=8))
    assert learning.learn_all(now=now) == 0

    assert PayloadDictionary.objects.get().judged_at == now


def test_one_that_packs_new_logs_much_better_follows_and_the_old_ones_stay_readable(service, now):
    keep_logs(service, *orders(now))
    first = learning.learn(service.organization_id, now=now)
    forget_dictionaries()
    [old] = keep_logs(service, a_log(request_body="acknowledged " * 10))
    RequestLog.objects.exclude(id=old).delete()
    keep_logs(service, *[{**log, "response_body": BULLETIN} for log in orders(now, word="shipped")])

    second = learning.learn(service.organization_id, now=now)
    forget_dictionaries()
    [new] = keep_logs(service, a_log(request_body=BULLETIN))

    numbers = [bytes(LogPayload.objects.get(log_id=each).packed)[1:5] for each in (old, new)]
    assert [int.from_bytes(number) for number in numbers] == [first.pk, second.pk]
    assert LogPayload.objects.contents_of(old)["request_body"] == "acknowledged " * 10
    assert LogPayload.objects.contents_of(new)["request_body"] == BULLETIN
