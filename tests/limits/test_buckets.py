"""Limits are exact, however many count at once, and open again as time goes by."""

import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from django.db import connection

from monitor.api.errors import QuotaExceeded
from monitor.limits.buckets import Standing, refusing, take, tightest
from monitor.limits.policies import Limit, by_address, limit
from monitor.limits.shares import Shares
from monitor.limits.tasks import forget_full_buckets
from monitor.models import RateBucket


def a_limit(per_minute: int, bucket: str = "b") -> Limit:
    return Limit(policy="key", bucket=bucket, per_minute=per_minute)


@pytest.mark.django_db
def test_a_minutes_quota_may_come_at_once_and_then_no_more():
    standings = [take([a_limit(5)]) for _ in range(6)]

    assert [each[0].granted for each in standings] == [1, 1, 1, 1, 1, 0]
    assert [each[0].remaining for each in standings] == [4, 3, 2, 1, 0, 0]
    # The next of five a minute fits 12 seconds after the first one came.
    assert 11 < standings[-1][0].wait_s <= 12
    assert refusing(standings[-1]) == standings[-1][0]
    assert refusing(standings[0]) is None


@pytest.mark.django_db
def test_what_is_used_up_flows_back():
    for _ in range(5):
        take([a_limit(5)])
    row = RateBucket.objects.get()
    RateBucket.objects.update(full_at=row.full_at - 24)

    assert [take([a_limit(5)])[0].granted for _ in range(3)] == [1, 1, 0]


@pytest.mark.django_db
def test_a_call_that_one_limit_refuses_counts_against_none():
    both = [a_limit(2, "narrow"), a_limit(10, "wide")]

    standings = [take(both) for _ in range(4)]

    assert [each[1].remaining for each in standings] == [9, 8, 8, 8]
    refused = refusing(standings[-1])
    assert refused is not None
    assert refused.limit.bucket == "narrow"
    assert tightest(standings[0]).limit.bucket == "narrow"


@pytest.mark.django_db
def test_a_lease_gives_what_there_is_and_nothing_below_what_is_needed():
    assert take([a_limit(100)], asked=80, least=1)[0].granted == 80
    assert take([a_limit(100)], asked=80, least=10)[0].granted == 20
    assert take([a_limit(100)], asked=80, least=10)[0].granted == 0


@pytest.mark.django_db
def test_full_buckets_are_forgotten():
    take([a_limit(5, "old"), a_limit(5, "new")])
    RateBucket.objects.filter(name="old").update(full_at=time.time() - 61)

    forget_full_buckets(timestamp=0)

    assert [bucket.name for bucket in RateBucket.objects.all()] == ["new"]


@pytest.mark.django_db
def test_a_worker_whose_clock_is_ahead_gives_no_quota_anew(monkeypatch):
    take([a_limit(5)], asked=5)
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 3600)

    forget_full_buckets(timestamp=0)

    assert take([a_limit(5)], asked=5, least=5)[0].granted == 0


@pytest.mark.django_db(transaction=True)
def test_exactly_as_many_pass_as_the_limit_says_when_all_come_at_once():
    start = threading.Barrier(8)

    def work(number):
        start.wait()
        try:
            # In another order for each, which must not have them wait crosswise.
            limits = [a_limit(100, "a"), a_limit(200, "b")]
            return sum(take(limits[:: 1 if number % 2 else -1])[0].granted for _ in range(20))
        finally:
            connection.close()

    began = time.monotonic()
    with ThreadPoolExecutor(8) as pool:
        passed = sum(pool.map(work, range(8)))

    # What flowed back meanwhile may pass, too.
    assert 100 <= passed <= 100 + (time.monotonic() - began) * 100 / 60 + 1


ASK = """
import sys, psycopg
with psycopg.connect(sys.argv[1], autocommit=True) as db:
    print("ready", flush=True)
    sys.stdin.readline()
    taken = "SELECT granted FROM take_quota(ARRAY['shared'], ARRAY[100], 1, 1)"
    print(sum(db.execute(taken).fetchone()[0] for _ in range(20)), flush=True)
"""


