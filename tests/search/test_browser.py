"""The log table in a real browser: keys, the rail, drag to zoom, saved views."""

import re
from collections.abc import Iterator
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from django.db import connections
from django.utils import timezone
from playwright.sync_api import Page, expect

from monitor.models import SavedView
from tests.browser import browser_page
from tests.factories import a_log, a_service, keep_logs, rfc3339, the_default_organization

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def table(monkeypatch, settings, live_server) -> Iterator[Page]:
    """The log table over the last 24 hours, with its rail; eight requests by two consumers."""
    # Playwright runs a loop in this thread, beside which Django would refuse to use the database.
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
    settings.ANONYMOUS_ACCESS = "full"
    service = a_service(the_default_organization(), name="shop")
    now = timezone.now()
    logs = [
        a_log(
            method="POST" if number % 2 else "GET",
            path=f"/{'orders' if number < 6 else 'login'}",
            route=f"/{'orders' if number < 6 else 'login'}",
            consumer="acme & co" if number < 5 else "zen",
            timestamp=rfc3339(now - timedelta(hours=2 * number, minutes=1)),
        )
        for number in range(8)
    ]
    keep_logs(service, *logs)
    with browser_page(viewport={"width": 1280, "height": 900}) as page:
        page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        page.goto(f"{live_server.url}/dashboard?window=24h")
        expect(page.locator(".facet-value").first).to_be_visible()
        yield page
        # Made beside that loop, they are out of sight once it ends, and would keep the database in use.
        connections.close_all()


def asked(page: Page) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(page.url).query).items()}


def rows(page: Page):
    return page.locator("[data-row]")


def in_rail(page: Page, name: str):
    return page.locator(".facet-value").filter(has=page.locator(f".facet-only:text-is('{name}')"))


def test_a_reader_goes_through_the_table_by_keys_alone(table):
    table.keyboard.press("/")
    expect(table.locator("#id_q")).to_be_focused()
    table.keyboard.type("-method:POST")
    expect(rows(table)).to_have_count(4)
    # The rail follows the filter.
    expect(in_rail(table, "POST")).to_have_count(0)
    expect(in_rail(table, "GET").locator(".facet-count")).to_have_text("4")
    table.keyboard.press("Escape")

    table.keyboard.press("j")
    table.keyboard.press("j")
    table.keyboard.press("k")
    expect(rows(table).first).to_have_class(re.compile("is-chosen"))
    table.keyboard.press("e")
    expect(rows(table)).to_have_count(1)
    assert asked(table)["q"] == '-method:POST -endpoint:"GET /orders"'

    table.keyboard.press("j")
    table.keyboard.press("Enter")
    expect(table.get_by_role("heading", level=1)).to_contain_text("/login")
    table.keyboard.press("?")
    expect(table.get_by_text("Only, exclude or copy the focused value")).to_be_visible()
    table.keyboard.press("Escape")

    # Back from it, the keys go on from the row that was opened.
    table.go_back()
    expect(rows(table).first.locator(".row-link")).to_be_focused()
    expect(rows(table).first).to_have_class(re.compile("is-chosen"))


def test_the_search_box_offers_fields_and_values_under_the_caret(table):
    box, offered = (
        table.locator("#id_q"),
        table.get_by_role("listbox", name="What may stand here").locator("li"),
    )
    table.keyboard.press("/")
    table.keyboard.type("method:POST -con")
    expect(offered).to_have_text([re.compile("^-consumer:")])
    table.keyboard.press("ArrowDown")
    table.keyboard.press("Enter")
    expect(box).to_have_value("method:POST -consumer:")
    expect(offered).to_have_text(["acme & co5", "zen3"])

    table.keyboard.type("AC")
    expect(offered).to_have_text(["acme & co5"])
    offered.first.click()
    expect(box).to_have_value('method:POST -consumer:"acme & co" ')
    expect(box).to_be_focused()
    expect(rows(table)).to_have_count(2)

    # What is typed is never taken for what is offered, and Escape closes the list before it leaves the box.
    table.keyboard.type("st")
    expect(offered).to_have_text([re.compile("^status:")])
    table.keyboard.press("Escape")
    expect(offered).to_have_count(0)
    expect(box).to_be_focused()
    assert box.input_value().endswith(" st")


def test_the_focused_cell_is_what_keys_mean(table):
    table.keyboard.press("j")
    cell = rows(table).first.locator(".c-consumer a")
    cell.focus()

    table.keyboard.press("c")
    expect(table.get_by_role("status").filter(has_text="Copied")).to_be_visible()
    assert table.evaluate("navigator.clipboard.readText()") == "acme & co"
    table.keyboard.press("e")
    expect(rows(table)).to_have_count(3)
    assert asked(table) == {"window": "24h", "q": '-consumer:"acme & co"'}

    rows(table).first.locator(".c-method a").focus()
    table.keyboard.press("o")
    expect(table.locator(".chip").filter(has_text="Method")).to_be_visible()
    assert asked(table)["method"] == "POST"


