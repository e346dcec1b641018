"""The rail beside the table, and the columns of the table, as a browser gets them."""

import re
from html import unescape
from urllib.parse import parse_qs, urlsplit

import pytest

from monitor.search.columns import COOKIE
from tests.factories import a_client, a_log, a_service, a_user, an_organization, keep_logs

pytestmark = pytest.mark.django_db
EVIL = '"><script>alert(1)</script>'


@pytest.fixture
def organization():
    return an_organization()


@pytest.fixture
def service(organization):
    return a_service(organization, name="shop")


@pytest.fixture
def reader(organization):
    return a_client(user=a_user(organization))


def page(client, address):
    answer = client.get(address)
    assert answer.status_code == 200
    return answer.content.decode()


def rail(client, query=""):
    """By name: the count, where "only" leads, where "exclude" leads, what is copied."""
    text = page(client, f"/dashboard/facets{query}")
    rows = re.findall(r'<li class="facet-value.*?</li>', text, re.DOTALL)
    found = {}
    for row in rows:
        name = unescape(re.search(r'class="facet-only"[^>]*>(.*?)<', row)[1])
        count = re.search(r'class="facet-count">(.*?)<', row)[1]
        only = re.search(r'class="facet-only" href="(.*?)"', row)
        without = re.search(r'class="facet-act" href="(.*?)"', row)
        copied = unescape(re.search(r'data-copy="(.*?)"', row)[1])
        found[name] = (count, *(unescape(each[1]) if each else None for each in (only, without)), copied)
    return found


def rows_at(client, address):
    return page(client, address).count("data-row data-id")


def headings(text):
    return re.findall(r'<th class="c-(\w+)"', text)


def test_the_table_does_not_wait_for_the_rail(reader, service):
    keep_logs(service, a_log(consumer="acme"))

    text = page(reader, "/dashboard?method=GET&window=24h")

    assert 'hx-get="/dashboard/facets?method=GET&amp;window=24h" hx-trigger="load"' in text
    assert 'class="facet-value' not in text
    # Without scripts it is a link to a page of its own.
    assert re.search(r'<noscript>.*href="/dashboard/facets\?method=GET', text, re.DOTALL)


def test_a_changed_filter_brings_a_new_rail_and_a_live_update_does_not(reader, service):
    keep_logs(service, a_log())
    part = {"HX-Request": "true"}

    changed = reader.get("/dashboard?method=GET", headers={**part, "HX-Trigger": "log-filter"})
    live = reader.get("/dashboard?method=GET&live=1", headers={**part, "HX-Trigger": "results"})

    assert re.search(r'id="rail"[^>]*hx-swap-oob="true"', changed.content.decode())
    assert 'id="rail"' not in live.content.decode()


def test_each_value_is_counted_and_leads_to_itself_and_to_all_else(reader, service):
    logs = [a_log(method=method, consumer="a & b", tags=["x y"]) for method in ("GET", "GET", "POST")]
    keep_logs(service, *logs, a_log(status_code=None, environment="eu", method="HEAD"))

    values = rail(reader)

    assert {name: row[0] for name, row in values.items()} == {
        "2xx": "3",
        "no answer": "1",
        "shop": "4",
        "GET": "2",
        "POST": "1",
        "HEAD": "1",
        "GET /orders": "2",
        "POST /orders": "1",
        "HEAD /orders": "1",
        "a & b": "3",
        "eu": "1",
        "x y": "3",
    }
    for name, (count, only, without, _) in values.items():
        assert rows_at(reader, only) == int(count), name
        assert rows_at(reader, without) == 4 - int(count), name
    assert values["a & b"][3] == "a & b"


def test_the_rail_counts_what_the_filters_leave_and_keeps_them(reader, service):
    keep_logs(service, a_log(consumer="acme", status_code=500), a_log(consumer="zen"), a_log(method="PUT"))

    values = rail(reader, "?q=-method%3APUT&window=24h")

    assert values["acme"][0] == "1"
    assert "PUT" not in values
    asked = parse_qs(urlsplit(values["acme"][2]).query)
    assert asked == {"q": ["-method:PUT -consumer:acme"], "window": ["24h"]}


@pytest.mark.parametrize("query", ["?method=GET&window=24h", "?q=method%3Aget&window=24h"])
def test_a_value_that_is_asked_for_can_be_let_go(reader, service, query):
    keep_logs(service, a_log(), a_log(method="POST"))

    _, only, _, _ = rail(reader, query)["GET"]

    assert parse_qs(urlsplit(only).query) == {"window": ["24h"]}


def test_a_search_that_would_become_too_long_is_not_offered(reader, service):
    keep_logs(service, a_log(path="/a", consumer="acme"))
    terms = " ".join(["path:a"] * 40)

    count, only, without, _ = rail(reader, f"?q={terms}")["acme"]

    assert (count, without) == ("1", None)
    assert "consumer=acme" in only


