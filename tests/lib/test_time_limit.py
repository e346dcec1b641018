from datetime import timedelta

import pytest
from django.db import OperationalError, connection

from monitor.lib.estimates import estimated_rows
from monitor.lib.time_limit import TookTooLong, time_limit
from monitor.models import Organization

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.sql]


def sleep(seconds):
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_sleep(%s)", [seconds])


def test_a_query_beyond_its_time_is_stopped():
    with pytest.raises(TookTooLong), time_limit(timedelta(milliseconds=20)):
        sleep(5)


def test_the_connection_carries_no_limit_on():
    with pytest.raises(TookTooLong), time_limit(timedelta(milliseconds=20)):
        sleep(5)

    sleep(0.05)


def test_within_its_time_a_query_answers():
    with time_limit(timedelta(seconds=5)):
        assert Organization.objects.count() >= 0


def test_other_troubles_of_the_database_keep_their_name():
    with pytest.raises(OperationalError), time_limit(timedelta(seconds=5)), connection.cursor() as cursor:
        cursor.execute("DO $$ BEGIN RAISE EXCEPTION 'away' USING ERRCODE = '57P03'; END $$")


def test_rows_are_guessed_without_being_read():
    Organization.objects.bulk_create(Organization(name=f"organization {number}") for number in range(500))
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE organization")

    assert 400 < estimated_rows(Organization.objects.order_by("name")) < 600


def test_a_query_that_can_find_nothing_is_guessed_to_find_nothing():
    assert estimated_rows(Organization.objects.filter(id__in=[])) == 0