def test_the_rail_narrows_excludes_and_copies(table):
    in_rail(table, "zen").locator(".facet-only").click()
    expect(rows(table)).to_have_count(3)
    expect(in_rail(table, "zen")).to_have_class(re.compile("is-only"))

    in_rail(table, "GET").hover()
    in_rail(table, "GET").get_by_title("All but GET").click()
    expect(rows(table)).to_have_count(2)
    assert asked(table) == {"window": "24h", "consumer": "zen", "q": "-method:GET"}

    in_rail(table, "POST /orders").hover()
    in_rail(table, "POST /orders").get_by_title("Copy POST /orders").click()
    expect(table.get_by_role("status").filter(has_text="Copied")).to_be_visible()
    assert table.evaluate("navigator.clipboard.readText()") == "POST /orders"

    in_rail(table, "zen").locator(".facet-only").click()
    expect(rows(table)).to_have_count(4)


def test_a_cell_offers_the_three_actions_when_it_is_pointed_at(table):
    rows(table).first.locator(".c-consumer a").hover()
    offered = table.get_by_role("toolbar", name="acme & co")

    expect(offered.get_by_role("link", name="Only")).to_be_visible()
    offered.get_by_role("button", name="Copy").click()
    assert table.evaluate("navigator.clipboard.readText()") == "acme & co"
    rows(table).first.locator(".c-path .row-link").hover()
    table.get_by_role("toolbar", name="GET /orders").get_by_role("link", name="Exclude").click()

    expect(rows(table)).to_have_count(5)
    assert asked(table)["q"] == '-endpoint:"GET /orders"'


def test_a_part_of_the_chart_is_dragged_over_and_becomes_the_window(table):
    chart = table.locator("#traffic .chart-svg")
    box = chart.bounding_box()
    middle = box["y"] + box["height"] / 2

    table.mouse.move(box["x"] + box["width"] * 0.8, middle)
    table.mouse.down()
    table.mouse.move(box["x"] + box["width"] * 0.9, middle, steps=4)
    table.mouse.move(box["x"] + box["width"] - 1, middle, steps=4)
    table.mouse.up()
    table.wait_for_url(re.compile("since="))

    # About the last fifth of a day: requests come every two hours.
    assert rows(table).count() in (2, 3)
    assert set(asked(table)) == {"since", "until"}
    expect(in_rail(table, "shop").locator(".facet-count")).to_have_text(str(rows(table).count()))


def test_a_column_of_the_chart_is_clicked_and_becomes_the_window(table):
    chart = table.locator("#traffic .chart-svg")
    chart.scroll_into_view_if_needed()
    box = chart.bounding_box()
    # The table beneath the drawing says which column holds the newest request.
    columns = table.locator("#traffic tbody tr[data-from]")
    index = columns.evaluate_all(
        "rows => rows.findLastIndex("
        "row => [...row.querySelectorAll('td')].some(cell => +cell.textContent > 0))"
    )
    since, until = (columns.nth(index).get_attribute(name) for name in ("data-from", "data-to"))
    share = (index + 0.5) / columns.count()
    table.mouse.click(box["x"] + box["width"] * share, box["y"] + box["height"] / 2)

    table.wait_for_url(re.compile("since="))
    assert (asked(table)["since"], asked(table)["until"]) == (since, until)
    expect(rows(table)).to_have_count(1)


def test_a_search_is_saved_for_the_team_and_found_again(table, live_server):
    table.keyboard.press("/")
    table.keyboard.type("consumer:zen")
    expect(rows(table)).to_have_count(3)
    table.locator("details.columns > summary").click()
    table.get_by_role("checkbox", name="Latency").uncheck()
    table.get_by_role("button", name="Show these").click()
    expect(table.locator("th.c-latency")).to_have_count(0)

    table.locator("details.views > summary").click()
    table.get_by_label("Save this search as").fill("Zen alone")
    table.get_by_role("button", name="Save for the team").click()
    expect(table.get_by_text("“Zen alone” is saved.")).to_be_visible()
    view = SavedView.objects.get()
    assert (
        view.query == "q=consumer%3Azen&window=24h&columns=time%2Cstatus%2Cmethod%2Cpath%2Cconsumer%2Cservice"
    )

    table.goto(f"{live_server.url}/dashboard")
    expect(rows(table)).not_to_have_count(3)
    table.locator("details.views > summary").click()
    table.get_by_role("link", name="Zen alone").click()
    expect(rows(table)).to_have_count(3)
    # What htmx changed since the page came is what is put into the view.
    table.locator("#id_q").fill("consumer:zen method:POST")
    expect(rows(table)).to_have_count(2)
    table.locator("details.views > summary").click()
    table.get_by_role("button", name="Put this search into").click()
    expect(table.get_by_text("“Zen alone” is changed.")).to_be_visible()
    view.refresh_from_db()
    assert view.query.startswith("q=consumer%3Azen+method%3APOST&window=24h")


def test_on_a_phone_values_and_columns_fold_away_and_nothing_is_wider_than_the_screen(table):
    table.set_viewport_size({"width": 360, "height": 740})
    table.goto(f"{table.url}&columns=time,status,method,path,environment,tags,trace,caller,size,service")

    expect(table.locator(".rail-body")).to_be_hidden()
    expect(rows(table).first.locator(".c-service")).to_be_visible()
    for opener in ("[data-rail-fold] > summary", "details.columns > summary"):
        table.locator(opener).click()
        assert table.evaluate("document.documentElement.scrollWidth") == 360, opener
        table.locator(opener).click()
    table.locator("[data-rail-fold] > summary").click()
    expect(in_rail(table, "zen").locator(".facet-act").first).to_be_visible()
