"""The pages of channels, as people use them."""

import re
from html import unescape

import pytest
from django.utils import timezone

from monitor.channels.register import send_test
from monitor.channels.registry import all_kinds
from monitor.models import NotificationChannel, NotificationDelivery
from tests.channels.conftest import CONFIGS
from tests.factories import a_client, a_service, a_user, an_organization
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


def a_form(kind, url="https://vendor.example", **fields):
    """What a browser sends for a channel of the kind."""
    said = {"name": f"{kind} of ops", "quiet_zone": "UTC", "critical_wakes": "on"}
    for name, value in CONFIGS[kind](url).items():
        said[f"config_{name}"] = ", ".join(value) if isinstance(value, list) else value
    return {**said, **fields}


def page_of(channel, part=""):
    return f"/channels/{channel.id}{part}"


@pytest.mark.parametrize("kind", sorted(CONFIGS))
def test_a_channel_of_every_kind_is_made_and_changed_by_its_form(kind, admin):
    assert admin.get(f"/channels/new?kind={kind}").status_code == 200
    more = {"config_region": "us"} if kind == "opsgenie" else {}

    made = admin.post(f"/channels/new?kind={kind}", a_form(kind, **more))

    channel = NotificationChannel.objects.get()
    assert channel.kind == kind
    assert made.status_code == (201 if kind == "webhook" else 302)
    form = text_of(admin.get(page_of(channel, "/edit")))
    assert "0123456789abcdef" not in form
    assert "secret" not in re.sub(r"config_secret|Signing secret|signing secret", "", form)
    # What the form shows is sent back, masks and all: nothing changes but the name.
    before = bytes(channel.sealed) if channel.sealed else None
    sent = {f"config_{name}": value for name, value in channel.config.items() if not isinstance(value, list)}
    sent |= {f"config_{name}": ", ".join(v) for name, v in channel.config.items() if name == "to"}
    sent = {name: value for name, value in sent.items() if value not in (None, False)}
    answer = admin.post(page_of(channel, "/edit"), {**a_form(kind), **sent, "name": "renamed"})
    assert answer.status_code == 302, text_of(answer)
    channel.refresh_from_db()
    assert channel.name == "renamed"
    assert (channel.sealed is None) == (before is None)


def test_a_secret_that_was_made_is_shown_this_once(admin):
    answer = admin.post("/channels/new?kind=webhook", a_form("webhook"))

    secret = re.search(r"whsec_[\w+/=]+", text_of(answer))[0]
    assert "no-store" in answer["Cache-Control"]
    channel = NotificationChannel.objects.get()
    for page in ("", "/edit"):
        assert secret not in text_of(admin.get(page_of(channel, page)))


def test_what_is_unfit_stands_in_the_form(admin):
    page = text_of(admin.post("/channels/new?kind=slack", a_form("slack", config_url="ftp://x.example")))

    assert "must begin with http:// or https://" in page
    assert not NotificationChannel.objects.exists()


def test_routing_and_quiet_hours_are_chosen_and_said(admin, organization):
    service = a_service(organization, name="checkout")
    fields = {
        "services": [str(service.id)],
        "severities": ["critical", "warning"],
        "subjects": ["alert"],
        "environments": "prod, eu-1",
        "quiet_from": "22:00",
        "quiet_until": "07:00",
        "quiet_zone": "Europe/Berlin",
        "quiet_days": ["5", "6"],
    }

    admin.post("/channels/new?kind=email", a_form("email", **fields))

    channel = NotificationChannel.objects.get()
    assert (channel.services, channel.environments) == ([service.id], ["prod", "eu-1"])
    assert channel.quiet_days == [5, 6]
    NotificationChannel.objects.update(is_default=False)
    page = text_of(admin.get("/channels"))
    assert "alerts; critical, warning; checkout; prod, eu-1" in page
    assert "22:00 to 07:00 and Saturday, Sunday, Europe/Berlin" in page
    assert "No channel is the default" in page
    assert 'value="22:00"' in text_of(admin.get(page_of(channel, "/edit")))


def test_services_of_others_are_neither_offered_nor_taken(admin):
    foreign = a_service(an_organization(), name="not yours")

    assert "not yours" not in text_of(admin.get("/channels/new?kind=email"))
    admin.post("/channels/new?kind=email", a_form("email", services=[str(foreign.id)]))
    assert not NotificationChannel.objects.exists()


def test_a_test_leads_to_its_result(admin, a_channel, receiver, deliver):
    channel = a_channel(url=receiver.url)
    receiver.replies(Reply(status=500, body=SCRIPT.encode()))

    answer = admin.post(page_of(channel, "/test"), follow=True)
    assert "Not tried yet" in text_of(answer)
    assert "hx-get" in text_of(answer)
    deliver()
    page = admin.get(answer.redirect_chain[-1][0]).content.decode()

    assert "Given up" in page
    assert "The answer was 500." in page
    assert "hx-get" not in page
    assert SCRIPT not in page