def test_names_of_others_are_only_text(reader, service):
    keep_logs(service, a_log(consumer=EVIL, tags=[EVIL], environment=EVIL, route=f"/{EVIL}", method="GET"))

    for text in (page(reader, "/dashboard/facets"), page(reader, "/dashboard?columns=tags,environment")):
        assert "<script>alert" not in text
    assert rail(reader)[EVIL][0] == "1"


def test_the_rail_of_an_unusable_filter_says_so(reader, service):
    keep_logs(service, a_log())

    assert "Nothing is counted" in page(reader, "/dashboard/facets?status_code=abc")


def test_nothing_of_another_organization_is_in_the_rail(reader, service):
    keep_logs(a_service(name="theirs"), a_log(consumer="their-consumer", tags=["their-tag"]))
    keep_logs(service, a_log())

    assert "their" not in page(reader, "/dashboard/facets?window=all").replace("their</", "")


def test_values_in_the_table_carry_their_term(reader, service):
    (log_id,) = keep_logs(
        service, a_log(consumer='a "b"', tags=["x y"], environment="eu", status_code=404, trace_id="t1")
    )
    terms = {'consumer:"a \\"b\\""', 'tag:"x y"', "env:eu", "service:shop", 'endpoint:"GET /orders"'}

    for address, expected in (
        (
            "/dashboard?columns=status,method,consumer,service,trace",
            {*terms, "status:404", "method:GET", "trace:t1"},
        ),
        (f"/log/{log_id}", {*terms, "trace:t1"}),
    ):
        found = {unescape(each) for each in re.findall(r'data-term="(.*?)"', page(reader, address))}
        assert found == expected


def test_the_chart_counts_the_whole_window_where_rollups_can_tell(reader, service, monkeypatch):
    monkeypatch.setattr("monitor.search.traffic.MAX_COUNTED_LOGS", 1)
    keep_logs(service, *(a_log(status_code=status) for status in (200, 404, 404, 500)))

    text = page(reader, "/dashboard?window=24h&q=-status:200")

    legend = re.findall(r'chart-legend-name">(\w+)</span><span class="chart-legend-value">(\d+)', text)
    assert {name: count for name, count in legend if count != "0"} == {"4xx": "2", "5xx": "1"}
    assert "<b>3</b> requests" in text


# --- Columns -----------------------------------------------------------------------------------------------


def test_the_address_says_which_columns_are_shown(reader, service):
    keep_logs(service, a_log(source_ip="10.1.2.3", environment="eu", tags=["x"], response_body="four"))

    text = page(reader, "/dashboard?columns=caller,size,environment,tags,nonsense")

    assert headings(text) == ["path", "environment", "tags", "caller", "size"]
    assert "10.1.2.3" in text
    assert "4 bytes" in text
    assert headings(page(reader, "/dashboard")) == [
        "time",
        "status",
        "method",
        "path",
        "latency",
        "consumer",
        "service",
    ]


def test_the_chooser_leads_to_one_word_that_can_be_shared_and_is_remembered(reader, service):
    keep_logs(service, a_log())

    answer = reader.get("/dashboard?method=GET&columns=time&column=path&column=status&column=trace")

    assert answer["Location"] == "/dashboard?method=GET&columns=status%2Cpath%2Ctrace"
    assert headings(page(reader, "/dashboard")) == ["status", "path", "trace"]


def test_a_link_that_somebody_sends_does_not_change_what_i_chose(reader, service):
    keep_logs(service, a_log())
    reader.get("/dashboard?column=path&column=status")

    assert headings(page(reader, "/dashboard?columns=path,trace")) == ["path", "trace"]
    assert headings(page(reader, "/dashboard")) == ["status", "path"]


def test_the_usual_columns_are_no_choice_to_remember(reader, service):
    keep_logs(service, a_log())
    reader.get("/dashboard?column=status")
    usual = ("time", "status", "method", "latency", "consumer", "service")

    answer = reader.get("/dashboard?" + "&".join(f"column={name}" for name in usual))

    assert answer["Location"] == "/dashboard?"
    assert not reader.cookies[COOKIE].value


def test_the_filter_form_and_the_chooser_keep_each_other(reader, service):
    keep_logs(service, a_log())

    text = page(reader, "/dashboard?columns=time,path&method=GET")

    form = re.search(r'<form class="log-filter".*?</form>', text, re.DOTALL)[0]
    chooser = re.search(r'<details class="menu columns">.*?</details>', text, re.DOTALL)[0]
    assert '<input type="hidden" name="columns" value="time,path">' in form
    assert '<input type="hidden" name="method" value="GET">' in chooser
