"""The pages of tags and proxies, and that of an Uptime Kuma's backup."""

import hashlib
import json
import re

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone

from monitor.lib.secrets import unseal
from monitor.models import Monitor, MonitorProxy, MonitorTag
from monitor.models.people import Role
from monitor.monitors.kuma_pages import TOO_LARGE
from monitor.monitors.register import change_monitor
from tests.factories import a_client, a_user, an_organization
from tests.monitors.scenes import a_monitor, a_proxy
from tests.monitors.test_kuma import backup, row

pytestmark = pytest.mark.django_db


@pytest.fixture
def organization():
    return an_organization()


@pytest.fixture
def person(organization):
    return a_client(user=a_user(organization, "admin"))


@pytest.fixture
def viewer(organization):
    return a_client(user=a_user(organization, "viewer"))


def text_of(answer):
    return answer.content.decode()


# --- Tags --------------------------------------------------------------------------------------------------


def test_a_tag_is_made_renamed_on_its_monitors_and_removed_with_what_carries_it_shown(person, organization):
    carrier = a_monitor(organization, name="the till", tags=["shop"])
    a_monitor(name="of others", tags=["shop"])
    made = person.post("/monitors/tags", {"name": "blue"})
    tag = MonitorTag.objects.get(organization=organization, name="shop")

    page = text_of(person.get("/monitors/tags"))
    assert made.status_code == 302
    assert re.findall(r'class="row-link monitor-link"[^>]*>(\w+)<', page) == ["blue", "shop"]
    one = text_of(person.get(f"/monitors/tags/{tag.id}"))
    assert "the till" in one
    assert "of others" not in one
    assert "taken off 1 monitor;" in one

    person.post(f"/monitors/tags/{tag.id}", {"name": "store"})
    carrier.refresh_from_db()
    assert carrier.tags == ["store"]
    person.post(f"/monitors/tags/{tag.id}/delete")
    carrier.refresh_from_db()
    assert carrier.tags == []
    assert not MonitorTag.objects.filter(id=tag.id).exists()


def test_a_name_that_is_taken_is_said_at_its_field_and_changes_nothing(person, organization):
    MonitorTag.objects.create(organization=organization, name="blue")
    tag = MonitorTag.objects.create(organization=organization, name="red")

    again = person.post("/monitors/tags", {"name": "blue"})
    renamed = person.post(f"/monitors/tags/{tag.id}", {"name": "blue"})

    for answer in (again, renamed):
        assert answer.status_code == 400
        assert "The organization has one of this name." in text_of(answer)
    assert sorted(MonitorTag.objects.values_list("name", flat=True)) == ["blue", "red"]


def test_who_is_in_several_organizations_says_where_a_tag_goes(organization):
    other = an_organization(name="another")
    user = a_user(organization, "admin")
    user.memberships.create(organization=other, role=Role.ADMIN)
    person = a_client(user=user)

    assert 'name="organization"' in text_of(person.get("/monitors/tags"))
    person.post("/monitors/tags", {"name": "blue", "organization": str(other.id)})

    assert MonitorTag.objects.get().organization == other


def test_a_viewer_reads_tags_and_proxies_and_changes_none(viewer, organization):
    tag = MonitorTag.objects.create(organization=organization, name="blue")
    proxy = a_proxy(organization)

    for address in ("/monitors/tags", f"/monitors/tags/{tag.id}", "/monitors/proxies"):
        assert "btn-danger" not in text_of(viewer.get(address))
    answers = [
        viewer.post("/monitors/tags", {"name": "red"}),
        viewer.post(f"/monitors/tags/{tag.id}", {"name": "red"}),
        viewer.post(f"/monitors/tags/{tag.id}/delete"),
        viewer.get("/monitors/proxies/new"),
        viewer.get(f"/monitors/proxies/{proxy.id}"),
        viewer.post(f"/monitors/proxies/{proxy.id}/delete"),
        viewer.get("/monitors/import-kuma"),
    ]

    assert [answer.status_code for answer in answers] == [403] * len(answers)
    assert list(MonitorTag.objects.values_list("name", flat=True)) == ["blue"]
    assert MonitorProxy.objects.exists()


def test_what_is_another_organizations_is_not_there(person):
    tag = MonitorTag.objects.create(organization=an_organization(name="another"), name="blue")
    proxy = a_proxy(tag.organization)

    for address in (f"/monitors/tags/{tag.id}", f"/monitors/proxies/{proxy.id}"):
        assert person.get(address).status_code == 404
        assert person.post(f"{address}/delete").status_code == 404


def test_long_lists_take_no_more_queries(person, organization, django_assert_max_num_queries):
    for number in range(30):
        a_monitor(organization, tags=[f"tag {number}"], proxy=a_proxy(organization, name=f"way {number}"))

    # Session, person, memberships twice over, and the menu; then rows and who carries them.
    with django_assert_max_num_queries(11):
        person.get("/monitors/tags")
    with django_assert_max_num_queries(10):
        person.get("/monitors/proxies")


