"""The admin in a real Chromium: what the content policy blocks shows in its console."""

import re
from collections.abc import Iterator

import pytest
from django.contrib.auth.models import User
from django.db import connections
from django.urls import reverse
from playwright.sync_api import Page

from monitor.lib.apikeys import KEY_PATTERN, looks_valid
from monitor.models import ApiKey, Membership, Organization, Service
from tests.admin.conftest import keep
from tests.browser import browser_page

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
]


@pytest.fixture
def page(monkeypatch: pytest.MonkeyPatch) -> Iterator[Page]:
    """A page of 360 px that fails its test when the console holds an error or a blocked resource."""
    # Playwright runs a loop in this thread, beside which Django would refuse to use the database.
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
    with browser_page(viewport={"width": 360, "height": 740}) as page:
        yield page
        # Made beside that loop, they are out of sight once it ends, and would keep the database in use.
        connections.close_all()


@pytest.fixture
def signed_in(page, live_server, transactional_db):
    """The page, after the operator signed in by the form."""
    User.objects.create_superuser("ada", password="correct-horse-battery")
    service = Service.objects.create(organization=Organization.objects.create(name="Acme"), name="orders")
    keep(service, {"status_code": 500, "error": "no answer", "request_body": '{"a": [1, 2]}'})
    page.goto(f"{live_server.url}/admin/")
    page.fill("#id_username", "ada")
    page.fill("#id_password", "correct-horse-battery")
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.wait_for_selector("text=The last hour")
    return page


def test_no_page_of_the_admin_asks_for_what_the_policy_blocks_or_is_wider_than_a_phone(
    signed_in, live_server
):
    page = signed_in
    links = page.eval_on_selector_all("#content-main a", "links => links.map(link => link.pathname)")
    assert len(links) >= 13

    for link in ["/admin/", *dict.fromkeys(links)]:
        page.goto(f"{live_server.url}{link}", wait_until="networkidle")
        assert page.evaluate("document.documentElement.scrollWidth") <= 360, link
        rows = page.locator("#result_list tbody th a")
        if rows.count():
            rows.first.click()
            page.wait_for_load_state("networkidle")
            assert "/change/" in page.url
            assert page.evaluate("document.documentElement.scrollWidth") <= 360, page.url


def test_a_new_key_is_copied_and_a_reload_makes_no_second_one(signed_in, live_server):
    page = signed_in
    page.goto(live_server.url + reverse("admin:monitor_apikey_add"))
    page.select_option("#id_service", label="orders (Acme)")
    page.fill("#id_name", "laptop")
    page.click("input[name=_save]")

    shown = page.inner_text(".secret code")
    page.click(".secret button")
    page.wait_for_selector("text=Copied")
    page.reload()

    assert looks_valid(shown)
    assert page.url == live_server.url + reverse("admin:monitor_apikey_changelist")
    assert not KEY_PATTERN.search(page.content())
    assert ApiKey.objects.count() == 1


def test_keys_are_rotated_and_revoked_by_clicking(signed_in, live_server):
    page = signed_in
    page.goto(live_server.url + reverse("admin:monitor_apikey_add"))
    page.select_option("#id_service", label="orders (Acme)")
    page.fill("#id_name", "laptop")
    page.click("input[name=_save]")
    old = ApiKey.objects.get()

    page.goto(live_server.url + reverse("admin:monitor_apikey_change", args=[old.pk]))
    page.click("text=Rotate…")
    page.check("text=In an hour")
    page.click("input[name=confirmed]")
    successor = page.inner_text(".secret code")
    page.goto(live_server.url + reverse("admin:monitor_apikey_change", args=[old.pk]))
    page.click("text=Revoke…")
    page.click("input[name=confirmed]")
    page.wait_for_selector("text=1 key revoked.")

    old.refresh_from_db()
    assert looks_valid(successor)
    assert old.revoked_at is not None
    assert ApiKey.objects.exclude(pk=old.pk).get().revoked_at is None


def test_a_member_is_added_by_searching_for_the_person(signed_in, live_server):
    page = signed_in
    page.goto(live_server.url + reverse("admin:monitor_membership_add"))

    for field, words in (("organization", "Acm"), ("user", "ad")):
        page.click(f".field-{field} .select2-selection")
        page.keyboard.type(words)
        page.click(".select2-results__option--highlighted")
    page.click("input[name=_save]")
    page.wait_for_selector("text=was added successfully")

    membership = Membership.objects.get()
    assert (membership.organization.name, membership.user.username) == ("Acme", "ada")


def test_the_chosen_colours_hold_on_the_next_page(signed_in, live_server):
    page = signed_in
    ground = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(ground)

    page.click("[data-theme-choice=dark]")
    dark = page.evaluate(ground)
    page.goto(live_server.url + reverse("admin:monitor_service_changelist"))

    assert page.evaluate(ground) == dark != light
    assert re.fullmatch(r"rgb\(.+\)", dark)
