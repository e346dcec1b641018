"""Each kind at a receiver of its protocol: what is said, how an incident ends, what a refusal means."""

import json
from dataclasses import replace
from email.message import EmailMessage

import pytest

from monitor.channels.kinds import webhook
from monitor.channels.templates import EXAMPLE
from monitor.models import Notification, NotificationAttempt, NotificationChannel, NotificationDelivery
from tests.channels.conftest import CONFIGS
from tests.receiver import Reply

pytestmark = pytest.mark.django_db
HTTP_KINDS = tuple(kind for kind in CONFIGS if kind != "email")
SAMPLE = {
    "method": "GET",
    "path": "/orders/<7>",
    "status_code": 500,
    "latency_ms": 912.4,
    "error": "card declined",
    "at": "2026-11-21T12:00:00Z",
    "url": "http://127.0.0.1:8090/log/018f1e2d-3c4b-7a59-8877-665544332211",
}


def with_samples():
    Notification.objects.update(samples=[SAMPLE])


def the_delivery():
    return NotificationDelivery.objects.get()


# --- What is said ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", HTTP_KINDS)
def test_every_kind_says_what_happened_with_its_value_a_request_and_a_link(
    kind, a_channel, happen, receiver, deliver
):
    a_channel(kind, receiver.url)
    receiver.replies(Reply(body=b"{}"))
    happen()
    with_samples()

    deliver()

    [arrived] = receiver.arrived
    said = arrived.body.decode().replace("\\", "")
    assert "slow" in said
    assert "912" in said
    assert "card declined" in said
    assert "/dashboard?since=a" in said
    assert the_delivery().status == "succeeded"


def test_slack_has_a_colour_escaped_text_and_links(a_channel, happen, receiver, deliver):
    a_channel("slack", receiver.url)
    happen()
    with_samples()

    deliver()

    [arrived] = receiver.arrived
    assert arrived.path == "/services/T0/B0/slacksecret"
    attached = arrived.json["attachments"][0]
    assert attached["color"] == "#c4314b"
    assert "slow &lt;checkout&gt;" in attached["blocks"][0]["text"]["text"]
    assert "912 ms &amp; rising" in attached["blocks"][0]["text"]["text"]
    assert {"type": "mrkdwn", "text": "*Threshold*\nabove 800 ms"} in attached["blocks"][1]["fields"]
    assert f"<{SAMPLE['url']}|request>" in attached["blocks"][2]["text"]["text"]


def test_discord_mentions_nobody_and_waits_for_the_answer(a_channel, happen, receiver, deliver):
    config = {"url": f"{receiver.url}/api/webhooks/1/x", "thread_id": "77"}
    a_channel("discord", receiver.url, config=config)
    happen(message="@everyone **look** [here](http://evil.example)")

    deliver()

    [arrived] = receiver.arrived
    assert arrived.path == "/api/webhooks/1/x?wait=true&thread_id=77"
    assert arrived.json["allowed_mentions"] == {"parse": []}
    assert "\\*\\*look\\*\\* \\[here\\]" in arrived.json["embeds"][0]["description"]


def test_telegram_follows_a_group_that_became_a_supergroup(a_channel, happen, receiver, deliver):
    a_channel("telegram", receiver.url)
    moved = {"ok": False, "parameters": {"migrate_to_chat_id": -1009}}
    receiver.replies(Reply(status=400, body=json.dumps(moved).encode()), Reply(body=b'{"ok":true}'))
    happen()

    deliver()

    first, second = receiver.arrived
    assert first.path == "/bot123456:telegramsecretthatislong/sendMessage"
    assert (first.json["chat_id"], second.json["chat_id"]) == ("-100200300", -1009)
    assert "slow &lt;checkout&gt;" in first.json["text"]
    assert the_delivery().status == "succeeded"


def test_teams_gets_a_card_of_a_version_that_workflows_show(a_channel, happen, receiver, deliver):
    a_channel("teams", receiver.url)
    happen()

    deliver()

    [attached] = receiver.arrived[0].json["attachments"]
    assert attached["contentType"] == "application/vnd.microsoft.card.adaptive"
    assert attached["content"]["version"] == "1.2"
    assert attached["content"]["actions"][0]["title"] == "Requests"
    assert {"title": "Value", "value": "912 ms"} in attached["content"]["body"][2]["facts"]


def test_pagerduty_resolves_what_it_triggered(a_channel, happen, receiver, deliver, clock):
    a_channel("pagerduty", receiver.url)
    receiver.replies(Reply(status=202))
    for kind in ("firing", "reminder", "resolved"):
        happen(kind)
        clock.move(minutes=1)

    deliver()

    said = [each.json for each in receiver.arrived]
    assert [each["event_action"] for each in said] == ["trigger", "trigger", "resolve"]
    assert {each["dedup_key"] for each in said} == {"rule:all:1"}
    assert said[0]["payload"]["severity"] == "critical"
    assert said[0]["payload"]["source"] == "checkout"
    assert {each.path for each in receiver.arrived} == {"/v2/enqueue"}


