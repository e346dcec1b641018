"""Rename, merge and split: names from now on, history with numbers that equal the logs at every moment."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from unittest.mock import Mock
from uuid import uuid4

import pytest
from django.core.management import call_command
from django.db import connection
from django.utils import timezone

from monitor.endpoints import history
from monitor.endpoints.history import LAST_LOOK_AFTER, carry_out
from monitor.endpoints.reshape import (
    CannotReshape,
    NameTaken,
    merge,
    preview_merge,
    preview_split,
    rename,
    split,
)
from monitor.ingest import naming
from monitor.ingest.entry import Sender
from monitor.ingest.naming import forget_names
from monitor.ingest.reports import Count, Report, keep_report
from monitor.issues.grouping import group_errors
from monitor.issues.states import change_state
from monitor.metrics import GroupBy, ask, counts_by
from monitor.metrics.compact import compact
from monitor.models import Endpoint, EndpointMove, ErrorIssue, MetricRollup, RequestLog, Service
from monitor.search import LogFilter
from monitor.search.filters import TextLogFilter
from tests.factories import a_log, a_service, keep_logs, rfc3339


def send(service, *logs, **options):
    """As ingestion does it, with the service's rules of today."""
    return keep_logs(Service.objects.get(id=service.id), *logs, **options)


def endpoint(route, method="GET"):
    return Endpoint.objects.get(route=route, method=method)


def numbers(service):
    """Requests by route, from the rollups and the deltas that wait."""
    asked = LogFilter({}, queryset=RequestLog.objects.of_services([service.id]))
    assert asked.is_valid()
    question = ask(service_ids=[service.id], asked=asked, now=timezone.now())
    routes = {str(row.id): row.route for row in Endpoint.objects.all()}
    return {routes[id_]: found.requests for id_, found in counts_by(question, GroupBy.ENDPOINT).items()}


def by_logs(service):
    counted = {}
    for route in RequestLog.objects.filter(service=service).values_list("endpoint__route", flat=True):
        counted[route] = counted.get(route, 0) + 1
    return counted


def do(move):
    return carry_out(move.id, now=timezone.now())


def last_look(move):
    return carry_out(move.id, now=move.asked_at + LAST_LOOK_AFTER + timedelta(seconds=1))


def prove():
    """Raises CommandError where a rollup differs from the logs."""
    call_command("check_rollups")


@pytest.fixture
def service(db, monkeypatch):
    monkeypatch.setattr("monitor.metrics.answer.EXACT_UP_TO", -1)
    monkeypatch.setattr("monitor.metrics.answer.PARTS_EXACT_UP_TO", -1)
    return a_service()


# --- Rename ------------------------------------------------------------------------------------------------


def test_a_renamed_endpoint_keeps_its_history_and_takes_what_comes_under_the_old_name(service):
    send(service, a_log(route="/old"))
    forget_names()

    renamed = rename(endpoint("/old"), "/new", now=timezone.now())
    forget_names()
    send(service, a_log(route="/old"), a_log(route="/new"))

    assert set(RequestLog.objects.values_list("endpoint", flat=True)) == {renamed.id}
    assert numbers(service) == by_logs(service) == {"/new": 3}
    prove()


def test_an_endpoint_may_get_an_old_name_back_and_no_one_elses(service):
    send(service, a_log(route="/a"), a_log(route="/b"))
    first = endpoint("/a")
    rename(first, "/c", now=timezone.now())

    with pytest.raises(NameTaken):
        rename(first, "/b", now=timezone.now())
    with pytest.raises(NameTaken):
        rename(endpoint("/b"), "/a", now=timezone.now())
    rename(first, "/a", now=timezone.now())

    assert Endpoint.objects.get(route="/a").id == first.id
    assert Endpoint.objects.get(route="/c").merged_into_id == first.id


# --- Merge -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("compacted", [False, True])
def test_a_merge_moves_logs_and_numbers_of_all_days(service, compacted):
    now = timezone.now()
    for days in (0, 1, 3):
        at = rfc3339(now - timedelta(days=days))
        send(service, *[a_log(route="/a", timestamp=at)] * 2, *[a_log(route="/b", timestamp=at)] * 3)
    send(service, a_log(route="/c"))
    if compacted:
        compact(now=now)

    (move,) = merge(endpoint("/a"), [endpoint("/b")], by="user:ada", now=now)
    assert not do(move)

    assert numbers(service) == by_logs(service) == {"/a": 15, "/c": 1}
    prove()
    move.refresh_from_db()
    assert (move.logs, move.finished_at) == (9, None)


