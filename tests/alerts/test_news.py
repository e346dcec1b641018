"""New endpoints and new errors are told once each. The clock is given."""

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import jsonschema
import pytest
from django.db import connection, transaction

from monitor.alerts.ending import remove_rule
from monitor.alerts.news import NEWS_AN_HOUR, tell_news
from monitor.endpoints.reshape import rename, split
from monitor.events.catalogue import CATALOGUE
from monitor.issues.grouping import group_errors
from monitor.issues.states import change_state
from monitor.models import AlertBudget, AlertEvent, AlertRule, AlertSilence, Endpoint, ErrorIssue, Event
from tests.factories import a_log, a_service, keep_logs, rfc3339
from tests.moments import NOON

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)


@pytest.fixture
def service():
    return a_service(name="orders")


def a_news_rule(service, kind="new_endpoint", **fields):
    return AlertRule.objects.create(service=service, name="Watch", kind=kind, **fields)


def told(rule, **those):
    events = AlertEvent.objects.filter(rule=rule, **those).order_by("id")
    return [event.message for event in events]


def call(service, *routes, **fields):
    keep_logs(service, *(a_log(route=route, path=route) for route in routes), now=NOON, **fields)


def fail(service, error="KeyError: 'price'", *, at=NOON, **fields):
    failure = a_log(status_code=500, error=error, timestamp=rfc3339(at), **fields)
    keep_logs(service, failure, now=at)
    group_errors(now=at)


# --- Endpoints ---------------------------------------------------------------------------------------------


def test_an_endpoint_is_told_once_and_programs_hear_of_it(service):
    rule = a_news_rule(service, severity="info")
    call(service, "/orders")

    assert tell_news(now=NOON) == 1
    call(service, "/orders")
    assert tell_news(now=NOON) == 0

    event = AlertEvent.objects.get(rule=rule)
    assert event.message == "Watch: GET /orders was called for the first time"
    assert (event.kind, event.group, event.is_held) == ("news", "GET /orders", False)
    heard = json.loads(Event.objects.get(type="alert.firing").body)
    jsonschema.validate(heard, CATALOGUE["alert.firing"].schema)
    assert (heard["data"]["group"], heard["data"]["severity"]) == ("GET /orders", "info")
    assert AlertBudget.objects.get().told == 1


def test_what_was_there_before_the_rule_is_no_news(service):
    call(service, "/orders")
    tell_news(now=NOON)
    rule = a_news_rule(service)

    tell_news(now=NOON)

    assert told(rule) == []
    assert not Endpoint.objects.filter(noticed_at=None).exists()


def test_an_endpoint_that_an_application_lists_is_told_as_such(service):
    rule = a_news_rule(service)
    Endpoint.objects.create(
        service=service, method="GET", route="/listed", first_seen_at=NOON, declared_at=NOON
    )

    tell_news(now=NOON)

    assert told(rule) == ["Watch: GET /listed is listed by the application"]


def test_what_people_make_of_endpoints_is_no_news(service):
    call(service, "/orders", "/users")
    tell_news(now=NOON)
    rule = a_news_rule(service)

    rename(Endpoint.objects.get(route="/orders"), "/sales", now=NOON)
    split(
        Endpoint.objects.get(route="/users"), pattern="/users/me", method="GET", route="", by="ada", now=NOON
    )
    tell_news(now=NOON)

    assert told(rule) == []


def test_the_place_of_all_beyond_the_cap_is_no_news(service, settings):
    settings.MAX_ENDPOINTS_PER_SERVICE = 1
    rule = a_news_rule(service)
    call(service, "/orders", "/users", "/carts")

    tell_news(now=NOON)

    assert len(told(rule)) == 1


def test_other_services_paused_rules_and_removed_ones_are_told_nothing(service):
    other, paused, gone = a_service(name="other"), a_service(name="paused"), a_service(name="gone")
    rules = [a_news_rule(service), a_news_rule(paused, is_active=False)]
    remove_rule(a_news_rule(gone), now=NOON)
    for each in (other, paused, gone):
        call(each, "/orders")

    assert tell_news(now=NOON) == 0
    assert [told(rule) for rule in rules] == [[], []]


