"""Owners hear by mail of what no channel takes: by a real mail server, through the queue's job."""

from datetime import timedelta

import pytest
from django.utils import timezone
from procrastinate.contrib.django.models import ProcrastinateJob

from monitor.alerts import asking
from monitor.alerts.rounds import judge_windows
from monitor.lib.actors import Role
from monitor.mail.tasks import mail_owners
from monitor.metrics.tiles import floor
from monitor.webhooks.endpoints import make_endpoint
from monitor.webhooks.results import write_of_disabled
from tests.factories import a_log, a_service, a_user, a_window_rule, keep_logs
from tests.receiver import Reply

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)


@pytest.fixture
def owner(organization, settings):
    settings.SENDS_MAIL = True
    a_user(organization, Role.ADMIN, email="admin@shop.example")
    return a_user(organization, Role.OWNER, email="owner@shop.example")


def letters():
    """What waits for the worker to mail."""
    return [job.args for job in ProcrastinateJob.objects.filter(task_name__endswith="mail_owners")]


def work():
    for args in letters():
        mail_owners(**args)


@pytest.fixture
def broken_round(organization, monkeypatch):
    """Rounds of a rule that cannot be judged, so many minutes from now."""
    service = a_service(organization, name="checkout")
    rule = a_window_rule(service, name="slow <orders>")
    now = floor(timezone.now(), MINUTE)
    keep_logs(service, a_log(timestamp=(now - MINUTE).timestamp()), now=now)

    def failing(questions, *, now):
        raise ValueError("the sky fell")

    monkeypatch.setattr(asking, "read_windows", failing)
    return rule, lambda minutes: judge_windows(now=now + minutes * MINUTE + timedelta(seconds=12))


def test_a_rule_that_cannot_be_judged_is_mailed_to_its_owners_once(owner, broken_round, mail, settings):
    rule, judge = broken_round

    for minute in range(3):
        judge(minute)
    work()

    [letter] = mail.mails
    assert letter["To"] == "owner@shop.example"
    assert letter["Subject"] == "The alert slow <orders> cannot be judged"
    assert "the sky fell" in letter.get_content()
    assert f"{settings.PUBLIC_URL}/alerts-ui/{rule.id}" in letter.get_content()


def test_a_rule_that_fails_is_not_mailed_where_a_channel_takes_it(owner, broken_round, a_channel, receiver):
    a_channel(url=receiver.url)

    broken_round[1](0)

    assert letters() == []


def test_a_channel_that_fails_alone_is_mailed_and_so_is_its_return(
    owner, a_channel, happen, receiver, deliver, mail
):
    a_channel(url=receiver.url, name="broken")
    receiver.replies(Reply(status=404))
    happen(key="one")
    deliver()
    receiver.replies(Reply())
    happen(key="two")
    deliver()

    work()

    assert [letter["Subject"] for letter in mail.mails] == [
        "Failing: channel broken",
        "Working again: channel broken",
    ]
    assert "404" in mail.mails[0].get_content()


def test_an_endpoint_that_is_switched_off_is_mailed_without_its_secrets(owner, organization, mail):
    endpoint, secret = make_endpoint(
        organization=organization,
        url="https://shop.example/hook?token=hunter2hunter2",
        enabled_events=["*"],
        now=timezone.now(),
    )
    endpoint.disabled_reason = "It answered 410 Gone."

    write_of_disabled(endpoint)
    work()

    [letter] = mail.mails
    text = letter["Subject"] + letter.get_content()
    assert "410 Gone" in text
    assert "hunter2" not in text
    assert secret not in text


def test_without_a_mail_server_nothing_waits(owner, broken_round, settings):
    settings.SENDS_MAIL = False

    broken_round[1](0)

    assert letters() == []


def test_operators_are_written_to_where_no_owner_has_an_address(organization, broken_round, mail, settings):
    settings.SENDS_MAIL = True
    operator = a_user(email="operator@shop.example")
    operator.is_superuser = True
    operator.save()

    broken_round[1](0)
    work()

    assert [letter["To"] for letter in mail.mails] == ["operator@shop.example"]


def test_a_mail_server_that_refuses_has_the_job_tried_again(owner, broken_round, mail):
    mail.answer = "451 try later"
    broken_round[1](0)

    with pytest.raises(OSError, match="try later"):
        work()
    mail.answer = ""
    work()

    assert len(mail.mails) == 1