def test_what_a_worker_moved_before_it_died_is_counted(service, monkeypatch):
    send(service, a_log(route="/a"), a_log(route="/b"), a_log(route="/b"))
    (move,) = merge(endpoint("/a"), [endpoint("/b")], by="user:ada", now=timezone.now())

    def move_and_die(*args, **options):
        history_move_all(*args, **options)
        raise KeyboardInterrupt

    history_move_all = history.move_all
    with monkeypatch.context() as patched:
        patched.setattr(history, "move_all", move_and_die)
        with pytest.raises(KeyboardInterrupt):
            do(move)
    do(move)

    move.refresh_from_db()
    assert (move.logs, by_logs(service)) == (2, {"/a": 3})


def test_what_comes_under_a_name_that_is_still_known_is_taken_along_by_the_last_look(service):
    send(service, a_log(route="/a"), a_log(route="/b"))
    (move,) = merge(endpoint("/a"), [endpoint("/b")], by="user:ada", now=timezone.now())
    do(move)

    # This process has not heard: its cache still gives the old id.
    send(service, a_log(route="/a"))
    naming._endpoints[service.id, ("GET", "/b")] = move.source_id
    send(service, a_log(route="/b"))
    assert numbers(service) == by_logs(service) == {"/a": 3, "/b": 1}
    prove()

    assert last_look(move)
    assert numbers(service) == by_logs(service) == {"/a": 4}
    prove()
    move.refresh_from_db()
    assert move.finished_at is not None


def test_a_search_by_a_merged_name_finds_the_endpoint(service):
    send(service, a_log(route="/a"), a_log(route="/b"))
    (move,) = merge(endpoint("/a"), [endpoint("/b")], by="user:ada", now=timezone.now())
    do(move)

    found = TextLogFilter({"q": 'endpoint:"/b"'}, queryset=RequestLog.objects.of_services([service.id]))

    assert found.is_valid(), found.errors
    assert found.qs.count() == 2


def test_numbers_that_outlived_their_logs_are_merged_too(service):
    now = timezone.now()
    send(service, a_log(route="/a"), *[a_log(route="/b")] * 2)
    compact(now=now)
    RequestLog.objects.all().delete()

    (move,) = merge(endpoint("/a"), [endpoint("/b")], by="user:ada", now=now)
    do(move)

    days = MetricRollup.objects.filter(family="endpoint", resolution="day")
    assert list(days.values_list("subject", "requests")) == [(str(endpoint("/a").id), 3)]


def test_names_that_were_merged_before_follow(service):
    send(service, a_log(route="/a"), a_log(route="/b"), a_log(route="/c"))
    now = timezone.now()
    (first,) = merge(endpoint("/b"), [endpoint("/a")], by="user:ada", now=now)
    (second,) = merge(endpoint("/c"), [endpoint("/b")], by="user:ada", now=now)
    do(second)
    do(first)
    forget_names()
    send(service, a_log(route="/a"))

    assert by_logs(service) == numbers(service) == {"/c": 4}
    prove()


def test_issues_that_read_alike_become_one(service):
    for route, consumer in (("/a", "x"), ("/b", "x"), ("/b", "y")):
        send(service, a_log(route=route, status_code=500, error="Boom", consumer=consumer))
    send(service, a_log(route="/b", status_code=500, error="Other"))
    group_errors(now=timezone.now())

    (move,) = merge(endpoint("/a"), [endpoint("/b")], by="user:ada", now=timezone.now())
    do(move)

    found = ErrorIssue.objects.values_list("message", "requests", "consumers", "endpoint__route")
    assert set(found) == {("Boom", 3, 2, "/a"), ("Other", 1, 0, "/a")}
    assert len(ErrorIssue.objects.get(message="Boom").samples) == 3


def test_the_preview_says_what_a_merge_would_move_and_changes_nothing(service):
    day = timezone.now() - timedelta(days=2)
    send(service, a_log(route="/a"), a_log(route="/b", path="/b/1", timestamp=rfc3339(day)))

    preview = preview_merge(endpoint("/a"), [endpoint("/b")])

    assert (preview.logs, preview.paths, preview.since) == (1, ["/b/1"], day.date())
    assert (preview.issues, preview.shared_issues, preview.counts_stay) == (0, 0, False)
    assert not EndpointMove.objects.exists()


