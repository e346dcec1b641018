"""What changed between two looks, by real transactions that overlap."""

import threading

import pytest
from django.db import connection, transaction
from django.utils import timezone

from monitor.live.changes import Changes
from monitor.models import Monitor, MonitorStanding
from monitor.monitors import set_active
from tests.factories import an_organization
from tests.monitors.scenes import a_monitor, check

pytestmark = pytest.mark.django_db(transaction=True)


def ids(changes, organization):
    return {each.id for each in changes.look([organization.id])}


def test_a_check_and_a_change_are_told_once_and_to_their_organization_alone():
    organization, other = an_organization(), an_organization()
    one, two, foreign = a_monitor(organization), a_monitor(organization), a_monitor(other)
    changes = Changes()
    assert ids(changes, organization) == set()
    assert ids(changes, organization) == set()

    check(one)
    check(foreign)
    assert ids(changes, organization) == {one.id}
    assert ids(changes, organization) == set()

    set_active([two], is_active=False, now=timezone.now())
    made = a_monitor(organization)
    assert ids(changes, organization) == {two.id, made.id}


def in_a_thread(work):
    def run():
        try:
            work()
        finally:
            connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    return thread


@pytest.mark.parametrize("within", ["a transaction", "a savepoint of it"])
def test_what_began_before_a_look_and_is_committed_after_it_is_not_missed(within):
    organization = an_organization()
    slow, quick = a_monitor(organization), a_monitor(organization)
    written, may_commit = threading.Event(), threading.Event()

    def slowly():
        with transaction.atomic():
            # Gives the transaction a number of its own, so that the savepoint's is another.
            connection.cursor().execute("SELECT pg_current_xact_id()")
            if within == "a savepoint of it":
                with transaction.atomic():
                    Monitor.objects.filter(id=slow.id).update(name="renamed")
            else:
                Monitor.objects.filter(id=slow.id).update(name="renamed")
            written.set()
            assert may_commit.wait(60)

    changes = Changes()
    changes.look([organization.id])
    thread = in_a_thread(slowly)
    assert written.wait(60)
    check(quick)
    assert ids(changes, organization) == {quick.id}
    # While it goes on, what was told before is not told again.
    assert ids(changes, organization) == set()
    may_commit.set()
    thread.join()

    assert ids(changes, organization) == {slow.id}
    assert ids(changes, organization) == set()


def test_a_row_that_is_only_locked_did_not_change():
    organization = an_organization()
    monitor = a_monitor(organization)
    changes = Changes()
    changes.look([organization.id])

    with transaction.atomic():
        assert MonitorStanding.objects.select_for_update().get(monitor=monitor)

    assert ids(changes, organization) == set()


def test_one_look_is_one_statement_however_many_there_are(django_assert_num_queries):
    organization = an_organization()
    for _ in range(3):
        a_monitor(organization)
    changes = Changes()
    changes.look([organization.id])

    with django_assert_num_queries(1):
        changes.look([organization.id])
