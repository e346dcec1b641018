"""What monitors share: tags, proxies, and what is done to many at once."""

import asyncio
from datetime import timedelta

import pytest
from django.core.management import call_command
from django.utils import timezone

from monitor.lib.masking import MASK
from monitor.models import Monitor, MonitorCheck, MonitorProxy, MonitorTag
from monitor.monitors.claiming import claim_due
from monitor.monitors.config import options_of
from monitor.monitors.proxies import save_proxy
from monitor.monitors.register import clone_monitor
from tests.factories import a_client, a_key, a_service, a_user, an_organization, post_json
from tests.monitors.scenes import a_monitor, a_proxy
from tests.monitors.test_api import patch_json
from tests.monitors.test_pages import form

pytestmark = pytest.mark.django_db


@pytest.fixture
def organization():
    return an_organization()


@pytest.fixture
def client(organization):
    return a_client(a_key(organization=organization, scopes=["read", "manage"])[1])


@pytest.fixture
def person(organization):
    return a_client(user=a_user(organization, "admin"))


# --- Tags --------------------------------------------------------------------------------------------------


def test_what_monitors_carry_is_listed_with_how_many_carry_it(client, organization):
    post_json(client, "/v1/monitors", {"name": "a", "kind": "group", "tags": ["shop", "blue"]})
    a_monitor(organization, tags=["shop"])
    a_monitor(tags=["elsewhere"])

    found = {each["name"]: each["monitors"] for each in client.get("/v1/tags").json()}

    assert found == {"shop": 2, "blue": 1}


def test_a_tag_is_renamed_and_removed_on_its_monitors_alone(client, organization):
    mine, other = a_monitor(organization, tags=["shop", "eu"]), a_monitor(tags=["shop"])
    address = f"/v1/tags/{MonitorTag.objects.get(organization=organization, name='shop').id}"

    renamed = patch_json(client, address, {"name": "store"})

    assert (renamed.status_code, renamed.json()["monitors"]) == (200, 1)
    mine.refresh_from_db()
    assert mine.tags == ["store", "eu"]
    assert client.delete(address).status_code == 204
    mine.refresh_from_db()
    other.refresh_from_db()
    assert (mine.tags, other.tags) == (["eu"], ["shop"])


def test_two_tags_of_one_name_are_refused(client, organization):
    a_monitor(organization, tags=["shop", "eu"])
    eu = MonitorTag.objects.get(organization=organization, name="eu")

    made = post_json(client, "/v1/tags", {"name": "shop"})
    renamed = patch_json(client, f"/v1/tags/{eu.id}", {"name": "shop"})

    assert (made.status_code, renamed.status_code) == (409, 409)
    assert post_json(client, "/v1/tags", {"name": "new"}).json()["monitors"] == 0
    assert post_json(client, "/v1/tags", {"name": ""}).status_code == 400


def test_the_lists_cost_the_same_however_long_they_are(client, organization, django_assert_num_queries):
    def make(number):
        for place in range(number):
            a_monitor(organization, tags=[f"tag {number} {place}"])
            a_proxy(organization, name=f"proxy {number} {place}")

    client.get("/v1/tags")
    for number in (2, 8):
        make(number)
        # The key; the page; of tags, who carries them.
        with django_assert_num_queries(3):
            client.get("/v1/tags")
        with django_assert_num_queries(2):
            client.get("/v1/proxies")


# --- Proxies -----------------------------------------------------------------------------------------------


def test_a_proxy_is_made_changed_and_removed_and_its_password_is_sealed(client):
    made = post_json(
        client,
        "/v1/proxies",
        {"name": "out", "url": "socks5://proxy.example:1080", "username": "me", "password": "w0rd"},
    )
    assert made.status_code == 201, made.json()
    address = f"/v1/proxies/{made.json()['id']}"
    assert (made.json()["password"], made.json()["monitors"]) == (MASK, 0)
    assert b"w0rd" not in bytes(MonitorProxy.objects.get().sealed)

    same = patch_json(client, address, {"name": "way out", "password": MASK})

    assert (same.status_code, same.json()["name"]) == (200, "way out")
    call_command("seal_secrets", verbosity=0)
    assert client.get(address).json()["password"] == MASK
    assert client.delete(address).status_code == 204


