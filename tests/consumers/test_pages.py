"""The pages of consumers, held against a count by hand."""

import re
from datetime import timedelta
from html import unescape
from uuid import uuid4

import pytest
from django.utils import timezone
from django.utils.html import strip_tags

from monitor.consumers import pages
from monitor.ingest.entry import Sender
from monitor.ingest.reports import Count, Report, keep_report
from monitor.issues.grouping import group_errors
from monitor.lib.actors import Role
from monitor.models import Consumer
from tests.admin.markup import blocked_in
from tests.factories import a_client, a_log, a_service, a_user, an_organization, keep_logs, rfc3339

pytestmark = pytest.mark.django_db


@pytest.fixture
def organization():
    return an_organization()


@pytest.fixture
def service(organization):
    return a_service(organization, name="orders")


@pytest.fixture
def reader(organization):
    return a_client(user=a_user(organization, Role.VIEWER))


def words(markup):
    return " ".join(unescape(strip_tags(markup)).split())


def rows_of(page):
    table = re.search(r'<table class="data-table consumer-table".*?</table>', page, re.DOTALL)[0]
    return [
        [words(cell) for cell in re.findall(r"<t[hd].*?</t[hd]>", row, re.DOTALL)]
        for row in re.findall(r"<tr data-row>(.*?)</tr>", table, re.DOTALL)
    ]


def detail(client, identifier, **query):
    found = Consumer.objects.get(identifier=identifier)
    return client.get(f"/consumers/{found.id}", query).content.decode()


def notes_of(page):
    found = re.findall(r'<div class="stat[^"]*"><dt>(.*?)</dt><dd>(.*?)</dd>(?:<dd .*?>(.*?)</dd>)?', page)
    return {name: (value, unescape(note)) for name, value, note in found}


def test_the_list_counts_new_and_returning_and_shows_the_busiest_first(reader, service):
    now = timezone.now()
    keep_logs(service, a_log(consumer="old"), now=now - timedelta(days=2))
    keep_logs(service, a_log(consumer="old", latency_ms=40.0), *[a_log(consumer="young")] * 3, now=now)

    page = reader.get("/consumers?window=1h").content.decode()

    assert "1 new, 1 returning" in words(page)
    first, second = rows_of(page)
    assert first[0] == "young new"
    assert first[2:5] == ["3 requests", "0 failed", "0 %"]
    assert second[0] == "old"
    assert float(second[6].removesuffix(" ms")) == pytest.approx(40, rel=0.006)


def test_the_list_is_narrowed_sorted_and_turned(reader, service, monkeypatch):
    monkeypatch.setattr(pages, "ROWS", 2)
    keep_logs(service, *[a_log(consumer=f"c{n}") for n in range(5) for _ in range(n + 1)])
    Consumer.objects.filter(identifier="c0").update(group="gold")

    page = reader.get("/consumers").content.decode()
    following = reader.get(
        "/consumers" + unescape(re.search(r'rel="next" href="(.*?)"', page)[1])
    ).content.decode()

    assert [row[0].split()[0] for row in rows_of(page)] == ["c4", "c3"]
    assert [row[0].split()[0] for row in rows_of(following)] == ["c2", "c1"]
    assert [row[0].split()[0] for row in rows_of(reader.get("/consumers?group=gold").content.decode())] == [
        "c0"
    ]
    fewest = reader.get("/consumers?order=asc").content.decode()
    assert rows_of(fewest)[0][0].startswith("c0")
    assert "No such consumer" in reader.get("/consumers?text=nobody").content.decode()


def test_one_consumer_is_held_against_the_period_before(reader, service):
    now = timezone.now()
    since, until = now - timedelta(hours=2), now - timedelta(hours=1)
    before = rfc3339(since - timedelta(minutes=10))
    keep_logs(service, *[a_log(consumer="acme", latency_ms=100.0, timestamp=before)] * 2)
    inside = rfc3339(since + timedelta(minutes=10))
    keep_logs(service, *[a_log(consumer="acme", latency_ms=150.0, timestamp=inside)] * 2)
    keep_logs(service, a_log(consumer="acme", status_code=500, latency_ms=150.0, timestamp=inside))
    outside = rfc3339(since - timedelta(minutes=61))
    keep_logs(service, *[a_log(consumer="acme", timestamp=outside)] * 9)

    notes = notes_of(detail(reader, "acme", since=rfc3339(since), until=rfc3339(until)))

    assert notes["Requests"] == ("3", "+50 % against 2 before")
    assert notes["Error rate"] == ("33.33 %", "+33.33 points against 0.00 % before")
    assert notes["p95"] == ("150 ms", "+50 % against 100 ms before")


def test_without_a_period_before_the_page_says_so(reader, service):
    keep_logs(service, a_log(consumer="acme"))

    assert notes_of(detail(reader, "acme"))["Requests"] == ("1", "none in the period before")


def test_its_endpoints_are_counted(reader, service):
    keep_logs(
        service,
        *[a_log(consumer="acme", route="/a", latency_ms=20.0)] * 3,
        a_log(consumer="acme", route="/b", status_code=500),
        a_log(consumer="zen", route="/c"),
    )

    section = re.search(
        r'<section class="card" id="endpoints">.*?</section>', detail(reader, "acme"), re.DOTALL
    )[0]

    rows = [words(row) for row in re.findall(r"<tr data-row>(.*?)</tr>", section, re.DOTALL)]
    assert rows == ["GET /aorders 3 0 % 20 ms", "GET /borders 1 100 % 12.5 ms"]