def test_what_is_no_pair_is_not_merged(service, settings):
    settings.MAX_ENDPOINTS_PER_SERVICE = 10
    send(service, *[a_log(route=f"/r{letter}") for letter in "abcdefghijkl"])
    send(service, a_log(route="/ra", method="POST"))
    other = a_service(service.organization)
    send(other, a_log(route="/elsewhere"))
    target = endpoint("/ra")

    for source in (target, endpoint("/elsewhere"), endpoint("(other)", "*")):
        with pytest.raises(CannotReshape):
            merge(target, [source], by="user:ada", now=timezone.now())
    with pytest.raises(CannotReshape):
        merge(endpoint("(other)", "*"), [target], by="user:ada", now=timezone.now())


# --- Split -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("compacted", [False, True])
def test_a_split_takes_paths_out_of_an_endpoint_from_now_on_and_in_history(service, compacted):
    now = timezone.now()
    for days in (0, 2):
        at = rfc3339(now - timedelta(days=days))
        send(service, *[a_log(route="/orders/{id}", path="/orders/export", timestamp=at)] * 2)
        send(service, *[a_log(route="/orders/{id}", path=f"/orders/{n}", timestamp=at) for n in range(3)])
    if compacted:
        compact(now=now)
    source = endpoint("/orders/{id}")

    preview = preview_split(source, pattern="/orders/export", method="GET", now=now)
    move = split(source, pattern="/orders/export", method="GET", route="", by="user:ada", now=now)
    do(move)
    send(service, a_log(route="/orders/{id}", path="/orders/export/?a=1"), a_log(path="/orders/7"))

    assert (preview.logs, preview.paths) == (4, ["/orders/export"])
    assert numbers(service) == by_logs(service) == {"/orders/export": 5, "/orders/{id}": 7}
    prove()


def test_a_split_that_is_merged_back_is_undone(service):
    send(service, a_log(path="/orders/export", route="/o"), a_log(path="/orders/1", route="/o"))
    move = split(
        endpoint("/o"), pattern="/orders/export", method="GET", route="/x", by="u", now=timezone.now()
    )
    do(move)
    (back,) = merge(endpoint("/o"), [endpoint("/x")], by="u", now=timezone.now())
    do(back)
    assert do(move)
    forget_names()
    send(service, a_log(path="/orders/export", route="/o"))

    assert numbers(service) == by_logs(service) == {"/o": 3}
    prove()


def test_an_endpoint_is_split_out_of_what_is_beyond_the_cap(service, settings):
    settings.MAX_ENDPOINTS_PER_SERVICE = 1
    send(service, a_log(route="/a"))
    send(service, a_log(path="/b", method="POST"), a_log(path="/c"))
    beyond = endpoint("(other)", "*")

    with pytest.raises(CannotReshape):
        split(beyond, pattern="/b", method="*", route="", by="u", now=timezone.now())
    do(split(beyond, pattern="/b", method="POST", route="", by="u", now=timezone.now()))
    forget_names()
    send(service, a_log(path="/b", method="POST"))

    assert numbers(service) == by_logs(service) == {"/a": 1, "/b": 2, "(other)": 1}
    prove()


def test_days_that_have_lost_logs_stay_as_they_are(service):
    """Nobody could count anew what is gone, and half of a day would be wrong."""
    Service.objects.filter(id=service.id).update(retention_days=2, error_retention_days=20)
    old = rfc3339(timezone.now() - timedelta(days=5))
    send(service, a_log(path="/x", route="/o", status_code=500, timestamp=old))
    send(service, a_log(path="/x", route="/o"))

    do(split(endpoint("/o"), pattern="/x", method="GET", route="", by="u", now=timezone.now()))

    assert by_logs(service) == {"/o": 1, "/x": 1}
    prove()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("whole", [True, False], ids=["merge", "split"])
