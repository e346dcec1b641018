"""Readers who have themselves told: how they begin, what they get, and how they leave."""

import json
import re
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import pytest
from django.core.management import call_command
from django.db import connection, transaction
from django.test import Client
from django.utils import timezone

from monitor.channels.schedule import DELAYS
from monitor.lib.outbound import parse_allow_list
from monitor.models import (
    AuditEntry,
    Maintenance,
    Organization,
    RateBucket,
    StatusDelivery,
    StatusNotice,
    StatusPage,
    StatusSubscriber,
)
from monitor.status import subscribing
from monitor.status.cache import CACHE
from monitor.status.desk import MOST_FAILURES
from monitor.status.places import link
from monitor.status.register import hashed, open_incident, save_page, say
from monitor.status.subscribing import ask, confirm, forget_pending, leave
from monitor.status.telling import tell_maintenance
from monitor.status.view import public_view
from tests.channels.mail_box import socket_port
from tests.factories import a_client, a_user, an_organization
from tests.monitors.scenes import a_monitor
from tests.receiver import Reply
from tests.status.scenes import a_page

pytestmark = pytest.mark.django_db
EVE = "eve@reader.example"
STRANGER = "203.0.113.9"


@pytest.fixture(autouse=True)
def _mail_is_set_and_loopback_may_be_reached(settings):
    settings.QUICK_START = True
    settings.SENDS_MAIL = True


@pytest.fixture
def page(db):
    organization = an_organization()
    return a_page(organization, a_monitor(organization, name="Web"))


@pytest.fixture
def reader():
    return Client(REMOTE_ADDR=STRANGER)


def path_of(url):
    return urlsplit(url).path


def link_in(mail, word):
    """The link of a letter that a person would open."""
    text = mail.get_body(("plain",)).get_content()
    return re.search(rf"http\S+/{word}/\S+", text)[0]


def secret_in(response):
    """The secret that a page shows."""
    return re.search(r"whsec_[A-Za-z0-9+/=]+", response.content.decode())[0]


def a_subscriber(page, target=EVE, *, kind="email", now=None):
    """One who said yes, and whose question was sent before."""
    now = now or timezone.now()
    made = ask(page, kind=kind, target=target, now=now)
    assert confirm(made.id, now=now)
    made.deliveries.all().delete()
    return made


def tell(page, **fields):
    given = {"title": "Checkout is slow", "impact": "major", "status": "investigating", "body": "We look."}
    return open_incident(page, **{**given, **fields}, now=timezone.now())


# --- By mail -----------------------------------------------------------------------------------------------