def count(service, *consumers):
    """As a client tells it that counts by itself."""
    now = timezone.now()
    told = [
        Count(
            counted_at=now,
            method="GET",
            route="/a",
            status_code=200,
            consumer=consumer,
            requests=4,
            request_bytes=40,
            response_bytes=8000,
        )
        for consumer in consumers
    ]
    report = Report(message_id=str(uuid4()), environment="", counts=told)
    keep_report(report, Sender.of_service(service, mode="live"), now=now)


def test_a_consumer_that_was_only_counted_says_so_in_place_of_its_endpoints(reader, service):
    count(service, "acme")

    page = detail(reader, "acme")

    assert notes_of(page)["Requests"][0] == "4"
    assert notes_of(page)["Answer bodies"] == (
        "8.0 kB",
        "2.0 kB each, or more: older numbers do not say how many told a size",
    )
    section = re.search(r'<section class="card" id="endpoints">.*?</section>', page, re.DOTALL)[0]
    assert "Counted, not listed" in section
    assert "<table" not in section
    assert "of the newest" not in section


def test_where_clients_count_and_name_nobody_the_list_says_how_to_name_them(reader, service):
    assert "No consumer is known yet" in reader.get("/consumers").content.decode()

    count(service, "")

    page = reader.get("/consumers").content.decode()
    assert "Counted, and nobody is named" in page
    assert "set_consumer" in page
    assert "No such consumer" in reader.get("/consumers?text=x").content.decode()
    count(service, "acme")
    (row,) = rows_of(reader.get("/consumers").content.decode())
    assert row[2] == "4 requests"


def test_the_same_identifier_elsewhere_is_somebody_else(reader, organization, service):
    keep_logs(a_service(), *[a_log(consumer="acme")] * 5)
    keep_logs(service, a_log(consumer="acme"))
    mine = Consumer.objects.get(organization=organization)
    theirs = Consumer.objects.exclude(organization=organization).get()

    page = reader.get(f"/consumers/{mine.id}").content.decode()

    assert notes_of(page)["Requests"][0] == "1"
    assert reader.get(f"/consumers/{theirs.id}").status_code == 404


def test_it_is_renamed_grouped_and_hidden_on_its_page(organization, service):
    keep_logs(service, a_log(consumer="acme"))
    address = f"/consumers/{Consumer.objects.get().id}"
    owner = a_client(user=a_user(organization, Role.OWNER))
    viewer = a_client(user=a_user(organization, Role.VIEWER))

    assert viewer.post(address, {"name": "x"}).status_code == 403
    page = owner.post(address, {"name": "Acme", "group": "gold", "is_hidden": "on"}, follow=True)

    changed = Consumer.objects.get()
    assert (changed.name, changed.group, changed.is_hidden) == ("Acme", "gold", True)
    assert "Acme is saved" in page.content.decode()
    assert rows_of(owner.get("/consumers?hidden=true").content.decode())[0][0].startswith("Acme")


def test_text_of_others_is_only_text_and_the_policy_holds(reader, service):
    keep_logs(service, a_log(consumer="<b>x</b>"))

    for page in (reader.get("/consumers").content.decode(), detail(reader, "<b>x</b>")):
        assert "<b>x" not in page
        assert blocked_in(page) == []


def test_the_list_costs_the_same_however_long_it_is(reader, service, django_assert_max_num_queries):
    keep_logs(service, *[a_log(consumer=f"c{n}") for n in range(30)])

    # Who asks, services, the newest log, groups; counts and latencies, each within a limit; the consumers of
    # the list and of the page, and when they were seen.
    with django_assert_max_num_queries(24):
        reader.get("/consumers")


def test_groups_are_shown_with_the_numbers_of_their_consumers(reader, service):
    keep_logs(service, *[a_log(consumer="a")] * 3, a_log(consumer="b", status_code=500), a_log(consumer="c"))
    Consumer.objects.filter(identifier__in=("a", "b")).update(group="gold")

    page = reader.get("/consumers?by=group").content.decode()

    table = re.search(r'<table class="data-table consumer-table">.*?</table>', page, re.DOTALL)[0]
    rows = [words(row) for row in re.findall(r"<tr>(.*?)</tr>", table, re.DOTALL)[1:]]
    assert rows == [
        "gold 2 consumers 4 requests 1 failed 25 %",
        "no group 1 consumer 1 request 0 failed 0 %",
    ]
    assert "group=gold" in table
    assert blocked_in(page) == []
    # Without a group there is nothing to choose.
    Consumer.objects.update(group="")
    assert "by=group" not in reader.get("/consumers").content.decode()


def test_the_issues_that_a_consumer_met_stand_on_its_page(reader, service):
    keep_logs(service, *[a_log(consumer="acme", status_code=500, error="Boom")] * 2)
    keep_logs(service, a_log(consumer="zen", status_code=500, error="Crash"))
    keep_logs(a_service(), a_log(consumer="acme", status_code=500, error="Theirs"))
    group_errors(now=timezone.now())
    acme = Consumer.objects.get(identifier="acme", organization=service.organization)

    page = reader.get(f"/consumers/{acme.id}").content.decode()

    section = words(re.search(r'<section class="card" id="issues">.*?</section>', page, re.DOTALL)[0])
    assert "Boom" in section
    assert "2 requests" in section
    assert "Crash" not in section
    assert "Theirs" not in section
