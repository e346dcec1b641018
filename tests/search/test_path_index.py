"""The index for parts of paths: on closed days, where the server offers it, and told where it does not."""

from contextlib import contextmanager
from datetime import timedelta

import psycopg
import pytest
from django.core.management import call_command
from django.db import connection
from django.utils import timezone

from monitor.lib.locks import AlreadyRunning
from monitor.lib.notices import connection_parameters
from monitor.models import RequestLog
from monitor.models.partitions import drop_day, existing_days, partition_name
from monitor.search import path_index
from monitor.search.path_index import (
    PATH_INDEX_LOCK,
    Trigrams,
    build,
    index_closed_days,
    look_at_path_indexes,
)
from monitor.search.tasks import index_paths
from tests.factories import a_log, a_service, keep_logs, rfc3339

NOW = timezone.now()
TODAY = NOW.date()
YESTERDAY, BEFORE = TODAY - timedelta(days=1), TODAY - timedelta(days=2)

with_trigrams = pytest.mark.trgm


@contextmanager
def another_session():
    """A connection of its own, as another worker has."""
    with psycopg.connect(**connection_parameters(), autocommit=True) as other:
        yield other


@pytest.fixture
def days(transactional_db):
    """Logs of today and the two days before; no other days, and no index of an earlier test."""
    for day in existing_days():
        drop_day(day)
    service = a_service()
    for age in range(3):
        moment = rfc3339(NOW - timedelta(days=age))
        keep_logs(service, a_log(path=f"/needle/{age}", timestamp=moment), a_log(timestamp=moment))


def indexed() -> set[str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT tablename FROM pg_indexes WHERE indexname LIKE '%_path_trgm'")
        return {name for (name,) in cursor}


def table_of(day):
    return partition_name("request_log", day)


@with_trigrams
@pytest.mark.django_db(transaction=True)
def test_closed_days_are_indexed_newest_first_and_today_is_not(days):
    built = index_closed_days(now=NOW)

    assert built == [YESTERDAY, BEFORE]
    assert indexed() == {table_of(YESTERDAY), table_of(BEFORE)}


@with_trigrams
@pytest.mark.django_db(transaction=True)
def test_doing_it_again_builds_only_what_is_missing(days):
    index_closed_days(now=NOW)
    with connection.cursor() as cursor:
        cursor.execute(f"DROP INDEX {table_of(BEFORE)}_path_trgm")

    assert index_closed_days(now=NOW) == [BEFORE]
    assert index_closed_days(now=NOW) == []


@with_trigrams
@pytest.mark.django_db(transaction=True)
def test_a_build_that_was_cut_off_is_made_anew(days):
    index_closed_days(now=NOW)
    name = f"{table_of(YESTERDAY)}_path_trgm"
    with connection.cursor() as cursor:
        # What a killed CREATE INDEX CONCURRENTLY leaves: an index that is there and not complete.
        cursor.execute(f"DROP INDEX {name}")
        cursor.execute("SET statement_timeout = '200ms'")
        with another_session() as other:
            # The build waits for older transactions to end.
            other.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
            other.execute("SELECT count(*) FROM request_log")
            with pytest.raises(Exception, match="statement timeout"):
                build(YESTERDAY)
            other.execute("ROLLBACK")
        cursor.execute("RESET statement_timeout")
    assert look_at_path_indexes(now=NOW).without == [YESTERDAY]

    assert index_closed_days(now=NOW) == [YESTERDAY]
    assert look_at_path_indexes(now=NOW).without == []


@with_trigrams
@pytest.mark.django_db(transaction=True)
def test_one_worker_builds_and_the_others_go_on(days):
    with another_session() as other:
        other.execute("SELECT pg_advisory_lock(%s)", [PATH_INDEX_LOCK])

        with pytest.raises(AlreadyRunning):
            index_closed_days(now=NOW)
        index_paths(timestamp=0)

    assert indexed() == set()


@with_trigrams
@pytest.mark.django_db(transaction=True)
def test_a_day_that_is_gone_meanwhile_is_passed_over(days):
    index_closed_days(now=NOW)
    drop_day(YESTERDAY)

    assert not build(YESTERDAY)


@with_trigrams
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("lookup", [{"path__holds": "NEEDLE"}, {"path__is_like": "/needle/*"}])
def test_a_search_for_a_part_of_a_path_can_use_the_index(days, lookup):
    index_closed_days(now=NOW)

    with connection.cursor() as cursor:
        cursor.execute("SET enable_seqscan = off")
        plan = RequestLog.objects.filter(**lookup).explain()
        cursor.execute("RESET enable_seqscan")

    assert f"{table_of(YESTERDAY)}_path_trgm" in plan
    assert RequestLog.objects.filter(**lookup).count() == 3


@with_trigrams
@pytest.mark.django_db(transaction=True)
def test_the_command_says_how_many_days_have_it(days, capsys):
    call_command("index_paths")

    assert f"Days indexed now: {YESTERDAY}, {BEFORE}." in capsys.readouterr().out
    assert look_at_path_indexes(now=NOW).words == "on 2 of 2 closed days"


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("state", "words"),
    [(Trigrams.MISSING, "this PostgreSQL has no pg_trgm"), (Trigrams.REFUSED, "CREATE EXTENSION pg_trgm")],
)
def test_where_it_cannot_be_built_nothing_happens_and_the_reason_is_told(monkeypatch, capsys, state, words):
    monkeypatch.setattr(path_index, "trigrams", lambda: state)
    monkeypatch.setattr(path_index, "make_trigrams", lambda: state)

    call_command("index_paths")

    told = capsys.readouterr().out
    assert "Days indexed now: none." in told
    assert words in told