def test_a_reader_subscribes_confirms_hears_of_an_incident_and_leaves_by_one_click(
    page, reader, mail, deliver
):
    assert 'href="/status/shop/subscribe"' in reader.get("/status/shop").content.decode()
    form = reader.get("/status/shop/subscribe")
    assert "<script" not in form.content.decode()

    asked = reader.post("/status/shop/subscribe", {"email": EVE})
    assert "A letter is on its way" in asked.content.decode()
    deliver()
    (question,) = mail.mails
    assert question["To"] == EVE
    assert question["Subject"] == "Shop: please confirm your subscription"

    # Asked is not told.
    assert StatusSubscriber.objects.get().last_told_at is None

    # Who only opens the link, as scanners of mail do, confirms nothing.
    confirming = path_of(link_in(question, "confirm"))
    assert "Yes, tell me" in reader.get(confirming).content.decode()
    assert not StatusSubscriber.objects.confirmed().exists()
    assert "You are subscribed" in reader.post(confirming).content.decode()

    incident = tell(page, body="Payments wait, **we look**.")
    say(incident, status="monitoring", body="Better.", now=timezone.now())
    say(incident, status="resolved", body="Over.", now=timezone.now())
    deliver()
    _, opened, updated, resolved = mail.mails
    assert StatusSubscriber.objects.get().last_told_at is not None
    assert opened["Subject"] == "Shop: Checkout is slow: Investigating"
    assert "Payments wait" in opened.get_body(("plain",)).get_content()
    assert "<strong>we look</strong>" in opened.get_body(("html",)).get_content()
    assert updated["Subject"] == "Shop: Checkout is slow: Monitoring"
    assert resolved["Subject"] == "Shop: Checkout is slow: Resolved"
    assert opened["References"] == updated["References"] == resolved["References"]

    leaving = opened["List-Unsubscribe"].strip(" <>")
    assert opened["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert leaving == link_in(opened, "unsubscribe")
    assert "Unsubscribe" in reader.get(path_of(leaving)).content.decode()
    assert StatusSubscriber.objects.exists()
    one_click = reader.post(path_of(leaving), {"List-Unsubscribe": "One-Click"})
    assert one_click.status_code == 200
    assert not StatusSubscriber.objects.exists()
    assert "You are unsubscribed" in reader.post(path_of(leaving)).content.decode()

    tell(page)
    deliver()
    assert len(mail.mails) == 4


def test_every_letter_can_be_left_by_one_click(page, reader, mail, deliver):
    reader.post("/status/shop/subscribe", {"email": EVE})
    deliver()
    confirm(StatusSubscriber.objects.get().id, now=timezone.now())
    reader.post("/status/shop/subscribe", {"email": EVE})
    tell(page)
    deliver()

    assert [mail["Subject"] for mail in mail.mails] == [
        "Shop: please confirm your subscription",
        "Shop: you are subscribed",
        "Shop: Checkout is slow: Investigating",
    ]
    for letter in mail.mails:
        # A long header is folded behind its name.
        assert letter["List-Unsubscribe"].strip().startswith("<http")
        assert letter["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
        assert letter["Auto-Submitted"] == "auto-generated"


def test_the_answer_is_the_same_whether_an_address_is_known(page, reader):
    a_subscriber(page)

    known = reader.post("/status/shop/subscribe", {"email": EVE})
    unknown = reader.post("/status/shop/subscribe", {"email": "bob@reader.example"})

    assert known.status_code == unknown.status_code == 200
    assert known.content == unknown.content


def test_nobody_can_have_a_mail_box_flooded(page, reader, mail, deliver):
    other = a_page(page.organization, slug="other")
    answers = set()
    for number in range(9):
        caller = Client(REMOTE_ADDR=f"198.51.100.{number}")
        slug = (page, other)[number % 2].slug
        # A tag behind a plus leads to the same mail box.
        sent = caller.post(f"/status/{slug}/subscribe", {"email": f"Eve+{number}@reader.example"})
        answers.add((sent.status_code, "A letter is on its way" in sent.content.decode()))
        deliver()

    assert answers == {(200, True)}
    assert len(mail.mails) == 3


def test_one_caller_asks_for_ten_addresses_an_hour_and_is_told_so(page, reader, mail, deliver):
    answers = [
        reader.post("/status/shop/subscribe", {"email": f"reader{number}@reader.example"}).status_code
        for number in range(12)
    ]

    assert answers == [200] * 10 + [429] * 2
    deliver()
    assert len(mail.mails) == 10
    # Of the bucket six minutes flow back for each.
    RateBucket.objects.filter(name__startswith="status-caller").update(
        full_at=timezone.now().timestamp() + 3_200
    )
    assert reader.post("/status/shop/subscribe", {"email": EVE}).status_code == 200


def test_a_page_asks_no_more_than_its_hour_allows(page, monkeypatch):
    monkeypatch.setattr(subscribing, "QUESTIONS_A_PAGE", 3)

    answers = [
        Client(REMOTE_ADDR=f"198.51.100.{number}")
        .post("/status/shop/subscribe", {"email": f"reader{number}@reader.example"})
        .status_code
        for number in range(5)
    ]

    assert answers == [200, 200, 200, 429, 429]


def test_what_nobody_confirms_is_gone_after_two_days(page, reader):
    asked_at = timezone.now() - timedelta(hours=49)
    old = ask(page, kind="email", target=EVE, now=asked_at)
    ask(page, kind="email", target="new@reader.example", now=timezone.now())
    kept = a_subscriber(page, "kept@reader.example", now=asked_at)

    late = reader.post(path_of(link(page, old.id, "confirm")))
    assert late.status_code == 404
    assert not StatusSubscriber.objects.get(id=old.id).confirmed_at

    assert forget_pending(now=timezone.now()) == 1
    assert StatusSubscriber.objects.count() == 2
    assert StatusSubscriber.objects.filter(id=kept.id).exists()
    assert reader.get(path_of(link(page, old.id, "confirm"))).status_code == 404


def test_a_token_is_for_one_use_and_cannot_be_made_up(page, reader):
    subscriber = a_subscriber(page)
    confirming, leaving = (link(page, subscriber.id, use) for use in ("confirm", "unsubscribe"))
    token = confirming.rpartition("/")[2]

    cut = reader.post(f"/status/shop/unsubscribe/{token}")
    assert (cut.status_code, "You are still subscribed" in cut.content.decode()) == (404, True)
    assert reader.post(path_of(leaving)[:-1]).status_code == 404
    assert reader.post(f"/status/shop/unsubscribe/{subscriber.id.hex}").status_code == 404
    assert reader.put(path_of(leaving)).status_code == 405
    assert StatusSubscriber.objects.exists()


def test_an_address_is_kept_sealed_and_shown_to_no_reader(page, reader):
    a_subscriber(page)
    tell(page)

    with connection.cursor() as cursor:
        for table in ("status_subscriber", "status_delivery", "status_notice", "audit_entry"):
            cursor.execute(f"SELECT t::text, encode(convert_to(t::text, 'UTF8'), 'escape') FROM {table} t")  # noqa: S608
            assert EVE not in str(cursor.fetchall())
    for part in ("", "/status.json", "/api/v2/summary.json", "/feed.rss", "/subscribe"):
        CACHE.clear()
        assert "eve@" not in reader.get(f"/status/shop{part}").content.decode()


@pytest.mark.parametrize(
    ("spellings", "asked"),
    [
        (
            ['"eve"@reader.example', '"e\\ve"@reader.example', "eve@[127.0.0.1]", "eve@reader.example\x7f"],
            set(),
        ),
        (
            ["e.ve@reader.example", "ev.e@reader.example", "eve+1@reader.example", "E.V.E+2@reader.example"],
            None,
        ),
        (
            ["eve@b\u00fccher.example", "eve@xn--bcher-kva.example", "eve@BU\u0308CHER.example"],
            {"eve@xn--bcher-kva.example"},
        ),
    ],
    ids=["quotes and numbers", "dots and tags", "scripts"],
)
def test_no_spelling_of_a_mail_box_has_it_asked_more_often(page, mail, deliver, spellings, asked):
    for number, spelling in enumerate(2 * spellings):
        other = a_page(page.organization, slug=f"other{number}")
        caller = Client(REMOTE_ADDR=f"198.51.100.{number}")
        answer = caller.post(f"/status/{other.slug}/subscribe", {"email": spelling})
        assert answer.status_code == (400 if asked == set() else 200)
        deliver()

    assert len(mail.mails) == (0 if asked == set() else 3)
    # Written to as they are typed: a dot may be another mail box.
    assert {str(letter["To"]) for letter in mail.mails} == (set(spellings[:3]) if asked is None else asked)


def test_the_audit_log_tells_nothing_of_readers(page, mail, deliver):
    """Neither where they are, nor who they are to an organization that is not theirs."""
    strangers = a_client(user=a_user(an_organization()))
    for reader in (Client(REMOTE_ADDR=STRANGER, headers={"User-Agent": "Reader/1"}), strangers):
        reader.post("/status/shop/subscribe", {"email": EVE})
        made = StatusSubscriber.objects.get()
        reader.post(path_of(link(page, made.id, "confirm")))
        assert StatusSubscriber.objects.confirmed().exists()
        reader.post(path_of(link(page, made.id, "unsubscribe")))
        assert not StatusSubscriber.objects.exists()

    assert not AuditEntry.objects.filter(action__startswith="status_subscriber").exists()


def test_what_is_no_mail_address_is_refused(page, reader):
    for wrong in ("eve", "eve@", f"{'e' * 300}@reader.example", "eve@reader.example\nBcc: all@x.example"):
        assert reader.post("/status/shop/subscribe", {"email": wrong}).status_code == 400
    assert reader.post("/status/shop/subscribe", {}).status_code == 400
    assert not StatusSubscriber.objects.exists()


def test_without_a_mail_server_the_form_offers_none(page, reader, settings):
    settings.SENDS_MAIL = False

    assert 'name="email"' not in reader.get("/status/shop/subscribe").content.decode()
    assert reader.post("/status/shop/subscribe", {"email": EVE}).status_code == 400


# --- By webhook --------------------------------------------------------------------------------------------


def test_a_webhook_is_asked_confirms_and_hears_what_statuspage_would_send(page, reader, receiver, deliver):
    url = f"{receiver.url}/hooks/secret-of-mine"
    sent = reader.post("/status/shop/subscribe", {"webhook": url})
    assert "confirm_url" in sent.content.decode()
    deliver()
    question = receiver.arrived[0].json
    assert question["type"] == "subscription.confirm"
    assert question["page"]["name"] == "Shop"
    tell(page, title="Before anybody said yes")
    deliver()
    assert len(receiver.arrived) == 1

    confirming = path_of(question["confirm_url"])
    secret = secret_in(reader.post(confirming))
    # Shown once: neither to who comes again nor to a copy of the database.
    assert "whsec_" not in reader.post(confirming).content.decode()
    assert "whsec_" not in reader.get(confirming).content.decode()
    assert secret.encode() not in bytes(StatusSubscriber.objects.get().sealed_secret)
    incident = tell(page)
    say(incident, status="resolved", body="Over.", now=timezone.now())
    deliver()

    opened, resolved = (arrived.verified(secret) for arrived in receiver.arrived[1:])
    assert [arrived.headers["webhook-id"] for arrived in receiver.arrived[1:]] == [
        opened["id"],
        resolved["id"],
    ]
    assert opened["type"] == "incident.opened"
    assert opened["page"]["status_indicator"] in ("none", "minor", "major", "critical")
    told = opened["incident"]
    assert (told["id"], told["name"]) == (str(incident.id), "Checkout is slow")
    assert told["status"] == "investigating"
    assert told["incident_updates"][0]["body"] == "We look."
    assert resolved["type"] == "incident.resolved"
    assert resolved["incident"]["resolved_at"]
    assert opened["id"] != resolved["id"]

    reader.post(path_of(resolved["meta"]["unsubscribe"]))
    assert not StatusSubscriber.objects.exists()


def test_a_program_that_confirms_by_itself_is_told_its_secret_as_json(
    page, reader, receiver, deliver, settings
):
    made = ask(page, kind="webhook", target=f"{receiver.url}/hook", now=timezone.now())
    confirming = path_of(link(page, made.id, "confirm"))

    first, again = (reader.post(confirming, headers={"Accept": "application/json"}) for _ in range(2))

    assert first["Cache-Control"] == "private, no-store"
    assert set(again.json()) == {"state", "unsubscribe"}
    StatusDelivery.objects.all().delete()
    # A new key of the installation opens it as the old one did.
    settings.SECRETS_KEYS = ["a newer key of forty characters at least, yes", *settings.SECRETS_KEYS]
    call_command("seal_secrets", verbosity=0)
    settings.SECRETS_KEYS = settings.SECRETS_KEYS[:1]
    tell(page)
    deliver()
    assert receiver.arrived[-1].verified(first.json()["secret"])["type"] == "incident.opened"


def test_a_webhook_of_before_there_were_secrets_is_told_without_a_signature(page, receiver, deliver):
    subscriber = a_subscriber(page, f"{receiver.url}/hook", kind="webhook")
    StatusSubscriber.objects.filter(id=subscriber.id).update(sealed_secret=None)
    tell(page)

    deliver()

    (arrived,) = receiver.arrived
    assert "webhook-signature" not in arrived.headers


def test_mail_has_no_secret(page):
    assert (
        confirm(ask(page, kind="email", target=EVE, now=timezone.now()).id, now=timezone.now()).secret == ""
    )
    assert StatusSubscriber.objects.get().sealed_secret is None


def test_a_webhook_that_says_gone_is_removed(page, receiver, deliver):
    a_subscriber(page, f"{receiver.url}/hook", kind="webhook")
    receiver.replies(Reply(status=410))
    tell(page)

    deliver()

    assert not StatusSubscriber.objects.exists()


def test_what_fails_is_tried_again_in_order_and_its_ids_stay(page, receiver, deliver, clock):
    a_subscriber(page, f"{receiver.url}/hook", kind="webhook")
    receiver.replies(Reply(status=503), Reply())
    incident = tell(page)
    say(incident, status="identified", body="Found.", now=timezone.now())
    deliver()
    assert len(receiver.arrived) == 1

    clock.move(minutes=1)
    deliver()

    kinds = [arrived.json["type"] for arrived in receiver.arrived]
    assert kinds == ["incident.opened", "incident.opened", "incident.updated"]
    assert receiver.arrived[0].json["id"] == receiver.arrived[1].json["id"]
    assert set(StatusDelivery.objects.values_list("status", flat=True)) == {"succeeded"}


def test_a_receiver_that_hangs_keeps_nobody_else_waiting(page, receiver, mail, deliver):
    for number in range(3):
        a_subscriber(page, f"{receiver.url}/hook{number}", kind="webhook")
    a_subscriber(page)
    receiver.replies(Reply(after_s=1))
    tell(page)

    deliver()

    assert len(mail.mails) == 1
    assert len(receiver.arrived) == 3


@pytest.mark.parametrize("url", ["https://10.1.2.3/", "http://10.1.2.3:9000/", "http://shop.example/"])
def test_networks_that_the_operator_opened_are_not_open_to_strangers(page, reader, settings, url):
    settings.QUICK_START, settings.OUTBOUND_ALLOW = False, parse_allow_list("10.1.0.0/16")

    assert reader.post("/status/shop/subscribe", {"webhook": url}).status_code == 400
    assert not StatusSubscriber.objects.exists()
    assert reader.post("/status/shop/subscribe", {"webhook": "https://shop.example/"}).status_code == 200


def test_a_strangers_webhook_is_judged_again_where_it_is_sent(page, receiver, deliver, settings):
    """Kept while it was allowed; a name may come to stand for an address inside, too."""
    subscriber = a_subscriber(page, f"{receiver.url}/hook", kind="webhook")
    settings.QUICK_START, settings.OUTBOUND_ALLOW = False, parse_allow_list("127.0.0.0/8")
    for number in range(MOST_FAILURES + 1):
        tell(page, title=f"incident {number}")

    deliver()

    assert receiver.arrived == []
    assert set(StatusDelivery.objects.values_list("status", flat=True)) == {"blocked"}
    assert AuditEntry.objects.get(action="ssrf.blocked").target_id == str(page.id)
    # Our rule, not its refusal.
    subscriber.refresh_from_db()
    assert subscriber.failures_in_row == 0


@pytest.mark.parametrize(
    "url",
    ["http://169.254.169.254/latest", "http://10.0.0.1/", "ftp://shop.example/", "nonsense"],
)
def test_a_stranger_cannot_have_us_call_our_own_network(page, reader, settings, url):
    settings.QUICK_START = False

    sent = reader.post("/status/shop/subscribe", {"webhook": url})

    assert sent.status_code == 400
    assert "This URL cannot be used: https and a public address." in sent.content.decode()
    assert not StatusSubscriber.objects.exists()


def test_an_address_that_takes_nothing_five_times_in_a_row_is_forgotten(page, receiver, deliver):
    subscriber = a_subscriber(page, f"{receiver.url}/hook", kind="webhook")
    receiver.replies(Reply(status=404))
    for number in range(4):
        tell(page, title=f"incident {number}")
    deliver()
    subscriber.refresh_from_db()
    assert (subscriber.state, subscriber.failures_in_row) == ("failing", 4)

    tell(page, title="the last")
    deliver()

    assert not StatusSubscriber.objects.exists()


def give_up_more_than_enough(page, deliver):
    for number in range(MOST_FAILURES + 1):
        tell(page, title=f"incident {number}")
    # The last try of each: four hours are over.
    StatusDelivery.objects.update(attempts=len(DELAYS))
    deliver()


def no_server(settings, mail):
    settings.EMAIL_HOST = ""


def a_server_that_is_away(settings, mail):
    with socket_port() as settings.EMAIL_PORT:
        pass


def a_password_that_is_over(settings, mail):
    settings.EMAIL_HOST_USER, settings.EMAIL_HOST_PASSWORD = "monitor", "of last year"


def a_sender_that_is_refused(settings, mail):
    mail.sender_answer = "550 5.7.60 you may not send as this sender"


def a_server_that_does_not_relay(settings, mail):
    mail.recipient_answer = "554 5.7.1 <eve@reader.example>: Relay access denied"


def a_server_that_does_not_relay_and_gives_no_class(settings, mail):
    mail.recipient_answer = "550 relay not permitted"


def a_sender_without_a_domain(settings, mail):
    mail.recipient_answer = "450 4.1.8 <monitor@shop.example>: Sender address rejected"


def mail_that_looks_like_spam(settings, mail):
    mail.answer = "550 5.7.1 spam"


def keys_that_do_not_open(settings, mail):
    settings.SECRETS_KEYS = ["quite another key, of forty characters at least"]


OUR_TROUBLES = (
    no_server,
    a_server_that_is_away,
    a_password_that_is_over,
    a_sender_that_is_refused,
    a_server_that_does_not_relay,
    a_server_that_does_not_relay_and_gives_no_class,
    a_sender_without_a_domain,
    mail_that_looks_like_spam,
    keys_that_do_not_open,
)


@pytest.mark.parametrize("trouble", OUR_TROUBLES, ids=lambda trouble: trouble.__name__)
def test_trouble_of_our_own_removes_nobody(page, mail, deliver, settings, trouble):
    subscriber = a_subscriber(page)
    trouble(settings, mail)

    give_up_more_than_enough(page, deliver)

    assert mail.mails == []
    assert set(StatusDelivery.objects.values_list("status", flat=True)) == {"dead"}
    subscriber.refresh_from_db()
    assert subscriber.failures_in_row == 0
    assert subscriber.last_error


def test_a_letter_that_our_own_server_would_not_take_comes_once_that_is_mended(page, mail, deliver, clock):
    a_subscriber(page)
    mail.sender_answer = "550 5.7.60 you may not send as this sender"
    tell(page)
    deliver()
    assert StatusDelivery.objects.get().status == "pending"

    mail.sender_answer = ""
    clock.move(minutes=1)
    deliver()

    assert [letter["To"] for letter in mail.mails] == [EVE]


@pytest.mark.parametrize(
    "answer",
    ["550 5.1.1 no such user", "550 no such user here", "452 4.2.2 mailbox full", "450 4.1.2 no such domain"],
)
def test_a_mail_box_that_is_refused_five_times_in_a_row_is_forgotten(page, mail, deliver, answer):
    a_subscriber(page)
    mail.recipient_answer = answer

    give_up_more_than_enough(page, deliver)

    assert not StatusSubscriber.objects.exists()


def test_a_webhook_is_removed_for_what_it_does_and_not_for_keys_of_ours(page, deliver, settings):
    with socket_port() as port:
        pass
    refusing = a_subscriber(page, f"http://127.0.0.1:{port}/hook", kind="webhook")
    keys = settings.SECRETS_KEYS
    settings.SECRETS_KEYS = ["quite another key, of forty characters at least"]
    give_up_more_than_enough(page, deliver)
    refusing.refresh_from_db()
    assert refusing.failures_in_row == 0

    settings.SECRETS_KEYS = keys
    give_up_more_than_enough(page, deliver)

    assert not StatusSubscriber.objects.exists()


# --- What is told, and when --------------------------------------------------------------------------------


def test_an_update_that_is_rolled_back_tells_nobody(page):
    a_subscriber(page)
    with transaction.atomic():
        tell(page)
        assert StatusDelivery.objects.exists()
        transaction.set_rollback(True)

    assert not StatusDelivery.objects.exists()
    assert not StatusNotice.objects.exists()


def test_nobody_is_told_where_the_author_says_so_or_the_page_is_hidden(page):
    a_subscriber(page)
    tell(page, notify=False)
    save_page(page, {"is_published": False}, None)
    tell(page)

    assert not StatusNotice.objects.exists()


def test_an_incident_that_is_removed_is_told_no_more(page, mail, deliver):
    a_subscriber(page)
    tell(page).delete()

    deliver()

    assert mail.mails == []


def test_who_leaves_while_an_update_is_written_does_not_undo_it(page):
    gone, stays = a_subscriber(page), a_subscriber(page, "stays@reader.example")
    leave(gone.id)

    incident = tell(page)

    assert incident.updates.count() == 1
    assert [each.subscriber_id for each in StatusDelivery.objects.all()] == [stays.id]


def a_window(page, *, start, end, **fields):
    given = {"strategy": "once", "starts_at": start, "ends_at": end, **fields}
    return Maintenance.objects.create(
        organization=page.organization, title="New disks", covers_all=True, description="Slower.", **given
    )


def test_planned_work_is_told_when_it_is_planned_begins_and_ends_each_once(page, receiver, deliver, clock):
    a_subscriber(page, f"{receiver.url}/hook", kind="webhook")
    now = timezone.now()
    a_window(page, start=now + timedelta(hours=1), end=now + timedelta(hours=2))

    for minutes in (0, 1, 59, 61, 62, 119, 121, 122):
        tell_maintenance(now=now + timedelta(minutes=minutes))
    clock.move(hours=3)
    deliver()

    told = [arrived.json for arrived in receiver.arrived]
    assert [each["type"] for each in told] == [
        "maintenance.scheduled",
        "maintenance.started",
        "maintenance.ended",
    ]
    assert [each["incident"]["status"] for each in told] == ["scheduled", "in_progress", "completed"]
    assert told[0]["incident"]["scheduled_for"]


def test_planned_work_of_what_the_page_does_not_show_is_not_told(page):
    a_subscriber(page)
    elsewhere = a_monitor(page.organization, name="Elsewhere")
    now = timezone.now()
    window = a_window(page, start=now + timedelta(hours=1), end=now + timedelta(hours=2))
    window.covers_all = False
    window.save()
    window.monitors.set([elsewhere])

    assert tell_maintenance(now=now) == 0


def told_at(*moments):
    """What subscribers were told at each of these, by the kinds of those who were."""
    for moment in moments:
        before = set(StatusNotice.objects.values_list("id", flat=True))
        tell_maintenance(now=moment)
        made = StatusNotice.objects.exclude(id__in=before).order_by("happened_at", "id")
        yield [
            (each.kind, sorted(each.deliveries.values_list("subscriber__kind", flat=True))) for each in made
        ]


def test_work_of_every_night_is_told_once_a_night_and_its_end_to_programs(page):
    a_subscriber(page)
    a_subscriber(page, "http://127.0.0.1:9/hook", kind="webhook")
    a_window(page, strategy="cron", start=None, end=None, expression="0 3 * * *", duration_minutes=30)
    noon = datetime(2026, 11, 21, 12, tzinfo=UTC)

    told = list(told_at(*(noon + timedelta(hours=hours) for hours in (0, 15, 15.2, 16, 24, 39, 39.5))))

    begun = ("maintenance.started", ["email", "webhook"])
    over = ("maintenance.ended", ["webhook"])
    assert told == [[], [begun], [], [over], [], [begun], [over]]


def test_work_of_every_hour_is_told_once_a_day(page):
    a_subscriber(page)
    a_window(page, strategy="cron", start=None, end=None, expression="0 * * * *", duration_minutes=10)
    noon = datetime(2026, 11, 21, 12, tzinfo=UTC)

    told = list(told_at(*(noon + timedelta(hours=hours) for hours in range(25))))

    assert [len([each for each in hour if each[0].endswith("started")]) for hour in told] == [
        1 if hour in (0, 20) else 0 for hour in range(25)
    ]


def test_the_end_of_a_night_whose_plan_is_gone_is_told_to_everybody(page):
    a_subscriber(page)
    work = a_window(page, strategy="cron", start=None, end=None, expression="0 3 * * *", duration_minutes=30)
    night = datetime(2026, 11, 22, 3, 10, tzinfo=UTC)
    list(told_at(night))
    work.delete()

    assert list(told_at(night + timedelta(minutes=1))) == [[("maintenance.ended", ["email"])]]


def test_work_whose_planner_says_so_is_shown_and_not_told(page):
    a_subscriber(page)
    now = timezone.now()
    a_window(page, start=now, end=now + timedelta(hours=1), tells_subscribers=False)

    assert list(told_at(now, now + timedelta(hours=2))) == [[], []]
    assert public_view(page, now=now).announcements


def test_work_that_is_switched_on_and_off_by_hand_is_told_each_time(page):
    a_subscriber(page)
    now = timezone.now()
    work = a_window(page, strategy="manual", start=None, end=None)
    for minute, is_active in enumerate((True, True, False, False, True, False)):
        Maintenance.objects.filter(id=work.id).update(is_active=is_active)
        tell_maintenance(now=now + timedelta(minutes=minute))

    kinds = list(StatusNotice.objects.order_by("happened_at").values_list("kind", flat=True))
    assert kinds == ["maintenance.started", "maintenance.ended"] * 2


# --- The same at a domain, behind a password, and past the cache -------------------------------------------


def test_a_domain_of_its_own_has_the_form_and_its_letters_lead_there(page, mail, deliver, settings):
    settings.ALLOWED_HOSTS = ["testserver"]
    save_page(page, {"domain": "status.shop.example"}, None)
    reader = Client(REMOTE_ADDR=STRANGER, headers={"host": "status.shop.example"})

    assert reader.get("/subscribe").status_code == 200
    assert reader.post("/subscribe", {"email": EVE}).status_code == 200
    deliver()
    confirming = link_in(mail.mails[0], "confirm")
    assert urlsplit(confirming).hostname == "status.shop.example"
    assert "You are subscribed" in reader.post(path_of(confirming)).content.decode()
    leaving = link_in(mail.mails[0], "unsubscribe")
    save_page(page, {"is_published": False}, None)
    assert reader.get("/subscribe").status_code == 404
    assert reader.post(path_of(leaving)).status_code == 200
    assert not StatusSubscriber.objects.exists()
    # Nothing else of the product answers there.
    assert reader.get("/status/shop/subscribe").status_code == 400
    assert reader.get("/confirm/").status_code == 400


def test_a_page_with_a_password_is_subscribed_to_by_those_who_know_it(page, reader):
    save_page(page, {"password": hashed("hush")}, None)

    for method in ("get", "post"):
        refused = getattr(reader, method)("/status/shop/subscribe", {"email": EVE})
        assert (refused.status_code, refused["Location"]) == (302, "/status/shop")
    assert not StatusSubscriber.objects.exists()

    reader.post("/status/shop", {"password": "hush"})
    assert reader.post("/status/shop/subscribe", {"email": EVE}).status_code == 200
    assert StatusSubscriber.objects.count() == 1


def test_neither_form_nor_links_are_kept_by_anybody(page, reader):
    subscriber = a_subscriber(page)
    addresses = [
        "/status/shop/subscribe",
        *(path_of(link(page, subscriber.id, use)) for use in ("confirm", "unsubscribe")),
    ]

    answers = [reader.get(address) for address in addresses]

    assert {answer["Cache-Control"] for answer in answers} == {"private, no-store"}
    assert {answer["Referrer-Policy"] for answer in answers} == {"no-referrer"}
    assert all(CACHE.fresh(("testserver", address)) is None for address in addresses)


def test_a_page_that_takes_none_has_no_form_and_lets_those_it_has_leave(page, reader):
    subscriber = a_subscriber(page)
    save_page(page, {"takes_subscribers": False}, None)

    assert "Get updates" not in reader.get("/status/shop").content.decode()
    assert reader.get("/status/shop/subscribe").status_code == 404
    assert reader.post("/status/shop/subscribe", {"email": EVE}).status_code == 404
    assert reader.post(path_of(link(page, subscriber.id, "unsubscribe"))).status_code == 200
    assert not StatusSubscriber.objects.exists()


def test_a_link_of_a_letter_survives_a_new_name_of_the_page(page, reader):
    subscriber = a_subscriber(page)
    old = path_of(link(page, subscriber.id, "unsubscribe"))
    save_page(page, {"slug": "renamed"}, None)

    assert reader.post(old).status_code == 200
    assert not StatusSubscriber.objects.exists()


def test_a_page_takes_its_subscribers_along_when_it_goes(page):
    a_subscriber(page)
    tell(page)

    Organization.objects.get(id=page.organization_id).delete()

    assert not StatusSubscriber.objects.exists()
    assert not StatusPage.objects.exists()


def test_the_same_address_subscribes_once_however_it_is_written(page):
    for written in (EVE, "EVE@Reader.example", f" {EVE} "):
        ask(page, kind="email", target=written, now=timezone.now())

    assert StatusSubscriber.objects.count() == 1
    assert StatusDelivery.objects.count() == 1


def test_an_address_is_known_again_after_the_keys_were_changed(page, settings):
    subscriber = a_subscriber(page)
    settings.SECRETS_KEYS = ["a newer key of forty characters at least, yes", *settings.SECRETS_KEYS]
    assert ask(page, kind="email", target=EVE, now=timezone.now()).id == subscriber.id

    call_command("seal_secrets", verbosity=0)
    settings.SECRETS_KEYS = settings.SECRETS_KEYS[:1]

    assert ask(page, kind="email", target=EVE, now=timezone.now()).id == subscriber.id
    assert StatusSubscriber.objects.count() == 1


def test_the_letters_of_a_page_are_json_without_addresses_of_monitors(page, receiver, deliver):
    a_subscriber(page, f"{receiver.url}/hook", kind="webhook")
    tell(page)
    deliver()

    told = json.dumps(receiver.arrived[0].json)
    assert "127.0.0.1:9" not in told
    assert str(page.entries.get().monitor_id) not in told
