"""The pages of webhooks, as people use them."""

import re
from datetime import timedelta
from html import unescape

import pytest
from django.utils import timezone

from monitor.models import WebhookDelivery, WebhookEndpoint
from monitor.webhooks import endpoints
from monitor.webhooks.health import health_of
from tests.factories import a_client, a_user, an_organization
from tests.receiver import Reply

pytestmark = pytest.mark.django_db
SCRIPT = "<script>alert(1)</script>"


@pytest.fixture
def admin(organization):
    return a_client(user=a_user(organization, "admin"))


@pytest.fixture
def viewer(organization):
    return a_client(user=a_user(organization, "viewer"))


def text_of(answer):
    return unescape(answer.content.decode())


def a_form(**fields):
    events = "order.* alert.firing"
    said = {"url": "https://shop.example/hook", "enabled_events": events, "mode": "live", "signature": "v1"}
    return {**said, **fields}


def page_of(endpoint, part=""):
    return f"/webhooks/{endpoint.id}{part}"


def test_an_endpoint_is_made_and_its_secret_shown_this_once(admin):
    answer = admin.post("/webhooks", a_form(headers="Authorization: Bearer hunter2\nX-Shop: acme"))

    endpoint = WebhookEndpoint.objects.get()
    assert answer.status_code == 201
    assert "no-store" in answer["Cache-Control"]
    secret = re.search(r"whsec_[\w+/=]+", text_of(answer))[0]
    assert endpoint.enabled_events == ["alert.firing", "order.*"]
    assert endpoint.header_names == ["Authorization", "X-Shop"]
    again = text_of(admin.get(page_of(endpoint)))
    assert secret not in again
    assert "hunter2" not in again
    assert "Sent now: Authorization, X-Shop" in again


def test_what_lets_one_in_at_the_url_stands_in_the_settings_alone(admin, viewer, an_endpoint, happen):
    endpoint, _ = an_endpoint("https://shop.example/hook?token=hunter2&shop=7")
    happen()
    delivery = WebhookDelivery.objects.get(event__type="order.shipped")

    for page in ("/webhooks", page_of(endpoint), f"/webhooks/deliveries/{delivery.id}"):
        seen = text_of(viewer.get(page))
        assert "shop.example/hook" in seen
        assert "hunter2" not in seen
    assert text_of(admin.get(page_of(endpoint))).count("hunter2") == 1


def test_the_admin_shows_no_url_that_lets_one_in(client, an_endpoint, happen):
    endpoint, _ = an_endpoint("https://shop.example/hook?token=hunter2")
    happen()
    client.force_login(a_user(is_staff=True, is_superuser=True))

    delivery = WebhookDelivery.objects.get(event__type="order.shipped")
    for page in ("webhookendpoint", "webhookdelivery"):
        row = endpoint if page == "webhookendpoint" else delivery
        for address in (f"/admin/monitor/{page}/", f"/admin/monitor/{page}/{row.id}/change/"):
            seen = text_of(client.get(address, follow=True))
            assert "shop.example/hook" in seen
            assert "hunter2" not in seen


def test_what_is_unfit_stands_beside_its_field(admin):
    page = text_of(admin.post("/webhooks", a_form(url="ftp://shop.example", headers="Host: x")))

    assert "must begin with http:// or https://" in page
    assert "Host is set by the monitor." in page
    assert not WebhookEndpoint.objects.exists()


def test_settings_are_saved_and_headers_stay_unless_written_anew(admin, an_endpoint):
    endpoint, _ = an_endpoint("https://shop.example/hook", headers={"X-A": "1"})

    said = {"url": "https://shop.example/new", "enabled_events": "*", "description": "new"}
    admin.post(page_of(endpoint), {**said, "signature": "v1"})

    endpoint.refresh_from_db()
    assert (endpoint.url, endpoint.description) == ("https://shop.example/new", "new")
    assert endpoint.header_names == ["X-A"]


def test_a_secret_is_changed_switches_turn_and_an_endpoint_goes(admin, an_endpoint):
    endpoint, secret = an_endpoint("https://shop.example/hook")

    rotated = text_of(admin.post(page_of(endpoint, "/rotate"), {"overlap_hours": "24"}))
    assert "whsec_" in rotated
    assert secret not in rotated
    assert "the old secret signs beside it" in rotated
    admin.post(page_of(endpoint, "/turn"), {"is_active": "false"})
    assert "It was switched off." in text_of(admin.get(page_of(endpoint)))
    admin.post(page_of(endpoint, "/turn"), {"is_active": "true"})
    assert WebhookEndpoint.objects.get().disabled_at is None
    admin.post(page_of(endpoint, "/delete"))
    assert admin.get(page_of(endpoint)).status_code == 404


def test_a_test_leads_to_its_delivery_with_what_came_back(admin, an_endpoint, receiver, deliver):
    endpoint, _ = an_endpoint(receiver.url)
    receiver.replies(Reply(status=500, body=SCRIPT.encode(), headers={"X-Trace": SCRIPT}))

    answer = admin.post(page_of(endpoint, "/test"), follow=True)
    assert "Not tried yet" in text_of(answer)
    assert "hx-get" in text_of(answer)
    deliver()
    page = admin.get(answer.redirect_chain[-1][0]).content.decode()

    assert "Given up" in page
    assert "hx-get" not in page
    assert SCRIPT not in page
    assert "test.ping" in page


