"""Commits that are shared: what waits goes together, a bad log fails alone, nothing taken is left behind."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial

import msgspec
import psycopg
import pytest
from django.db import OperationalError, connection
from django.utils import timezone
from msgspec.structs import replace

from monitor.api.errors import DATABASE_AWAY
from monitor.ingest import LogItem
from monitor.ingest.accept import Outcome, prepare_all
from monitor.ingest.entry import Entry, Sender
from monitor.ingest.group import MAX_GROUP, GroupCommit, Stopped, TooBusy
from monitor.ingest.keep import Kept, keep_apart
from monitor.ingest.store import store_batch
from monitor.lib.ids import new_uuid7, uuid7_at
from monitor.models import LogPayload, RequestLog
from monitor.models.partitions import drop_day, existing_days
from tests.factories import a_log, a_service

WAIT_S = 60


def entries_for(service, *logs) -> list[Entry]:
    sender = Sender(
        organization_id=service.organization_id, service_id=service.id, mode="live", keep_bodies="all"
    )
    items = [msgspec.convert(log, LogItem) for log in logs]
    return prepare_all(items, sender, now=timezone.now()).entries


@pytest.fixture
def service(transactional_db):
    return a_service()


class Gate:
    """A store that waits to be let through, and notes the groups it was given."""

    def __init__(self, store=None) -> None:
        self.opened = threading.Event()
        self.entered = threading.Event()
        self.groups: list[list[Entry]] = []
        self._store = store or (lambda entries, **_: {entry.id for entry in entries})

    def __call__(self, entries, **options):
        self.groups.append(list(entries))
        self.entered.set()
        assert self.opened.wait(WAIT_S)
        return self._store(entries, **options)


class Asked:
    """Commits of an event loop, asked from another thread."""

    def __init__(self, loop, **options) -> None:
        self._loop = loop
        self._commits = self._in_loop(self._make(options)).result(WAIT_S)
        self.stop = self._commits.stop

    def submit(self, entries):
        answer = self._in_loop(self._ask(entries)).result(WAIT_S)
        return self._in_loop(self._wait(answer))

    def _in_loop(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop)

    async def _make(self, options):
        return GroupCommit(**options)

    async def _ask(self, entries):
        return self._commits.submit(entries)

    async def _wait(self, answer):
        return await answer


@pytest.fixture
def begin() -> Iterator[Callable[..., Asked]]:
    """Makes commits, which are stopped at the end."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    begun: list[Asked] = []

    def make(**options):
        begun.append(Asked(loop, **options))
        return begun[-1]

    yield make
    for commits in begun:
        commits.stop()
    loop.call_soon_threadsafe(loop.stop)
    thread.join(WAIT_S)
    loop.close()


def test_an_idle_log_is_committed_before_its_answer(service, begin):
    [entry] = entries_for(service, a_log(request_body="x"))

    kept = begin().submit([entry]).result(WAIT_S)

    assert kept.new_ids == {entry.id}
    assert RequestLog.objects.get().id == LogPayload.objects.get().log_id == entry.id


def test_what_comes_during_a_commit_shares_the_next_one(service, begin):
    gate = Gate(store_batch)
    commits = begin(store=gate)
    entries = entries_for(service, *[a_log()] * 10)

    first = commits.submit(entries[:1])
    assert gate.entered.wait(WAIT_S)
    others = [commits.submit([entry]) for entry in entries[1:]]
    gate.opened.set()

    for each in (first, *others):
        each.result(WAIT_S)
    assert [len(group) for group in gate.groups] == [1, 9]
    assert RequestLog.objects.count() == 10


def test_a_group_has_a_size_and_what_is_larger_goes_alone(service, begin):
    gate = Gate()
    commits = begin(store=gate)
    [entry] = entries_for(service, a_log())

    def submit(size):
        return commits.submit([entry] * size)

    submissions = [submit(1)]
    assert gate.entered.wait(WAIT_S)
    submissions += [submit(size) for size in (MAX_GROUP, 1, MAX_GROUP + 1, 2, MAX_GROUP - 2, 1)]
    gate.opened.set()
    for each in submissions:
        each.result(WAIT_S)

    assert [len(group) for group in gate.groups] == [1, MAX_GROUP, 1, MAX_GROUP + 1, MAX_GROUP, 1]


