"""No webhook reaches what is inside: refused when it is saved, and at every send."""

import pytest

from monitor.lib.outbound import BLOCKED_MESSAGE, parse_allow_list, sending
from monitor.models import WebhookAttempt, WebhookDelivery, WebhookEndpoint
from monitor.webhooks.again import replay_failed, retry, send_test
from monitor.webhooks.targets import TargetRefused, check_target
from tests.factories import a_client, a_user, post_json
from tests.receiver import Reply

INSIDE = [
    "10.0.0.1", "100.64.0.1", "127.0.0.1", "127.1", "2130706433", "0x7f.0.0.1", "017700000001", "0.0.0.0",  # noqa: S104
    "169.254.169.254", "172.16.0.1", "192.0.0.1", "192.0.2.1", "192.88.99.1", "192.168.1.1", "198.18.0.1",
    "198.51.100.1", "203.0.113.1", "224.0.0.1", "240.0.0.1", "255.255.255.255", "168.63.129.16",
    "100.100.100.200", "[::]", "[::1]", "[::127.0.0.1]", "[::ffff:127.0.0.1]", "[::ffff:100.64.0.1]",
    "[::ffff:169.254.169.254]", "[64:ff9b::7f00:1]", "[64:ff9b:1::1]", "[100::1]", "[2001::1]",
    "[2001:db8::1]", "[2002:7f00:1::1]", "[3fff::1]", "[5f00::1]", "[fc00::1]", "[fd00:ec2::254]",
    "[fe80::1]", "[fec0::1]", "[ff02::1]",
]  # fmt: skip
# Spellings that only the system's resolver reads as an address: let by when saved, refused when sent.
ODD_SPELLINGS = {"127.1", "2130706433", "0x7f.0.0.1", "017700000001"}


@pytest.fixture(autouse=True)
def _an_installation_on_the_internet(settings):
    settings.QUICK_START = False
    settings.OUTBOUND_ALLOW = ()


@pytest.mark.parametrize("host", [host for host in INSIDE if host not in ODD_SPELLINGS])
def test_an_address_inside_is_refused_when_it_is_saved(host):
    with pytest.raises(TargetRefused, match=BLOCKED_MESSAGE):
        check_target(f"https://{host}/hook", mode="live")


@pytest.mark.parametrize("host", INSIDE)
@pytest.mark.django_db
def test_an_address_inside_is_refused_when_it_is_sent_tested_and_sent_again(
    host, an_endpoint, happen, deliver, clock
):
    # As if it had been saved under other rules.
    endpoint, _ = an_endpoint(f"https://{host}/hook", events=("order.*",))
    began = clock()
    happen()
    send_test(endpoint, sent_by="tests", now=clock())
    deliver()
    assert set(WebhookDelivery.objects.values_list("status", "last_error_class")) == {("blocked", "blocked")}

    retry(WebhookDelivery.objects.get(event_type="order.shipped"), now=clock())
    assert replay_failed(endpoint, since=began, now=clock()) == 0
    deliver()
    assert replay_failed(endpoint, since=began, now=clock()) == 1
    deliver()

    assert set(WebhookDelivery.objects.values_list("status", "last_error_class")) == {("blocked", "blocked")}
    assert set(WebhookAttempt.objects.values_list("error", flat=True)) == {BLOCKED_MESSAGE}
    assert set(WebhookAttempt.objects.values_list("dialled", flat=True)) == {None}


@pytest.mark.parametrize(
    ("url", "mode", "words"),
    [
        ("http://shop.example/hook", "live", "Use https"),
        ("ftp://shop.example/hook", "test", "must begin with"),
        ("https://user:password@shop.example/", "live", "user name or password"),
        ("https://shop.example/#part", "live", "fragment"),
        ("https://shop.example:22/hook", "live", BLOCKED_MESSAGE),
        ("https://shop.example/" + "x" * 2048, "live", "longer than"),
    ],
)
def test_an_address_that_is_unfit_is_refused_with_the_reason(url, mode, words):
    with pytest.raises(TargetRefused, match=words):
        check_target(url, mode=mode)


def test_plain_http_is_for_test_mode_and_ports_are_the_usual_ones():
    check_target("http://shop.example/hook", mode="test")
    for port in (80, 443, 8443):
        check_target(f"https://shop.example:{port}/hook", mode="live")


def test_the_operator_may_open_a_network_and_then_any_port(settings):
    settings.OUTBOUND_ALLOW = parse_allow_list("10.1.0.0/16")

    check_target("http://10.1.2.3:9000/hook", mode="live")
    for url in ("http://10.2.0.1:9000/", "http://169.254.169.254/"):
        with pytest.raises(TargetRefused):
            check_target(url, mode="live")


@pytest.mark.django_db
def test_a_name_that_changes_between_look_and_connect_is_judged_where_it_is_dialled(
    an_endpoint, happen, deliver, monkeypatch, settings
):
    """The name stood for a public address when it was saved; at the send it stands for one inside."""
    asked = []

    def rebinding(host, port):
        asked.append(host)
        return ["127.0.0.1"]

    check_target("https://rebind.example/hook", mode="live")
    an_endpoint("https://rebind.example/hook", events=("order.*",))
    monkeypatch.setitem(sending.send.__kwdefaults__, "resolve", rebinding)
    happen()

    deliver()

    assert WebhookDelivery.objects.get(event_type="order.shipped").status == "blocked"
    assert asked == ["rebind.example"]


@pytest.mark.django_db
def test_a_redirect_is_a_failure_and_never_followed(
    receiver, other_receiver, an_endpoint, happen, deliver, settings
):
    settings.QUICK_START = True
    an_endpoint(receiver.url, events=("order.*",))
    receiver.replies(Reply(status=302, headers={"Location": other_receiver.url}))
    happen()

    deliver()

    assert WebhookDelivery.objects.get().last_error_class == "http_3xx"
    assert other_receiver.arrived == []


@pytest.mark.django_db
def test_the_api_refuses_an_address_inside_in_one_message(organization):
    admin = a_client(user=a_user(organization, "admin"))

    answer = post_json(
        admin,
        "/v1/webhook-endpoints",
        {"url": "https://10.0.0.1/", "enabled_events": ["*"], "organization": str(organization.id)},
    )

    assert answer.status_code == 400
    assert answer.json()["errors"][0]["message"] == BLOCKED_MESSAGE
    assert not WebhookEndpoint.objects.exists()