def test_numbers_equal_the_logs_while_senders_and_the_worker_go_on(whole):
    service = a_service()
    send(service, a_log(route="/a"), *[a_log(route="/b", path="/b/x")] * 20)
    now, barrier = timezone.now(), Barrier(4)
    source, target = endpoint("/b"), endpoint("/a")
    if whole:
        (move,) = merge(target, [source], by="u", now=now)
    else:
        move = split(source, pattern="/b/x", method="GET", route="/a", by="u", now=now)

    def keep_sending(number):
        # Under the old name, as a process does that has not heard yet.
        naming_of_old = {(service.id, ("GET", "/b")): source.id, (service.id, ("GET", "/a")): target.id}
        barrier.wait()
        for _ in range(15):
            naming._endpoints.update(naming_of_old)
            keep_logs(service, a_log(route="/b", path="/b/x"), a_log(route="/b", path=f"/b/{number}"))
        connection.close()

    def keep_compacting(_):
        barrier.wait()
        for _ in range(10):
            compact(now=timezone.now())
        connection.close()

    def keep_moving(_):
        barrier.wait()
        for _ in range(5):
            do(move)
        connection.close()

    jobs = [(keep_sending, 1), (keep_sending, 2), (keep_compacting, 0), (keep_moving, 0)]
    with ThreadPoolExecutor(len(jobs)) as threads:
        list(threads.map(lambda job: job[0](job[1]), jobs))
    prove()
    assert last_look(move)

    prove()
    assert by_logs(service) == ({"/a": 81} if whole else {"/a": 51, "/b": 30})


@pytest.mark.django_db
def test_a_literal_path_stays_its_own_when_a_parameter_is_split_off_later():
    service = a_service()
    send(service, a_log(route="/orders", path="/orders/export"), a_log(route="/orders", path="/orders/7"))
    source = endpoint("/orders")
    for pattern in ("/orders/export", "/orders/{id}"):
        split(source, pattern=pattern, method="GET", route="", by="", now=timezone.now())

    send(service, a_log(path="/orders/export"), a_log(path="/orders/8"))

    newest = RequestLog.objects.filter(service=service).order_by("-id")[:2]
    assert {log.path: log.endpoint.route for log in newest} == {
        "/orders/export": "/orders/export",
        "/orders/8": "/orders/{id}",
    }


# --- What clients counted, and issues, of paths that are split off -----------------------------------------


def count(service, *told, **members):
    """As a client tells it that counts by itself: pairs of a route and a number of requests."""
    sender = Sender.of_service(Service.objects.get(id=service.id), mode="live")
    now = timezone.now()
    counts = [
        Count(counted_at=now, method="GET", route=route, status_code=200, requests=requests)
        for route, requests in told
    ]
    keep_report(Report(message_id=str(uuid4()), environment="dev", counts=counts, **members), sender, now=now)


@pytest.mark.parametrize("compacted", [False, True])
def test_what_was_counted_follows_a_split_that_takes_all_that_the_endpoint_means(service, compacted):
    count(service, ("/files/{name}", 5))
    if compacted:
        compact(now=timezone.now())

    move = split(
        endpoint("/files/{name}"), pattern="/files/*", method="GET", route="/f", by="u", now=timezone.now()
    )
    count(service, ("/files/{name}", 2))
    assert not do(move)
    assert last_look(move)

    assert numbers(service) == {"/f": 7}
    prove()


def test_what_was_counted_stays_where_a_count_does_not_say_which_paths_it_is_of(service):
    count(service, ("/files/{name}", 5), ("/files/report", 3))
    source, now = endpoint("/files/{name}"), timezone.now()
    (merged,) = merge(source, [endpoint("/files/report")], by="u", now=now)
    do(merged)
    forget_names()

    preview = preview_split(source, pattern="/files/report", method="GET", now=now)
    move = split(source, pattern="/files/report", method="GET", route="/report", by="u", now=now)
    do(move)
    forget_names()
    count(service, ("/files/{name}", 1), ("/files/report", 1))

    assert preview.counts_stay
    assert numbers(service) == {"/files/{name}": 9, "/report": 1}


def test_counts_under_an_old_name_are_those_of_the_endpoint_it_was_merged_into(service):
    count(service, ("/a", 1), ("/b", 2))
    merge(endpoint("/a"), [endpoint("/b")], by="u", now=timezone.now())
    rename(endpoint("/a"), "/c", now=timezone.now())
    forget_names()
    count(service, ("/a", 4), ("/b", 8))
    for move in EndpointMove.objects.all():
        do(move)

    assert numbers(service) == {"/c": 15}