def test_when_enough_wait_more_are_refused_and_taken_again_later(service, begin):
    gate = Gate()
    commits = begin(store=gate, max_waiting=10)
    [entry] = entries_for(service, a_log())

    submissions = [commits.submit([entry])]
    assert gate.entered.wait(WAIT_S)
    # The largest batch is larger than what may wait; alone it is taken.
    submissions.append(commits.submit([entry] * 12))
    with pytest.raises(TooBusy):
        commits.submit([entry])
    gate.opened.set()
    for each in submissions:
        each.result(WAIT_S)

    assert commits.submit([entry]).result(WAIT_S)


def test_at_the_stop_what_was_taken_is_finished_and_nothing_more_is_taken(service, begin):
    gate = Gate(store_batch)
    commits = begin(store=gate)
    entries = entries_for(service, *[a_log()] * 50)
    submissions = [commits.submit([entry]) for entry in entries]
    stop = threading.Thread(target=commits.stop)

    stop.start()
    gate.opened.set()
    stop.join(WAIT_S)

    assert all(each.result(WAIT_S).new_ids for each in submissions)
    assert RequestLog.objects.count() == 50
    with pytest.raises(Stopped):
        commits.submit(entries[:1])


def test_who_stops_waiting_costs_no_other_an_answer(service, begin):
    """A cancelled answer must neither be given nor keep the others of its group from theirs."""
    gate = Gate(store_batch)
    commits = begin(store=gate)
    entries = entries_for(service, *[a_log()] * 3)

    under_way = commits.submit(entries[:1])
    assert gate.entered.wait(WAIT_S)
    waiting, other = commits.submit(entries[1:2]), commits.submit(entries[2:3])
    assert under_way.cancel()
    assert waiting.cancel()
    gate.opened.set()

    assert other.result(WAIT_S)
    assert set(RequestLog.objects.values_list("id", flat=True)) == {entries[0].id, entries[2].id}


# --- A bad one fails alone ---------------------------------------------------------------------------------


def refusing(bad, calls):
    """A store that raises for one entry, as a bug of ours would."""

    def store(entries, **_):
        calls.append(len(entries))
        if bad in {entry.id for entry in entries}:
            raise ValueError("This one.")
        return {entry.id for entry in entries}

    return store


@pytest.mark.parametrize("place", [0, 1, 500, 999])
def test_a_store_that_raises_for_one_of_a_thousand_keeps_the_others_in_few_calls(service, place):
    entries = entries_for(service, *[a_log()] * 1000)
    bad, calls = entries[place].id, []

    kept = keep_apart(entries, refusing(bad, calls))

    assert kept.new_ids == {entry.id for entry in entries} - {bad}
    assert set(kept.failures) == {bad}
    assert len(calls) <= 21


def too_long_a_text(entry):
    """No sender gets this far: the item is refused before."""
    return replace(entry, trace_id="t" * 65)


def nul_in_a_text(entry):
    return replace(entry, path="/a\0b")


def another_days_id(entry):
    """No partition is made for the day in its id."""
    return replace(entry, id=uuid7_at(entry.captured_at - timedelta(days=200)))


def of_a_service_that_is_gone(entry):
    """Its endpoint cannot be made."""
    return replace(entry, service_id=new_uuid7())


POISONS = [too_long_a_text, nul_in_a_text, another_days_id, of_a_service_that_is_gone]


@pytest.mark.parametrize("poison", POISONS)
def test_a_row_that_postgres_refuses_fails_alone_in_its_group(service, begin, poison):
    gate = Gate(store_batch)
    commits = begin(store=gate)
    entries = entries_for(service, *[a_log(request_body="x")] * 21)
    entries[7] = poison(entries[7])

    submissions = [commits.submit([entries[0]])]
    assert gate.entered.wait(WAIT_S)
    submissions += [commits.submit([entry]) for entry in entries[1:]]
    gate.opened.set()
    outcomes = [
        Outcome(entries=[entry], rejections=[]).after(each.result(WAIT_S))
        for entry, each in zip(entries, submissions, strict=True)
    ]

    assert len(gate.groups[1]) == 20
    assert [len(outcome.entries) for outcome in outcomes] == [1] * 7 + [0] + [1] * 13
    assert [each.code for each in outcomes[7].rejections] == ["internal_error"]
    good = {entry.id for entry in entries} - {entries[7].id}
    assert set(RequestLog.objects.values_list("id", flat=True)) == good
    assert set(LogPayload.objects.values_list("log_id", flat=True)) == good