def test_beyond_ten_an_hour_the_rest_is_kept_and_told_as_a_number(service):
    rule = a_news_rule(service)
    call(service, *(f"/a{number}" for number in range(NEWS_AN_HOUR + 3)))

    assert tell_news(now=NOON + timedelta(minutes=5)) == NEWS_AN_HOUR
    call(service, "/late")
    assert tell_news(now=NOON + timedelta(minutes=59)) == 0
    assert len(told(rule, is_held=False)) == NEWS_AN_HOUR
    assert len(told(rule, is_held=True)) == 4

    assert tell_news(now=NOON + HOUR) == 1
    assert told(rule, kind="digest") == ["Watch: +4 more new endpoints from 12:00 to 13:00 UTC"]
    assert tell_news(now=NOON + 2 * HOUR) == 0

    call(service, "/next")
    assert tell_news(now=NOON + 2 * HOUR) == 1


def test_a_silence_keeps_news_and_tells_nobody(service):
    rule = a_news_rule(service)
    AlertSilence.objects.create(
        organization=service.organization,
        group="GET /int*",
        starts_at=NOON,
        ends_at=NOON + HOUR,
        created_by="tests",
    )
    call(service, "/internal", "/orders")

    tell_news(now=NOON)

    assert told(rule, is_held=True) == ["Watch: GET /internal was called for the first time"]
    assert told(rule, is_held=False) == ["Watch: GET /orders was called for the first time"]


def test_news_that_is_rolled_back_with_what_it_told_is_told_again(service):
    rule = a_news_rule(service)
    call(service, "/orders")

    with transaction.atomic():
        assert tell_news(now=NOON) == 1
        transaction.set_rollback(True)

    assert tell_news(now=NOON) == 1
    assert len(told(rule)) == 1


@pytest.mark.django_db(transaction=True)
def test_of_two_that_look_at_the_same_time_one_tells(service):
    rule = a_news_rule(service)
    call(service, "/orders")

    with transaction.atomic():
        assert tell_news(now=NOON) == 1
        # Another worker, which does not see what this one has not committed yet, and does not wait for it.
        with ThreadPoolExecutor(1) as workers:
            assert workers.submit(look_elsewhere).result(timeout=20) == 0

    assert len(told(rule)) == 1


def look_elsewhere():
    try:
        return tell_news(now=NOON)
    finally:
        connection.close()


def test_code_of_before_makes_endpoints_that_are_news(service):
    rule = a_news_rule(service)
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO endpoint (id, service_id, method, route, first_seen_at)"
            " VALUES (gen_random_uuid(), %s, 'GET', '/old', now())",
            [service.id],
        )

    assert tell_news(now=NOON) == 1
    assert told(rule) == ["Watch: GET /old was called for the first time"]


# --- Errors ------------------------------------------------------------------------------------------------


def test_a_new_error_is_told_once_whatever_comes_after(service):
    rule = a_news_rule(service, "new_error")
    for _ in range(3):
        fail(service)
        tell_news(now=NOON)

    assert told(rule) == ["Watch: KeyError: {value} on GET /orders is new"]


def test_an_error_that_was_resolved_is_news_when_it_is_back(service):
    rule = a_news_rule(service, "new_error")
    fail(service)
    tell_news(now=NOON)
    change_state(ErrorIssue.objects.get().id, "resolved", by="ada", now=NOON)

    fail(service, at=NOON + HOUR)
    tell_news(now=NOON + HOUR)
    fail(service, at=NOON + HOUR)
    tell_news(now=NOON + HOUR)

    assert told(rule)[1:] == ["Watch: KeyError: {value} on GET /orders is back"]


def test_a_rule_of_one_endpoint_hears_of_its_errors_alone(service):
    fail(service)
    tell_news(now=NOON)
    rule = a_news_rule(service, "new_error", endpoint=Endpoint.objects.get())

    fail(service, "ValueError: no", path="/users")
    fail(service, "ValueError: no")
    tell_news(now=NOON)

    assert told(rule) == ["Watch: ValueError: no on GET /orders is new"]


def test_errors_of_test_traffic_wake_nobody(service):
    rule = a_news_rule(service, "new_error")
    keep_logs(service, a_log(status_code=500, error="no"), mode="test", now=NOON)
    group_errors(now=NOON)

    tell_news(now=NOON)

    assert told(rule) == []
    assert not ErrorIssue.objects.filter(noticed_at=None).exists()


def test_looking_for_news_costs_the_same_however_many_there_are(service, django_assert_max_num_queries):
    for number in range(30):
        fail(service, f"Error{'abcdefghijklmnopqrstuvwxyzABCD'[number]}: no")

    # Take endpoints and issues, mark both, rules by service and by what waits, in a transaction.
    with django_assert_max_num_queries(9):
        tell_news(now=NOON)
