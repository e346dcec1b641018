"""What is picked once for all pages: live or test requests, and one environment."""

import re
from html import unescape

import pytest
from django.urls import reverse
from django.utils import timezone

from monitor.lib.actors import Role
from monitor.metrics.compact import compact
from tests.factories import a_client, a_log, a_service, a_user, an_organization, keep_logs

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


def pick(reader, **fields):
    return reader.post("/picked", fields)


@pytest.mark.parametrize("name", ["logs", "metrics", "endpoints", "consumers"])
def test_each_page_leads_to_an_address_that_says_what_is_picked(reader, name):
    address = reverse(f"pages:{name}")
    pick(reader, mode="live", environment="prod")

    answer = reader.get(address + "?window=24h")

    assert answer.status_code == 302
    assert answer["Location"] == f"{address}?window=24h&mode=live&environment=prod"
    page = reader.get(answer["Location"]).content.decode()
    chips = re.findall(r'<li class="chip">(\S.*?) <b>(.*?)</b>', page)
    assert {("Mode", "live"), ("Environment", "prod")} <= set(chips)
    assert "address says otherwise" not in page


def test_issues_go_by_the_mode_and_not_by_the_environment(reader):
    pick(reader, mode="test", environment="prod")

    assert reader.get(reverse("pages:issues"))["Location"] == reverse("pages:issues") + "?mode=test"


def test_only_requests_of_what_is_picked_are_shown(reader, service):
    keep_logs(
        service,
        a_log(path="/only-a", environment="prod"),
        a_log(path="/only-b", environment="staging"),
    )
    pick(reader, environment="staging")

    shown = reader.get("/dashboard?window=24h", follow=True).content.decode()

    assert re.findall(r"[ >](/only-[ab])<", shown) == ["/only-b"]


def test_an_address_that_says_something_else_is_taken_at_its_word(reader):
    pick(reader, mode="live", environment="prod")

    said = "/dashboard?window=24h&mode=test&environment=staging"

    page = reader.get(said)
    assert page.status_code == 200
    assert "address says otherwise" in page.content.decode()
    assert reader.get("/dashboard?mode=&environment=").status_code == 200
    assert reader.get("/dashboard?mode=live&q=env:staging").status_code == 200


def test_a_link_from_elsewhere_is_taken_as_it_is_and_a_bare_address_is_not(reader):
    pick(reader, mode="live")
    mail = {"Sec-Fetch-Site": "cross-site"}

    assert reader.get("/dashboard?window=24h", headers=mail).status_code == 200
    assert reader.get("/dashboard", headers=mail)["Location"] == "/dashboard?mode=live"
    assert reader.get("/dashboard?window=24h", headers={"Sec-Fetch-Site": "same-origin"}).status_code == 302


def test_taking_the_filter_away_shows_all_although_something_is_picked(reader, service):
    keep_logs(service, a_log())
    pick(reader, environment="prod")

    page = reader.get("/dashboard?window=24h&environment=prod").content.decode()
    [without] = [
        unescape(href) for href in re.findall(r'class="chip-x" href="(.*?)"', page) if "environment" in href
    ]

    assert without == "?window=24h&environment="
    answer = reader.get("/dashboard" + without)
    assert answer.status_code == 200
    assert '<li class="chip">Environment' not in answer.content.decode()


def test_the_empty_word_leaves_the_address_where_nothing_is_picked(reader):
    assert reader.get("/dashboard?window=24h&environment=")["Location"] == "/dashboard?window=24h"


def test_picking_leads_back_to_the_page_and_one_button_shows_all_again(reader):
    answer = pick(reader, mode="test", next="/dashboard?window=24h&mode=live&environment=prod&cursor=x")

    assert answer["Location"] == "/dashboard?window=24h"
    assert "Show all again" in reader.get(reverse("pages:services")).content.decode()
    pick(reader, mode="", environment="", next="/dashboard")
    assert reader.get("/dashboard").status_code == 200
    assert "Show all again" not in reader.get(reverse("pages:services")).content.decode()


def test_one_is_changed_without_the_other(reader):
    pick(reader, mode="test", environment="prod")
    pick(reader, mode="live")

    assert reader.get("/dashboard")["Location"] == "/dashboard?mode=live&environment=prod"


@pytest.mark.parametrize("elsewhere", ["https://evil.example/x", "//evil.example", "javascript:alert(1)", ""])
def test_picking_leads_to_no_other_site(reader, elsewhere):
    assert pick(reader, mode="test", next=elsewhere)["Location"] == "/dashboard"


def test_nonsense_in_the_cookie_picks_nothing(reader):
    reader.cookies["picked"] = "mode=everything&environment=%00"

    assert reader.get("/dashboard").status_code == 200


def test_the_environments_of_the_last_month_are_offered_and_no_others(reader, service):
    keep_logs(service, a_log(environment="prod"), a_log(environment="staging"))
    elsewhere = a_service(name="foreign")
    keep_logs(elsewhere, a_log(environment="secret-place"))
    compact(now=timezone.now())

    page = reader.get("/picked").content.decode()

    assert re.findall(r'name="environment" value="(.+?)"', page.split("<main")[1]) == ["prod", "staging"]


def test_a_filter_that_is_changed_by_its_form_keeps_the_mode(reader):
    pick(reader, mode="test")

    page = reader.get(reverse("pages:endpoints") + "?mode=test").content.decode()

    assert '<input type="hidden" name="mode" value="test">' in page.split("<main")[1]


def test_the_page_asks_little_of_the_database(reader, service, django_assert_max_num_queries):
    with django_assert_max_num_queries(8):
        reader.get("/picked")