def test_a_password_does_not_follow_its_proxy_to_another_host(client, organization):
    address = f"/v1/proxies/{a_proxy(organization, password='w0rd').id}"

    moved = patch_json(client, address, {"url": "http://evil.example:8080"})
    masked = patch_json(client, address, {"url": "http://evil.example:8080", "password": MASK})
    told = patch_json(client, address, {"url": "http://other.example:8080", "password": "new"})
    without = patch_json(client, address, {"password": ""})

    assert [each.status_code for each in (moved, masked, told, without)] == [400, 400, 200, 200]
    assert without.json()["password"] == ""


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"url": "ftp://proxy.example"}, "url"),
        ({"url": "http://me:pw@proxy.example:8080"}, "url"),
        ({"url": "http://proxy.example", "password": MASK}, "password"),
    ],
)
def test_what_cannot_be_a_proxy_is_refused(client, fields, field):
    answer = post_json(client, "/v1/proxies", {"name": "out", **fields})

    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, field)
    assert not MonitorProxy.objects.exists()


def test_a_monitor_goes_through_its_proxy_which_then_stays(client, organization):
    proxy = a_proxy(organization, url="socks5://127.0.0.1:1080", username="me", password="w0rd")
    made = post_json(
        client,
        "/v1/monitors",
        {
            "name": "Shop",
            "kind": "http",
            "config": {"url": "https://shop.example/"},
            "proxy_id": str(proxy.id),
        },
    )
    assert made.status_code == 201, made.json()

    monitor = Monitor.objects.get()
    options = options_of(monitor).proxy
    assert (options.url, options.username, options.password) == ("socks5://127.0.0.1:1080", "me", "w0rd")
    assert options_of(clone_monitor(monitor, name="copy", now=timezone.now())).proxy.password == "w0rd"
    refused = client.delete(f"/v1/proxies/{proxy.id}")
    assert (refused.status_code, refused.json()["code"]) == (409, "conflict")
    assert patch_json(client, f"/v1/monitors/{monitor.id}", {"proxy_id": None}).json()["proxy_id"] is None


def test_a_changed_proxy_reaches_probers_that_remember_options(organization):
    proxy = a_proxy(organization)
    monitor = a_monitor(organization, proxy=proxy)
    before = monitor.updated_at

    save_proxy(proxy, {"url": "http://127.0.0.1:11"}, now=timezone.now())
    MonitorCheck.objects.update(next_check_at=timezone.now() - timedelta(seconds=1))
    (claimed,) = claim_due(region="", limit=9, now=timezone.now())

    assert claimed.monitor.updated_at > before

    async def read():
        # The prober's loop may ask the database nothing.
        return options_of(claimed.monitor)

    assert asyncio.run(read()).proxy.url == "http://127.0.0.1:11"


def test_the_form_offers_the_proxies_of_the_organization(person, organization):
    proxy, other = a_proxy(organization, name="way out"), a_proxy(name="not mine")
    page = person.get("/monitors/new?kind=http").content.decode()
    assert "way out" in page
    assert "not mine" not in page
    assert "way out" not in person.get("/monitors/new?kind=tcp").content.decode()

    made = person.post("/monitors/new?kind=http", form(proxy_id=str(proxy.id)))

    assert made.status_code == 302, made.content.decode()
    monitor = Monitor.objects.get()
    assert monitor.proxy == proxy
    foreign = person.post(f"/monitors/{monitor.id}/edit", form(proxy_id=str(other.id)))
    assert foreign.status_code == 400
    person.post(f"/monitors/{monitor.id}/edit", form())
    monitor.refresh_from_db()
    assert monitor.proxy is None


@pytest.mark.parametrize(
    ("kind", "config"),
    [
        ("tcp", {"host": "a.example", "port": 1}),
        ("http", {"url": "https://a.example/", "proxy": {"url": "http://p.example:1"}}),
    ],
)
def test_a_kind_without_proxies_and_two_proxies_at_once_are_refused(client, organization, kind, config):
    proxy_id = str(a_proxy(organization).id)

    answer = post_json(
        client, "/v1/monitors", {"name": "a", "kind": kind, "config": config, "proxy_id": proxy_id}
    )

    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, "proxy_id")


