"""Subscribers as those who manage the page see them: through the API and on its page."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from monitor.lib.actors import Role, Scope
from monitor.models import AuditEntry, StatusDelivery, StatusSubscriber
from monitor.status import subscribing
from monitor.status.subscribing import ask, confirm
from tests.factories import a_client, a_key, a_user, an_organization
from tests.status.scenes import a_page

pytestmark = pytest.mark.django_db
EVE = "eve@reader.example"


@pytest.fixture(autouse=True)
def _loopback_may_be_reached(settings):
    settings.QUICK_START = True


@pytest.fixture
def organization():
    return an_organization()


@pytest.fixture
def page(organization):
    return a_page(organization)


@pytest.fixture
def manager(organization):
    return a_client(a_key(organization=organization, scopes=[Scope.READ, Scope.MANAGE])[1])


def test_a_program_adds_lists_and_removes(manager, page):
    address = f"/v1/status-pages/{page.id}/subscribers"
    mail = manager.post(address, {"kind": "email", "target": EVE}, content_type="application/json")
    hook = {"kind": "webhook", "target": "http://127.0.0.1:9/hooks/a-secret"}
    called = manager.post(address, hook, content_type="application/json")

    assert (mail.status_code, mail.json()["state"], mail.json()["target"]) == (201, "pending", EVE)
    assert (called.status_code, called.json()["state"]) == (201, "active")
    # Its path may be its secret.
    assert called.json()["target"] == "127.0.0.1"
    assert (mail.json()["secret"], called.json()["secret"][:6]) == (None, "whsec_")
    again = manager.post(address, hook, content_type="application/json")
    assert (again.json()["id"], again.json()["secret"]) == (called.json()["id"], None)
    assert StatusDelivery.objects.filter(notice=None).count() == 1
    listed = manager.get(address).json()
    assert [each["kind"] for each in listed] == ["webhook", "email"]
    assert all("secret" not in each for each in listed)

    assert manager.delete(f"{address}/{mail.json()['id']}").status_code == 204
    assert manager.delete(f"{address}/{mail.json()['id']}").status_code == 404
    assert [each["kind"] for each in manager.get(address).json()] == ["webhook"]


def test_who_may_only_read_sees_no_whole_address(organization, page):
    ask(page, kind="email", target=EVE, now=timezone.now())
    reader = a_client(a_key(organization=organization, scopes=[Scope.READ])[1])

    (listed,) = reader.get(f"/v1/status-pages/{page.id}/subscribers").json()

    assert listed["target"] == "e…@reader.example"
    viewer = a_client(user=a_user(organization, Role.VIEWER))
    assert EVE not in viewer.get(f"/status-pages/{page.id}/subscribers").content.decode()


@pytest.mark.parametrize(
    ("given", "fields"),
    [
        ({"kind": "email", "target": "eve"}, {"target"}),
        ({"kind": "webhook", "target": "ftp://shop.example"}, {"target"}),
        ({"kind": "sms", "target": "1"}, {"kind"}),
        ({}, {"kind", "target"}),
    ],
    ids=["no address", "no url", "no kind", "nothing"],
)
def test_what_is_wrong_is_said_by_field(manager, page, given, fields):
    answer = manager.post(f"/v1/status-pages/{page.id}/subscribers", given, content_type="application/json")

    assert answer.status_code == 400
    assert {error["field"] for error in answer.json()["errors"]} == fields


def test_not_even_staff_can_have_an_address_asked_more_than_three_times_a_day(manager, page):
    answers = [
        manager.post(
            f"/v1/status-pages/{page.id}/subscribers",
            {"kind": "email", "target": EVE},
            content_type="application/json",
        ).status_code
        for _ in range(4)
    ]

    assert answers == [201, 201, 201, 400]


def test_a_page_has_no_more_letters_sent_by_staff_than_by_readers(manager, page, monkeypatch):
    monkeypatch.setattr(subscribing, "QUESTIONS_A_PAGE", 3)
    address = f"/v1/status-pages/{page.id}/subscribers"

    answers = [
        manager.post(
            address, {"kind": "email", "target": f"reader{n}@reader.example"}, content_type="application/json"
        )
        for n in range(4)
    ]

    assert [answer.status_code for answer in answers] == [201, 201, 201, 400]
    assert "within the hour" in answers[-1].json()["errors"][0]["message"]
    assert StatusSubscriber.objects.count() == 3
    # Nobody is written to for a webhook.
    hook = {"kind": "webhook", "target": "http://127.0.0.1:9/hook"}
    assert manager.post(address, hook, content_type="application/json").status_code == 201


def test_the_audit_log_tells_who_added_and_removed_and_never_the_address(manager, page):
    address = f"/v1/status-pages/{page.id}/subscribers"
    made = manager.post(address, {"kind": "email", "target": EVE}, content_type="application/json").json()
    manager.delete(f"{address}/{made['id']}")

    entries = AuditEntry.objects.filter(action__startswith="status_subscriber")
    assert sorted(entry.action for entry in entries) == [
        "status_subscriber.created",
        "status_subscriber.deleted",
    ]
    assert all(EVE not in str(vars(entry)) for entry in entries)


def test_a_person_adds_and_removes_on_the_page(organization, page):
    browser = a_client(user=a_user(organization, Role.ADMIN))
    address = f"/status-pages/{page.id}/subscribers"
    assert "Nobody subscribed yet" in browser.get(address).content.decode()

    browser.post(address, {"kind": "email", "target": EVE})
    refused = browser.post(address, {"kind": "email", "target": "nonsense"})
    assert refused.status_code == 400
    assert "That is no mail address." in refused.content.decode()
    listed = browser.get(address).content.decode()
    assert EVE in listed
    assert "0 are told of incidents and planned work; 1 has yet to confirm" in listed

    made = StatusSubscriber.objects.get()
    confirm(made.id, now=timezone.now())
    assert "1 is told of incidents" in browser.get(address).content.decode()
    assert "Subscribers (1)" in browser.get(f"/status-pages/{page.id}").content.decode()
    assert "Tell the subscriber" in browser.get(f"/status-pages/{page.id}").content.decode()
    browser.post(f"{address}/{made.id}/delete")
    assert not StatusSubscriber.objects.exists()


def test_a_webhook_that_a_person_adds_has_its_secret_on_that_page_alone(organization, page):
    browser = a_client(user=a_user(organization, Role.ADMIN))
    address = f"/status-pages/{page.id}/subscribers"

    added = browser.post(address, {"kind": "webhook", "target": "http://127.0.0.1:9/hooks/mine"})

    assert added.status_code == 200
    assert "no-store" in added["Cache-Control"]
    assert added.content.decode().count("whsec_") == 1
    assert "whsec_" not in browser.get(address).content.decode()
    entry = AuditEntry.objects.get(action="status_subscriber.created")
    assert "whsec_" not in str(vars(entry))


def test_an_author_unticks_the_box_and_nobody_is_told(organization, page):
    confirm(ask(page, kind="email", target=EVE, now=timezone.now()).id, now=timezone.now())
    browser = a_client(user=a_user(organization, Role.ADMIN))
    said = {"title": "Slow", "impact": "minor", "status": "investigating", "body": "We look."}

    browser.post(f"/status-pages/{page.id}/incidents", said)
    assert not StatusDelivery.objects.exclude(notice=None).exists()

    browser.post(f"/status-pages/{page.id}/incidents", {**said, "notify": "1"})
    assert StatusDelivery.objects.exclude(notice=None).count() == 1


def test_subscribers_of_others_are_out_of_reach(page):
    made = ask(page, kind="email", target=EVE, now=timezone.now())
    stranger = an_organization()
    others = a_client(a_key(organization=stranger, scopes=[Scope.READ, Scope.MANAGE])[1])
    own = a_page(stranger, slug="own")

    assert others.get(f"/v1/status-pages/{page.id}/subscribers").status_code == 404
    # Not through a page of one's own either.
    assert others.delete(f"/v1/status-pages/{own.id}/subscribers/{made.id}").status_code == 404
    assert StatusSubscriber.objects.filter(id=made.id).exists()


def test_the_list_costs_the_same_with_one_and_with_thirty(organization, page, manager):
    browser = a_client(user=a_user(organization, Role.ADMIN))
    addresses = [
        (browser, f"/status-pages/{page.id}/subscribers"),
        (manager, f"/v1/status-pages/{page.id}/subscribers"),
    ]
    costs = []
    for most in (1, 30):
        for number in range(most):
            ask(page, kind="email", target=f"reader{number}@reader.example", now=timezone.now())
        for client, address in addresses:
            client.get(address)
            with CaptureQueriesContext(connection) as queries:
                assert client.get(address).status_code == 200
            costs.append(len(queries))

    assert costs[:2] == costs[2:]