@pytest.mark.django_db(transaction=True)
def test_eight_processes_together_pass_as_many_as_one_would():
    parameters = connection.get_connection_params()
    known = {name: parameters[name] for name in ("host", "port", "user", "password") if parameters.get(name)}
    address = psycopg.conninfo.make_conninfo(dbname=parameters["dbname"], **known)
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    asking = [subprocess.Popen([sys.executable, "-c", ASK, address], **pipes) for _ in range(8)]
    try:
        assert {each.stdout.readline() for each in asking} == {"ready\n"}
        began = time.monotonic()
        for each in asking:
            each.stdin.write("go\n")
            each.stdin.flush()
        passed = sum(int(each.stdout.readline()) for each in asking)
        took_s = time.monotonic() - began
    finally:
        for each in asking:
            each.kill()
            each.communicate()

    assert 100 <= passed <= 100 + took_s * 100 / 60 + 1


def test_this_machine_and_unknown_addresses_are_not_limited():
    assert by_address("ip", "127.0.0.1", 5) is None
    assert by_address("ip", "::1", 5) is None
    assert by_address("ip", None, 5) is None
    assert by_address("ip", "unknown", 5) is None


@pytest.mark.parametrize(
    ("address", "bucket"),
    [
        ("203.0.113.9", "ip:203.0.113.9"),
        ("2001:db8:1:2:3:4:5:6", "ip:2001:db8:1:2::/64"),
        ("::ffff:203.0.113.9", "ip:203.0.113.9"),
    ],
)
def test_an_address_has_a_bucket_and_the_neighbours_of_ipv6_share_one(address, bucket):
    assert by_address("ip", address, 5).bucket == bucket


def test_test_keys_have_a_quarter():
    assert limit("key", "b", 100, "test").per_minute == 25
    assert limit("key", "b", 2, "test").per_minute == 1
    assert limit("key", "b", 100, "live").per_minute == 100
    assert limit("key", "b", 0, "live") is None


class Bucket:
    """A bucket of so many logs, which never flows back; counts how often it is asked."""

    def __init__(self, left: int) -> None:
        self.left = left
        self.asked = 0

    def lease(self, limits, *, asked, least):
        self.asked += 1
        granted = min(asked, self.left) if self.left >= least else 0
        self.left -= granted
        return [Standing(limit=limits[0], granted=granted, remaining=self.left, wait_s=5.0)]


def test_most_logs_are_counted_in_memory_alone():
    bucket = Bucket(6000)
    shares = Shares(lease=bucket.lease)

    for _ in range(1000):
        shares.take([a_limit(6000)], 1)

    assert bucket.asked == 10


def test_two_processes_together_keep_no_more_than_the_limit():
    bucket = Bucket(100)
    both = [Shares(lease=bucket.lease), Shares(lease=bucket.lease)]
    kept = 0
    for turn in range(300):
        try:
            both[turn % 2].take([a_limit(100)], 1)
            kept += 1
        except QuotaExceeded:
            pass

    assert kept == 100


def test_while_it_is_known_to_be_used_up_the_database_is_not_asked():
    clock = [0.0]
    bucket = Bucket(1)
    shares = Shares(lease=bucket.lease, clock=lambda: clock[0])
    shares.take([a_limit(60)], 1)
    for _ in range(10):
        with pytest.raises(QuotaExceeded):
            shares.take([a_limit(60)], 1)
    assert bucket.asked == 2
    with pytest.raises(QuotaExceeded):
        shares.try_take([a_limit(60)], 1)

    clock[0], bucket.left = 5.1, 1
    shares.take([a_limit(60)], 1)
    assert bucket.asked == 3


def test_what_one_limit_refuses_stays_for_what_comes_next():
    wide, narrow = Bucket(600), Bucket(0)
    buckets = {"wide": wide, "narrow": narrow}
    shares = Shares(lease=lambda limits, **rest: buckets[limits[0].bucket].lease(limits, **rest))
    limits = [a_limit(600, "wide"), a_limit(10, "narrow")]
    with pytest.raises(QuotaExceeded) as refused:
        shares.take(limits, 3)

    assert refused.value.wait_s == pytest.approx(5, abs=0.5)
    assert shares.try_take(limits[:1], 10)