def fail(service, message, *paths):
    send(service, *[a_log(route="/o", path=path, status_code=500, error=message) for path in paths])


def split_export(service, *, last=True):
    """`/o/export` of `/o` as an endpoint of its own, history included."""
    move = split(
        endpoint("/o"), pattern="/o/export", method="GET", route="/export", by="u", now=timezone.now()
    )
    assert not do(move)
    if last:
        assert last_look(move)
    return move


def told_of_issues(**asked):
    found = ErrorIssue.objects.filter(**asked).values_list("message", "requests", "endpoint__route")
    return set(found)


def hours_of(issue):
    return dict(issue.hours.values_list("start", "requests"))


def test_a_split_divides_the_issues_that_are_of_other_paths_too(service):
    fail(service, "Export", "/o/export", "/o/export")
    fail(service, "Both", "/o/export", "/o/1")
    fail(service, "Other", "/o/1")
    group_errors(now=timezone.now())
    ids = dict(ErrorIssue.objects.values_list("message", "id"))
    preview = preview_split(endpoint("/o"), pattern="/o/export", method="GET", now=timezone.now())

    split_export(service)

    assert (preview.issues, preview.shared_issues) == (1, 1)
    assert told_of_issues() == {
        ("Export", 2, "/export"),
        ("Both", 1, "/export"),
        ("Both", 1, "/o"),
        ("Other", 1, "/o"),
    }
    # The address that people have of an issue goes on being its own.
    assert ErrorIssue.objects.get(endpoint__route="/export", message="Export").id == ids["Export"]
    assert ErrorIssue.objects.get(endpoint__route="/o", message="Both").id == ids["Both"]
    fail(service, "Both", "/o/export")
    group_errors(now=timezone.now())
    assert told_of_issues(message="Both") == {("Both", 1, "/o"), ("Both", 2, "/export")}


def test_hours_consumers_samples_and_moments_of_a_divided_issue_are_those_of_its_requests(service):
    now = timezone.now()
    old, new = now - timedelta(days=2), now - timedelta(hours=3)
    for path, at, consumer in (
        ("/o/export", old, "x"),
        ("/o/export", old, "y"),
        ("/o/1", new, "x"),
        ("/o/2", new, "z"),
        ("/o/export", new, "x"),
    ):
        log = a_log(route="/o", path=path, status_code=500, error="Both", consumer=consumer)
        send(service, {**log, "timestamp": rfc3339(at)})
    group_errors(now=now)

    split_export(service)

    left, taken = (ErrorIssue.objects.get(endpoint__route=route) for route in ("/o", "/export"))
    assert {issue: sum(hours_of(issue).values()) for issue in (left, taken)} == {left: 2, taken: 3}
    assert sorted(hours_of(taken).values()) == [1, 2]
    for issue, met in ((left, {"x": 1, "z": 1}), (taken, {"x": 2, "y": 1})):
        assert issue.requests == sum(met.values())
        assert dict(issue.affected.values_list("consumer__identifier", "requests")) == met
        assert issue.consumers == len(met)
        logs = RequestLog.objects.filter(endpoint=issue.endpoint_id)
        assert set(issue.samples) == set(logs.values_list("id", flat=True))
        newest = max(logs.values_list("captured_at", flat=True))
        assert issue.last_seen_at == newest
    assert left.first_seen_at == new.replace(minute=0, second=0, microsecond=0)
    assert abs(taken.first_seen_at - old) < timedelta(milliseconds=2)


def test_a_divided_issue_finds_samples_again_when_its_newest_went_away(service):
    fail(service, "Both", "/o/1", "/o/2")
    fail(service, "Both", *["/o/export"] * 12)
    group_errors(now=timezone.now())
    stayed = set(RequestLog.objects.exclude(path="/o/export").values_list("id", flat=True))
    assert not stayed & set(ErrorIssue.objects.get().samples)

    split_export(service)

    left = ErrorIssue.objects.get(endpoint__route="/o")
    assert (left.requests, set(left.samples)) == (2, stayed)