def test_a_channel_that_fails_says_why_on_its_page(admin, a_channel, happen, receiver, deliver):
    channel = a_channel(url=receiver.url)
    receiver.replies(Reply(status=404))
    happen(title=SCRIPT)
    deliver()

    page = admin.get(page_of(channel)).content.decode()
    assert "Nothing has arrived since" in page
    assert "The answer was 404." in page
    assert SCRIPT not in page
    assert "Failing" in text_of(admin.get("/channels"))
    assert text_of(admin.get(page_of(channel) + "?show=told")).count("None of these") == 1


def test_what_failed_is_told_again_by_hand(admin, viewer, a_channel, happen, receiver, deliver):
    a_channel(url=receiver.url)
    receiver.replies(Reply(status=404), Reply())
    happen()
    deliver()
    address = f"/channels/deliveries/{NotificationDelivery.objects.get().id}"

    assert viewer.post(f"{address}/again").status_code == 403
    assert "Send again" not in text_of(viewer.get(address))
    admin.post(f"{address}/again")
    deliver()

    assert NotificationDelivery.objects.get().status == "succeeded"
    assert "912 ms" in text_of(viewer.get(address))


def test_viewers_look_and_change_nothing(viewer, a_channel):
    channel = a_channel("email")

    assert viewer.get("/channels").status_code == 200
    page = text_of(viewer.get(page_of(channel)))
    assert "Send a test" not in page
    for part in ("/edit", "/test", "/turn", "/delete"):
        assert viewer.post(page_of(channel, part)).status_code == 403
    assert viewer.get("/channels/new").status_code == 403
    assert NotificationChannel.objects.count() == 1


def test_people_of_another_organization_find_nothing(a_channel, happen):
    channel = a_channel("email")
    happen()
    stranger = a_client(user=a_user(an_organization(), "owner"))

    assert channel.name not in text_of(stranger.get("/channels"))
    for address in (
        page_of(channel),
        page_of(channel, "/edit"),
        f"/channels/deliveries/{NotificationDelivery.objects.get().id}",
    ):
        assert stranger.get(address).status_code == 404


def test_a_channel_is_switched_and_removed(admin, a_channel):
    channel = a_channel("email")

    admin.post(page_of(channel, "/turn"), {"is_active": "false"})
    assert "The channel is off." in text_of(admin.get(page_of(channel)))
    admin.post(page_of(channel, "/turn"), {"is_active": "true"})
    channel.refresh_from_db()
    assert channel.is_active
    admin.post(page_of(channel, "/delete"))
    assert admin.get(page_of(channel)).status_code == 404


def test_the_pages_cost_the_same_with_one_row_and_with_many(
    admin, a_channel, happen, django_assert_num_queries
):
    channel = a_channel("email")
    happen(key="first")
    admin.get("/channels")
    admin.get(page_of(channel))
    for number in range(5):
        a_channel("email")
        happen(key=str(number))

    # Session, user, the organizations of the one who looks, and the channels.
    with django_assert_num_queries(4):
        admin.get("/channels")
    # The same, with the one channel, and what it was told.
    with django_assert_num_queries(5):
        admin.get(page_of(channel))


def test_a_channel_whose_only_message_is_a_failed_test_says_so(admin, a_channel, receiver, deliver):
    channel = a_channel(url=receiver.url)
    assert "Nothing told yet" in text_of(admin.get("/channels"))
    receiver.replies(Reply(status=500))
    send_test(channel, sent_by="ada", now=timezone.now())
    deliver()

    for address in ("/channels", page_of(channel)):
        assert "Its test failed" in text_of(admin.get(address))

    receiver.replies(Reply())
    send_test(channel, sent_by="ada", now=timezone.now())
    deliver()
    assert "Its test failed" not in text_of(admin.get("/channels"))


def test_every_kind_has_a_form_whose_fields_are_its_options():
    for kind in all_kinds():
        options = kind.options.__struct_fields__
        assert {field.name for field in kind.fields} == set(options)


def test_the_admin_shows_no_secret(client, a_channel, happen):
    channel = a_channel("slack")
    happen()
    client.force_login(a_user(is_staff=True, is_superuser=True))

    for row in (channel, NotificationDelivery.objects.get()):
        address = f"/admin/monitor/{row._meta.model_name}/"
        for page in (address, f"{address}{row.pk}/change/"):
            seen = text_of(client.get(page, follow=True))
            assert "slack of ops" in seen
            assert "slacksecret" not in seen
