"""How lists are cut: limit, offset, cursor, the Link to the next page, the exact count on request."""

import re
from datetime import timedelta
from itertools import chain, cycle
from urllib.parse import parse_qs, urlsplit

import pytest
from django.utils import timezone

from tests.factories import a_client, a_key, a_log, a_rule, a_service, keep_logs, rfc3339


@pytest.fixture
def service(db):
    return a_service()


@pytest.fixture
def reader(service):
    return a_client(a_key(service, scopes=["read"])[1])


def next_page(answer):
    match = re.fullmatch(r'<(?P<address>[^>]+)>; rel="next"', answer.get("Link", ""))
    return match["address"] if match else None


def walk(reader, address):
    """The ids on all pages from this one on."""
    while address:
        answer = reader.get(address)
        assert answer.status_code == 200
        yield [row["id"] for row in answer.json()]
        address = next_page(answer)


def test_fifty_rows_unless_asked_otherwise_and_five_hundred_at_most(service, reader):
    keep_logs(service, *[a_log()] * 501)

    assert len(reader.get("/v1/logs").json()) == 50
    assert len(reader.get("/v1/logs?limit=500").json()) == 500
    assert reader.get("/v1/logs?limit=501").status_code == 400


def test_links_lead_through_all_rows_once(service, reader):
    ids = [str(id_) for id_ in keep_logs(service, *[a_log()] * 23)]

    pages = list(walk(reader, "/v1/logs?limit=5"))

    assert [len(page) for page in pages] == [5, 5, 5, 5, 3]
    assert list(chain(*pages)) == sorted(ids, reverse=True)


def test_a_link_keeps_the_filters(service, reader):
    keep_logs(service, *[a_log(method="PUT", tags=["a b&c"]), a_log()] * 4)

    answer = reader.get("/v1/logs", {"method": "put", "tag": "a b&c", "limit": 3, "offset": 0})

    query = parse_qs(urlsplit(next_page(answer)).query)
    assert query["method"] == ["put"]
    assert query["tag"] == ["a b&c"]
    assert query["limit"] == ["3"]
    assert "offset" not in query
    assert [len(page) for page in walk(reader, next_page(answer))] == [1]


def test_the_last_page_links_nowhere(service, reader):
    keep_logs(service, *[a_log()] * 5)

    assert "Link" not in reader.get("/v1/logs?limit=5")
    assert "Link" in reader.get("/v1/logs?limit=4")


def test_rows_that_arrive_meanwhile_shift_no_page(service, reader):
    keep_logs(service, *[a_log(path="/old")] * 6)
    first = reader.get("/v1/logs?limit=3")

    keep_logs(service, *[a_log(path="/new")] * 4)
    second = reader.get(next_page(first)).json()

    assert {row["path"] for row in second} == {"/old"}
    assert not {row["id"] for row in first.json()} & {row["id"] for row in second}


def test_an_offset_skips_rows(service, reader):
    ids = sorted((str(id_) for id_ in keep_logs(service, *[a_log()] * 6)), reverse=True)

    def page(query):
        return [row["id"] for row in reader.get(f"/v1/logs?{query}").json()]

    assert page("offset=2&limit=2") == ids[2:4]
    assert page("offset=5") == ids[5:]
    assert page("offset=6") == page("offset=10000000") == []


def test_the_exact_count_is_told_on_request_and_counts_beyond_the_page(service, reader):
    keep_logs(service, *[a_log()] * 7, a_log(status_code=500))

    assert "X-Total-Count" not in reader.get("/v1/logs")
    assert reader.get("/v1/logs?count=exact&limit=2")["X-Total-Count"] == "8"
    counted = reader.get("/v1/logs?count=exact&limit=2&status_code=200&offset=3")
    assert counted["X-Total-Count"] == "7"
    assert reader.get(next_page(counted))["X-Total-Count"] == "7"


@pytest.mark.parametrize("noun", ["services", "alerts", "services/{service}/keys", "alerts/{alert}/events"])
def test_every_list_is_cut_in_the_same_way(service, noun):
    for _ in range(3):
        a_service(service.organization)
        a_key(service)
        rule = a_rule(service, "status_code == 500")
    keep_logs(service, *[a_log(status_code=500)] * 4)
    reader = a_client(a_key(organization=service.organization, scopes=["read", "manage"])[1])
    address = "/v1/" + noun.format(service=service.id, alert=rule.id)

    everything = reader.get(f"{address}?count=exact")
    ids = [row["id"] for row in everything.json()]

    assert len(ids) >= 3
    assert ids == sorted(ids, reverse=True)
    assert everything["X-Total-Count"] == str(len(ids))
    assert list(chain(*walk(reader, f"{address}?limit=1"))) == ids
    assert [row["id"] for row in reader.get(f"{address}?offset=1&limit=1").json()] == ids[1:2]
    assert reader.get(f"{address}?limit=0").status_code == 400


def test_query_budget_of_the_log_list(service, reader, django_assert_num_queries):
    # A second apart: of the same millisecond, five in a row might name two consumers alone.
    moments = [rfc3339(timezone.now() - timedelta(seconds=second)) for second in range(15)]
    keep_logs(
        service,
        *(
            a_log(path=f"/{word}", consumer=word, timestamp=moment)
            for word, moment in zip(cycle(("one", "two", "three")), moments, strict=False)
        ),
    )
    reader.get("/v1/logs")

    # the key; the services in reach; within a limit of time (savepoint, set, set back, release) the newest
    # days' rows with services, endpoints and consumers joined: a full page.
    with django_assert_num_queries(7):
        rows = reader.get("/v1/logs?limit=5").json()
    assert len({row["route"] for row in rows}) == len({row["consumer"] for row in rows}) == 3
    # and, where that does not fill the page, two steps of days to the end of what is kept.
    with django_assert_num_queries(9):
        reader.get("/v1/logs")
    # and the ids of the consumers of that name; and the count within its own limit.
    with django_assert_num_queries(15):
        reader.get("/v1/logs?count=exact&path=o&status_class=2xx&tag=a&consumer=one")