def test_a_proxy_of_another_organization_is_none(client):
    look = {"kind": "http", "config": {"url": "https://a.example/"}}
    proxy_id = str(a_proxy().id)

    answer = post_json(client, "/v1/monitors", {"name": "a", **look, "proxy_id": proxy_id})
    looked = post_json(
        client,
        "/v1/monitors/test",
        {**look, "proxy_id": proxy_id},
    )

    assert (answer.status_code, looked.status_code) == (400, 404)


# --- Many at once ------------------------------------------------------------------------------------------


def test_tags_are_added_to_many_and_taken_off_and_the_others_stay(client, organization):
    one, two = a_monitor(organization, tags=["a"]), a_monitor(organization, tags=["b"])
    ids = [str(one.id), str(two.id)]

    def change(**changes):
        return post_json(client, "/v1/monitors/batch", {"ids": ids, "action": "change", "changes": changes})

    assert change(add_tags=["b", "c"], remove_tags=["a"]).json() == {"done": 2}
    assert list(Monitor.objects.order_by("id").values_list("tags", flat=True)) == [["b", "c"], ["b", "c"]]
    assert change(add_tags="c").status_code == 400
    assert change(add_tags=["c"], tags=["d"]).status_code == 400


def test_chosen_monitors_are_changed_from_the_list(person, organization):
    one, two, three = (a_monitor(organization, name=name) for name in ("one", "two", "three"))
    chosen = [str(one.id), str(two.id)]

    def press(action, **fields):
        return person.post("/monitors/batch", {"id": chosen, "action": action, "back": "kind=http", **fields})

    page = person.get("/monitors").content.decode()
    assert f'value="{three.id}" form="many"' in page
    answer = press("pause")
    assert (answer.status_code, answer["Location"]) == (302, "/monitors?kind=http")
    assert set(Monitor.objects.filter(is_active=False)) == {one, two}
    press("resume")
    press("tag", tag="shop")
    press("interval", interval_s="120")
    assert list(Monitor.objects.filter(tags=["shop"], interval_s=120, is_active=True)) == [one, two]
    press("untag", tag="shop")
    press("remove")
    assert list(Monitor.objects.all()) == [three]


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"action": "pause", "id": []}, "Choose monitors first."),
        ({"action": "tag", "tag": " "}, "Say what is to be done"),
        ({"action": "interval", "interval_s": "soon"}, "Say what is to be done"),
        ({"action": "interval", "interval_s": "1"}, "greater than or equal to 5"),
        ({"action": "explode"}, "Say what is to be done"),
    ],
)
def test_what_cannot_be_done_to_many_is_said_and_changes_nothing(person, organization, fields, said):
    monitor = a_monitor(organization)

    page = person.post("/monitors/batch", {"id": [str(monitor.id)], **fields}, follow=True)

    assert said in page.content.decode()
    assert list(Monitor.objects.values_list("interval_s", "is_active", "tags")) == [(60, True, [])]


def test_a_viewer_and_another_organization_change_nothing_of_many(person, organization):
    mine, other = a_monitor(organization), a_monitor()
    viewer = a_client(user=a_user(organization, "viewer"))

    assert 'form="many"' not in viewer.get("/monitors").content.decode()
    refused = viewer.post("/monitors/batch", {"id": [str(mine.id)], "action": "remove"})
    beyond = person.post("/monitors/batch", {"id": [str(mine.id), str(other.id)], "action": "remove"})

    assert (refused.status_code, beyond.status_code) == (403, 404)
    assert Monitor.objects.count() == 2


def test_a_key_of_one_service_reads_tags_and_proxies_and_changes_none(organization):
    service = a_service(organization=organization)
    proxy = a_proxy(organization)
    client = a_client(a_key(service, scopes=["read", "manage"])[1])

    assert client.get(f"/v1/proxies/{proxy.id}").status_code == 200
    assert client.delete(f"/v1/proxies/{proxy.id}").status_code == 403
    assert post_json(client, "/v1/tags", {"name": "mine"}).status_code == 403
