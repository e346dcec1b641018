"""The pages of events, as people read them."""

import pytest

from monitor.lib.actors import Role
from monitor.models import Event
from tests.alerts.test_pages import text_of
from tests.factories import a_client, a_user, an_organization
from tests.receiver import Reply

pytestmark = pytest.mark.django_db


@pytest.fixture
def viewer(organization):
    return a_client(user=a_user(organization, Role.VIEWER))


def test_events_are_listed_with_what_became_of_telling_them(viewer, receiver, an_endpoint, happen, deliver):
    an_endpoint(receiver.url)
    event = happen(data={"order": 7})
    happen(type="cart.left")
    deliver()

    page = text_of(viewer.get("/webhooks/feed"))

    assert page.index("cart.left") < page.index("order.shipped")
    assert "1 delivered" in page
    assert "nobody listens" in page
    assert f"/webhooks/feed/{event.id}" in page


def test_an_event_shows_its_payload_and_leads_to_its_deliveries(
    viewer, receiver, an_endpoint, happen, deliver
):
    an_endpoint(receiver.url)
    receiver.replies(Reply(status=410))
    event = happen(data={"order": 7, "note": "<script>alert(1)</script>"})
    deliver()

    answer = viewer.get(f"/webhooks/feed/{event.id}")
    page = text_of(answer)

    assert event.message_id in page
    assert b"<script>alert" not in answer.content
    assert f"/webhooks/deliveries/{event.deliveries.get().id}" in page


def test_an_event_of_ours_leads_to_its_request_and_a_senders_own_to_none(viewer, happen):
    log_id = "019a3b5c-7d8e-7f10-8a2b-3c4d5e6f7081"
    ours = happen(type="log.error", data={"log_id": log_id})
    theirs = happen(type="order.shipped", data={"log_id": log_id})

    assert f'href="/log/{log_id}"' in viewer.get(f"/webhooks/feed/{ours.id}").content.decode()
    assert f'href="/log/{log_id}"' not in viewer.get(f"/webhooks/feed/{theirs.id}").content.decode()


@pytest.mark.parametrize(
    ("asked", "seen"),
    [
        ("type=order.shipped", {"order.shipped"}),
        ("type=nothing.such", set()),
        ("mode=test", {"cart.left"}),
        ("environment=eu-1", {"order.packed"}),
        ("", {"order.shipped", "cart.left", "order.packed"}),
    ],
)
def test_the_list_is_narrowed_by_type_mode_and_environment(viewer, happen, asked, seen):
    happen()
    happen(type="cart.left", mode="test")
    happen(type="order.packed", environment="eu-1")

    page = text_of(viewer.get(f"/webhooks/feed?{asked}"))

    types = {"order.shipped", "cart.left", "order.packed"}
    assert {each for each in types if f">{each}</a>" in page} == seen
    assert ("No such event" in page) is (not seen)


def test_what_cannot_be_asked_says_so(viewer):
    page = text_of(viewer.get("/webhooks/feed?mode=neither"))

    assert "Select a valid choice" in page


def test_other_organizations_events_are_not_there(happen):
    event = happen()
    other = a_client(user=a_user(an_organization(), Role.OWNER))

    assert "order.shipped" not in text_of(other.get("/webhooks/feed"))
    assert other.get(f"/webhooks/feed/{event.id}").status_code == 404


def test_the_list_costs_the_same_number_of_queries_however_long_it_is(
    viewer, an_endpoint, happen, django_assert_num_queries
):
    an_endpoint("https://shop.example/hook")
    for _ in range(8):
        happen()

    address = f"/webhooks/feed/{Event.objects.filter(type='order.shipped')[0].id}"
    # session, user, memberships, events, their deliveries
    with django_assert_num_queries(5):
        viewer.get("/webhooks/feed")
    # session, user, memberships, the event, its deliveries with their endpoints
    with django_assert_num_queries(5):
        viewer.get(address)