def test_opsgenie_closes_what_it_made_by_its_alias(a_channel, happen, receiver, deliver, clock):
    a_channel("opsgenie", receiver.url)
    receiver.replies(Reply(status=202, body=b"{}"))
    happen()
    clock.move(minutes=1)
    happen("resolved")

    deliver()

    made, closed = receiver.arrived
    assert (made.path, made.json["alias"], made.json["priority"]) == ("/v2/alerts", "rule:all:1", "P1")
    assert closed.path == "/v2/alerts/rule%3Aall%3A1/close?identifierType=alias"
    assert made.headers["authorization"] == closed.headers["authorization"] == "GenieKey opsgenie-secret-0123"


def test_a_digest_is_no_incident_and_goes_elsewhere(a_channel, happen, receiver):
    a_channel("pagerduty", receiver.url)
    mail = a_channel("email", is_default=True)

    happen("digest")

    assert the_delivery().channel == mail


# --- The generic webhook -----------------------------------------------------------------------------------


def test_a_webhook_is_signed_so_that_the_official_library_verifies_it(a_channel, happen, receiver, deliver):
    secret = "whsec_a2tra2tra2tra2tra2tra2tra2tra2tra2tra2tra2s="
    config = {"url": f"{receiver.url}/hook", "secret": secret, "headers": [["X-Shop", "acme"]]}
    a_channel("webhook", config=config)
    happen()
    with_samples()

    deliver()

    [arrived] = receiver.arrived
    told = arrived.verified(secret)
    assert told["type"] == "alert.firing"
    assert told["id"] == arrived.headers["webhook-id"]
    assert (told["data"]["value"], told["data"]["threshold"]) == (912.0, 800.0)
    assert told["data"]["samples"] == [SAMPLE]
    assert arrived.headers["x-shop"] == "acme"


def test_a_template_makes_the_body_and_texts_cannot_break_out_of_it(a_channel, happen, receiver, deliver):
    body = '{"text": "{{title}}: {{message}}", "value": {{value|json}}, "all": {{facts|json}}}'
    a_channel("webhook", config={"url": f"{receiver.url}/hook", "body": body})
    happen(message='a "quote", a \\ and\na line')

    deliver()

    said = receiver.arrived[0].json
    assert said["text"] == 'Firing: slow <checkout>: a "quote", a \\ and\na line'
    assert said["value"] == 912.0
    assert said["all"]["Service"] == "checkout"


def test_a_template_of_text_is_sent_as_it_says(a_channel, happen, receiver, deliver):
    config = {"url": f"{receiver.url}/hook", "body": "{{severity}}: {{title}}", "content_type": "text/plain"}
    a_channel("webhook", config=config)
    happen()

    deliver()

    [arrived] = receiver.arrived
    assert arrived.body == b"critical: Firing: slow <checkout>"
    assert arrived.headers["content-type"] == "text/plain"


# --- Mail --------------------------------------------------------------------------------------------------


def part(mail: EmailMessage, kind: str) -> str:
    found = mail.get_body(preferencelist=(kind,))
    assert found is not None
    return str(found.get_content())


def test_mail_arrives_as_text_and_html_in_one_thread_an_incident(a_channel, happen, mail, deliver, clock):
    a_channel("email", config={"to": ["ops@shop.example", "dev@shop.example"], "subject_prefix": "[shop]"})
    happen()
    with_samples()
    clock.move(minutes=1)
    happen("resolved")

    deliver()

    first, second = mail.mails
    assert first["Subject"] == "[shop] Firing: slow <checkout>"
    assert first["To"] == "ops@shop.example, dev@shop.example"
    assert first["From"] == "API Monitor <monitor@shop.example>"
    assert "Threshold: above 800 ms" in part(first, "plain")
    assert "GET /orders/<7> 500, 912 ms: card declined" in part(first, "plain")
    assert "slow &lt;checkout&gt;" in part(first, "html")
    assert "GET /orders/&lt;7&gt; 500" in part(first, "html")
    assert first["References"] == second["References"]
    assert first["Message-ID"] != second["Message-ID"]


def test_a_title_with_a_line_break_cannot_add_headers_to_a_mail(a_channel, happen, mail, deliver):
    a_channel("email")
    happen(title="Firing\r\nBcc: evil@evil.example")

    deliver()

    assert mail.mails[0]["Subject"] == "Firing Bcc: evil@evil.example"
    assert mail.mails[0]["Bcc"] is None