# --- Proxies -----------------------------------------------------------------------------------------------

PROXY = {"name": "way out", "url": "http://proxy.example:3128", "username": "ada", "password": "hunter22"}


def test_a_proxys_password_is_sealed_kept_when_nothing_is_typed_and_never_shown(person):
    assert person.post("/monitors/proxies/new", PROXY).status_code == 302
    proxy = MonitorProxy.objects.get()
    address = f"/monitors/proxies/{proxy.id}"

    for page in (person.get("/monitors/proxies"), person.get(address)):
        assert "hunter22" not in text_of(page)
    changed = person.post(address, {**PROXY, "password": "", "name": "the way out"})
    proxy.refresh_from_db()
    assert (changed.status_code, proxy.name, unseal(proxy.sealed)) == (302, "the way out", "hunter22")
    refused = person.post(address, {**PROXY, "password": "", "url": "http://evil.example:3128"})
    assert refused.status_code == 400
    assert "send the password again" in text_of(refused)
    person.post(address, {**PROXY, "password": "", "forget_password": "on"})
    proxy.refresh_from_db()
    assert proxy.sealed is None


def test_what_is_wrong_with_a_proxy_is_said_and_what_was_typed_stays_but_its_password(person):
    answer = person.post("/monitors/proxies/new", {**PROXY, "url": "ftp://proxy.example"})

    assert answer.status_code == 400
    assert 'value="ftp://proxy.example"' in text_of(answer)
    assert "hunter22" not in text_of(answer)
    assert not MonitorProxy.objects.exists()


def test_a_proxy_in_use_shows_by_whom_and_stays(person, organization):
    proxy = a_proxy(organization, name="way out")
    monitor = a_monitor(organization, name="the till", proxy=proxy)
    address = f"/monitors/proxies/{proxy.id}"

    page = text_of(person.get(address))
    assert "the till" in page
    assert "Remove this proxy" not in page
    person.post(f"{address}/delete")
    assert MonitorProxy.objects.exists()

    change_monitor(monitor, {"proxy": None}, None, now=timezone.now())
    assert "Remove this proxy" in text_of(person.get(address))
    person.post(f"{address}/delete")
    assert not MonitorProxy.objects.exists()


# --- Uptime Kuma -------------------------------------------------------------------------------------------

HTTP_WITH_A_LOGIN = {
    "url": "https://shop.example/",
    "authMethod": "basic",
    "basic_auth_user": "ada",
    "basic_auth_pass": "hunter22",
}


def a_file(text):
    return SimpleUploadedFile("backup.json", text.encode(), content_type="application/json")


def carried_by(page):
    return re.search(r'name="carried" value="([^"]+)"', text_of(page))[1]


def test_a_backup_is_shown_as_a_plan_and_then_brought_in_as_it_was_shown(person):
    text = backup(
        row(1, "shop", "http", **HTTP_WITH_A_LOGIN),
        row(2, "upside", "http", url="https://a.example", upsideDown=True),
    )

    plan = person.post("/monitors/import-kuma", {"file": a_file(text)})

    page = text_of(plan)
    assert plan.status_code == 200
    assert "1 taken, 0 changed, 1 left out" in page
    assert "Upside down" in page
    assert "Import 1 monitor<" in page
    assert not Monitor.objects.exists()
    # The file comes along sealed: a page that is saved or cached tells no password of any monitor.
    assert "hunter22" not in page
    assert "no-store" in plan["Cache-Control"]

    done = person.post("/monitors/import-kuma", {"carried": carried_by(plan)})

    assert (done.status_code, done["Location"]) == (302, "/monitors")
    assert Monitor.objects.get().name == "shop"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "Choose a file."),
        ({"file": "nothing of the kind"}, "This is not JSON."),
        ({"file": "{}"}, "no backup of Uptime Kuma"),
        ({"carried": "gAAAAABnonsense"}, "choose the file again"),
    ],
)
def test_what_is_no_backup_is_said_and_brings_nothing(person, given, said):
    given = {name: a_file(text) if name == "file" else text for name, text in given.items()}

    answer = person.post("/monitors/import-kuma", given)

    assert answer.status_code == 400
    assert said in text_of(answer)
    assert not Monitor.objects.exists()


def test_a_backup_of_hundreds_of_monitors_fits_the_page_and_a_vast_one_is_led_to_the_command(person):
    many = backup(*(row(number, f"m{number}", "http", url="https://a.example/") for number in range(400)))
    # What does not compress: digests.
    digests = [hashlib.sha256(str(number).encode()).hexdigest() for number in range(40_000)]
    vast = json.dumps({"monitorList": [], "noise": digests})

    assert "400 taken" in text_of(person.post("/monitors/import-kuma", {"file": a_file(many)}))
    refused = person.post("/monitors/import-kuma", {"file": a_file(vast)})
    assert (refused.status_code, TOO_LARGE in text_of(refused)) == (400, True)