def test_a_delivery_is_sent_again_by_hand(admin, viewer, an_endpoint, happen, receiver, deliver):
    an_endpoint(receiver.url)
    receiver.replies(Reply(status=500), Reply())
    happen()
    deliver()
    address = f"/webhooks/deliveries/{WebhookDelivery.objects.get().id}"

    assert viewer.post(f"{address}/again").status_code == 403
    assert "Send again" not in text_of(viewer.get(address))
    admin.post(f"{address}/again")
    deliver()

    assert WebhookDelivery.objects.get().status == "succeeded"
    assert "By hand" in text_of(viewer.get(address))


def test_failed_ones_are_counted_sent_again_and_stopped(admin, an_endpoint, happen, clock):
    endpoint, _ = an_endpoint("https://shop.example/hook", events=("order.*",))
    for _ in range(3):
        happen()
    WebhookDelivery.objects.update(status="dead")

    counted = text_of(admin.post(page_of(endpoint, "/resend"), {"hours": "1", "count": "1"}))
    assert "<strong>3</strong> would be sent again" in counted
    assert WebhookDelivery.objects.count() == 3
    assert health_of(endpoint.id, now=clock()).failed == 3
    sent = text_of(admin.post(page_of(endpoint, "/resend"), {"hours": "1"}, follow=True))
    assert "3 deliveries are on the way again." in sent
    assert "3 on the way again." in sent
    assert health_of(endpoint.id, now=clock()).failed == 0
    stopped = text_of(admin.post(page_of(endpoint, "/stop"), follow=True))
    assert "3 of them will not be sent again." in stopped
    assert health_of(endpoint.id, now=clock()).failed == 3


def test_states_are_told_and_filtered(viewer, an_endpoint, happen, clock):
    endpoint, _ = an_endpoint("https://shop.example/hook", events=("order.*",))
    happen("order.paid")
    WebhookDelivery.objects.update(status="succeeded", attempts=1, last_status_code=204)
    happen("order.lost")

    def shown(query):
        page = text_of(viewer.get(page_of(endpoint, query)))
        return {name for name in ("order.paid", "order.lost") if f">{name}</a>" in page}

    assert shown("") == shown("?show=nonsense") == {"order.paid", "order.lost"}
    assert shown("?show=delivered") == {"order.paid"}
    assert shown("?show=waiting") == {"order.lost"}
    assert shown("?show=failed") == set()
    WebhookEndpoint.objects.update(first_failure_at=clock() - timedelta(hours=30), failures_in_row=12)
    assert "12 attempts failed" in text_of(viewer.get(page_of(endpoint)))
    assert "Failing" in text_of(viewer.get("/webhooks"))


def test_the_catalogue_has_an_example_of_each_event(viewer):
    page = text_of(viewer.get("/webhooks/events"))

    assert "alert.firing" in page
    assert "webhook.endpoint.disabled" in page


def test_pages_cost_the_same_number_of_queries_however_long_they_are(
    viewer, an_endpoint, happen, django_assert_num_queries
):
    for number in range(8):
        endpoint, _ = an_endpoint(f"https://shop.example/{number}", events=("order.*",))
    for _ in range(8):
        happen()
    # session, user, memberships, endpoints
    with django_assert_num_queries(4):
        viewer.get("/webhooks")
    # session, user, memberships, endpoint, health, deliveries
    with django_assert_num_queries(6):
        viewer.get(page_of(endpoint))
    address = f"/webhooks/deliveries/{WebhookDelivery.objects.all()[0].id}"
    # session, user, memberships, delivery with event and endpoint, attempts
    with django_assert_num_queries(5):
        viewer.get(address)


def test_viewers_look_and_others_see_nothing(viewer, an_endpoint, happen):
    endpoint, _ = an_endpoint("https://shop.example/hook")
    event = happen()
    delivery = WebhookDelivery.objects.get(event=event)
    stranger = a_client(user=a_user(an_organization(), "owner"))

    page = text_of(viewer.get(page_of(endpoint)))
    assert not any(words in page for words in ("Send a test", "New secret", "Remove", "Settings"))
    for part in ("/turn", "/rotate", "/test", "/delete", "/resend", "/stop"):
        assert viewer.post(page_of(endpoint, part), {"hours": "1"}).status_code == 403
        assert stranger.post(page_of(endpoint, part), {"hours": "1"}).status_code == 404
    assert viewer.post("/webhooks", a_form()).status_code == 403
    assert stranger.get(page_of(endpoint)).status_code == 404
    assert stranger.get(f"/webhooks/deliveries/{delivery.id}").status_code == 404
    assert str(endpoint.id) not in text_of(stranger.get("/webhooks"))


def test_a_removed_endpoints_deliveries_stay_readable(admin, an_endpoint, happen):
    endpoint, _ = an_endpoint("https://shop.example/hook", events=("order.*",))
    happen()
    endpoints.remove_endpoint(endpoint, now=timezone.now())

    page = text_of(admin.get(f"/webhooks/deliveries/{WebhookDelivery.objects.get().id}"))

    assert "Cancelled" in page
    assert "Send again" not in page