@pytest.mark.parametrize(
    ("answer", "status", "permanent"),
    [("451 try again later", "pending", False), ("550 no such mailbox", "dead", True)],
)
def test_a_mail_server_says_whether_trying_again_can_help(
    answer, status, permanent, a_channel, happen, mail, deliver
):
    a_channel("email")
    mail.answer = answer
    happen()

    deliver()

    assert the_delivery().status == status
    tried = NotificationAttempt.objects.get()
    assert (tried.error_class, tried.is_permanent, tried.status_code) == ("smtp", permanent, int(answer[:3]))


@pytest.mark.parametrize(
    ("trouble", "answer"),
    [
        ("sender_answer", "550 5.7.60 you may not send as this sender"),
        ("recipient_answer", "554 5.7.1 relay access denied"),
        ("recipient_answer", "553 5.1.8 sender address rejected: domain not found"),
    ],
)
def test_a_mail_server_that_refuses_us_is_asked_again_and_that_is_said_at_once(
    trouble, answer, a_channel, happen, mail, receiver, deliver, clock
):
    channel = a_channel("email")
    a_channel(url=receiver.url, is_default=True)
    setattr(mail, trouble, answer)
    happen()
    deliver()
    waiting = NotificationDelivery.objects.get(channel=channel)
    assert (waiting.status, mail.mails) == ("pending", [])
    tried = NotificationAttempt.objects.get(delivery=waiting)
    assert (tried.error_class, tried.is_permanent, tried.status_code) == ("sender", False, int(answer[:3]))
    assert [each.json["type"] for each in receiver.arrived] == ["channel.failing"]

    setattr(mail, trouble, "")
    clock.move(minutes=1)
    deliver()

    assert len(mail.mails) == 1
    assert [each.json["type"] for each in receiver.arrived] == ["channel.failing", "channel.recovered"]


def test_a_mail_that_is_too_large_for_its_server_is_not_sent_again(a_channel, happen, mail, deliver):
    a_channel("email")
    mail.sender_answer = "552 5.3.4 message size exceeds fixed limit"
    happen()

    deliver()

    assert the_delivery().status == "dead"


def test_without_a_mail_server_the_channel_says_so(a_channel, happen, settings, deliver):
    settings.EMAIL_HOST = ""
    a_channel("email")
    happen()

    deliver()

    assert "EMAIL_URL" in the_delivery().last_error
    assert the_delivery().status == "dead"


# --- Refusals ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", HTTP_KINDS)
@pytest.mark.parametrize(
    ("code", "status"), [(500, "pending"), (429, "pending"), (404, "dead"), (302, "dead")]
)
def test_every_kind_tells_what_may_pass_from_what_stays(
    kind, code, status, a_channel, happen, receiver, other_receiver, deliver
):
    a_channel(kind, receiver.url)
    receiver.replies(Reply(status=code, body=b"{}", headers={"Location": other_receiver.url}))
    happen()

    deliver()

    assert the_delivery().status == status
    tried = NotificationAttempt.objects.get()
    assert tried.status_code == code
    assert tried.is_permanent == (status == "dead")
    # Followed, a redirect would lead to where nobody looked.
    assert not other_receiver.arrived


@pytest.mark.parametrize("kind", sorted(CONFIGS))
def test_no_record_holds_a_secret_though_the_answer_repeats_it(
    kind, a_channel, happen, receiver, mail, deliver
):
    channel = a_channel(kind, receiver.url)
    config = CONFIGS[kind](receiver.url)
    receiver.reply = lambda arrived: Reply(status=500, body=json.dumps([arrived.path, config]).encode())
    happen()

    deliver()

    kept = json.dumps(
        [
            *NotificationAttempt.objects.values("error", "answer"),
            *NotificationDelivery.objects.values("last_error"),
            *NotificationChannel.objects.values("config", "last_error"),
        ]
    )
    assert "secret" not in kept.replace('"secret":', "")
    assert "0123456789abcdef" not in kept
    if kind != "email":
        assert channel.sealed is not None


@pytest.mark.parametrize(
    ("content_type", "template", "wanted"),
    [
        (
            "application/x-www-form-urlencoded",
            "text={{title}}&to=ops",
            b"text=A%26to%3Dboss+%3Cb%3E&to=ops",
        ),
        ("application/xml", "<a t='{{title}}'/>", b"<a t='A&amp;to=boss &lt;b&gt;'/>"),
        ("text/plain", "{{title}}", b"A&to=boss <b>"),
    ],
    ids=["form", "xml", "text"],
)
def test_a_value_is_no_field_or_element_of_its_own(content_type, template, wanted):
    options = webhook.Options(url="https://shop.example/", content_type=content_type, body=template)

    assert webhook.body_of(options, replace(EXAMPLE, title="A&to=boss <b>")) == wanted