@pytest.mark.parametrize("cut", ["settle", "takes_counts"])
@pytest.mark.parametrize("days", [1, 2])
def test_a_split_whose_worker_died_divides_the_same_when_it_runs_again(service, monkeypatch, cut, days):
    now = timezone.now()
    earlier, old, new = now - timedelta(days=2), now - timedelta(hours=6), now - timedelta(hours=3)
    for message, path, at in (
        *[("Both", "/o/export", moment) for moment in (earlier, new)[-days:]],
        ("Export", "/o/export", earlier),
        ("Both", "/o/1", old),
    ):
        log = a_log(route="/o", path=path, status_code=500, error=message)
        send(service, {**log, "timestamp": rfc3339(at)})
    group_errors(now=now)
    move = split(endpoint("/o"), pattern="/o/export", method="GET", route="/export", by="u", now=now)

    with monkeypatch.context() as dying:
        dying.setattr(history, cut, Mock(side_effect=SystemExit))
        with pytest.raises(SystemExit):
            do(move)
    assert not do(move)
    assert last_look(move)

    taken = ("Export", 1, "/export"), ("Both", days, "/export")
    assert told_of_issues() == {*taken, ("Both", 1, "/o")}
    for issue in ErrorIssue.objects.all():
        logs = RequestLog.objects.filter(endpoint=issue.endpoint_id, error=issue.message)
        assert issue.last_seen_at == max(logs.values_list("captured_at", flat=True))
        assert set(issue.samples) == set(logs.values_list("id", flat=True))
    prove()


@pytest.mark.parametrize("state", ["acknowledged", "muted"])
def test_both_parts_of_a_divided_issue_stand_as_it_stood(service, state):
    fail(service, "Both", "/o/export", "/o/1", "/o/2")
    group_errors(now=timezone.now())
    more = 5 if state == "muted" else None
    change_state(ErrorIssue.objects.get().id, state, by="user:ada", now=timezone.now(), mute_requests=more)

    split_export(service)

    for issue in ErrorIssue.objects.all():
        assert (issue.state, issue.state_changed_by) == (state, "user:ada")
        waits_for = issue.muted_until_requests
        assert waits_for is None if more is None else waits_for - issue.requests == more


def test_what_failed_and_is_not_grouped_yet_is_counted_once_at_a_split(service):
    fail(service, "Both", "/o/export", "/o/1")
    group_errors(now=timezone.now())
    fail(service, "Both", "/o/export")

    split_export(service)
    group_errors(now=timezone.now())

    assert told_of_issues() == {("Both", 1, "/o"), ("Both", 2, "/export")}


def test_what_is_counted_under_the_old_name_meanwhile_follows_once(service):
    fail(service, "Both", "/o/export", "/o/1")
    group_errors(now=timezone.now())
    move = split_export(service, last=False)
    fail(service, "Both", "/o/export")
    # As of a process that does not know the new name yet.
    RequestLog.objects.filter(id=RequestLog.objects.newest_first().first().id).update(endpoint=move.source_id)
    group_errors(now=timezone.now())
    assert told_of_issues() == {("Both", 2, "/o"), ("Both", 1, "/export")}

    for _ in range(2):
        do(move)
    assert last_look(move)

    assert told_of_issues() == {("Both", 1, "/o"), ("Both", 2, "/export")}


def test_what_an_issue_counted_of_requests_that_are_gone_stays_beside_others_of_its_own(service):
    fail(service, "Both", "/o/export", "/o/export", "/o/1")
    group_errors(now=timezone.now())
    RequestLog.objects.filter(id=RequestLog.objects.filter(path="/o/export").first().id).delete()

    split_export(service)

    assert told_of_issues() == {("Both", 2, "/o"), ("Both", 1, "/export")}


def test_what_an_issue_counted_before_its_logs_follows_where_nothing_else_is_known_of_it(service):
    fail(service, "Export", "/o/export", "/o/export")
    group_errors(now=timezone.now())
    years_ago = timezone.now() - timedelta(days=60)
    ErrorIssue.objects.update(requests=90, first_seen_at=years_ago)

    split_export(service)

    assert told_of_issues() == {("Export", 90, "/export")}
    assert ErrorIssue.objects.get().first_seen_at == years_ago


def test_an_issue_whose_logs_are_gone_stays_at_a_split(service):
    fail(service, "Gone", "/o/export")
    send(service, a_log(route="/o", path="/o/export"))
    group_errors(now=timezone.now())
    RequestLog.objects.filter(error="Gone").delete()

    move = split(endpoint("/o"), pattern="/o/export", method="GET", route="/x", by="u", now=timezone.now())
    do(move)

    assert ErrorIssue.objects.get().endpoint_id == move.source_id