@pytest.mark.parametrize("poison", POISONS)
def test_a_row_that_postgres_refuses_fails_alone_in_its_batch(service, poison):
    entries = entries_for(service, *[a_log()] * 10)
    entries[3] = poison(entries[3])

    kept = keep_apart(entries, partial(store_batch, now=timezone.now()))
    outcome = Outcome(entries=entries, rejections=[]).after(kept)

    assert [each.index for each in outcome.rejections] == [3]
    assert [entry.id for entry in outcome.entries] == [
        entry.id for entry in entries if entry.id != entries[3].id
    ]
    assert RequestLog.objects.count() == 9


def test_the_index_of_what_failed_counts_the_items_that_were_rejected_before(service):
    sender = Sender(
        organization_id=service.organization_id, service_id=service.id, mode="live", keep_bodies="all"
    )
    late = (timezone.now() + timedelta(days=1)).isoformat()
    logs = [a_log(timestamp=late), a_log(), a_log(timestamp=late), a_log(), a_log()]
    prepared = prepare_all([msgspec.convert(log, LogItem) for log in logs], sender, now=timezone.now())
    bad = prepared.entries[1].id

    outcome = prepared.after(keep_apart(prepared.entries, refusing(bad, [])))

    assert [(each.index, each.code) for each in outcome.rejections] == [
        (0, "invalid"),
        (2, "invalid"),
        (3, "internal_error"),
    ]
    assert len(outcome.entries) == 2


def test_the_new_ids_are_those_of_its_own_entries_whoever_shared_the_commit(service):
    sender = Sender(
        organization_id=service.organization_id, service_id=service.id, mode="live", keep_bodies="all"
    )
    prepared = prepare_all([msgspec.convert(a_log(), LogItem)] * 2, sender, now=timezone.now())
    others = {new_uuid7(), new_uuid7()}
    own = {entry.id for entry in prepared.entries}

    assert prepared.after(Kept(new_ids=own | others, failures={})).new_ids == own
    assert prepared.after(Kept(new_ids=others, failures={})).new_ids == set()


def test_a_day_that_was_dropped_since_is_made_again(service, begin):
    commits = begin()
    moment = (timezone.now() - timedelta(days=9)).isoformat()
    first, second = entries_for(service, *[a_log(timestamp=moment)] * 2)
    commits.submit([first]).result(WAIT_S)
    drop_day(first.captured_at.date())

    kept = commits.submit([second]).result(WAIT_S)

    assert kept.new_ids == {second.id}
    assert first.captured_at.date() in existing_days()


# --- A database that goes away -----------------------------------------------------------------------------


def end_sessions_of_the_commits():
    """End every other session on this database. Gives how many."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            " AND backend_type = 'client backend'"
        )
        return cursor.fetchone()[0]


def test_a_connection_that_was_cut_between_commits_costs_nobody_an_answer(service, begin):
    commits = begin()
    first, second = entries_for(service, a_log(), a_log())
    commits.submit([first]).result(WAIT_S)
    assert end_sessions_of_the_commits()

    assert commits.submit([second]).result(WAIT_S).new_ids == {second.id}

    assert RequestLog.objects.count() == 2


@pytest.mark.parametrize("committed", [True, False])
def test_a_connection_that_was_cut_in_the_commit_neither_loses_nor_doubles(service, begin, committed):
    """Whether a commit that was not heard of took place cannot be known: the second try looks."""
    cut = []

    def store(entries, **options):
        if cut:
            return store_batch(entries, **options)
        if committed:
            store_batch(entries, **options)
        cut.append(end_own_session())
        raise OperationalError("server closed the connection unexpectedly")

    entries = entries_for(service, *[a_log(request_body="x")] * 5)

    kept = begin(store=store).submit(entries).result(WAIT_S)

    assert not kept.failures
    assert RequestLog.objects.count() == LogPayload.objects.count() == 5


def end_own_session():
    with pytest.raises(DATABASE_AWAY), connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")
    return True


def test_a_database_that_stays_away_fails_all_that_wait_and_heals(service, begin):
    away = threading.Event()
    away.set()

    def store(entries, **options):
        if away.is_set():
            raise OperationalError("connection refused") from psycopg.OperationalError()
        return store_batch(entries, **options)

    commits = begin(store=store)
    first, second = entries_for(service, a_log(), a_log())

    failed = commits.submit([first]).result(WAIT_S)
    with pytest.raises(OperationalError):
        Outcome(entries=[first], rejections=[]).after(failed)
    away.clear()

    assert commits.submit([second]).result(WAIT_S).new_ids == {second.id}
    assert RequestLog.objects.count() == 1
