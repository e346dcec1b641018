"""The audit log as it is read: by API, by file, on its page; and what is in it beside changes."""

import csv
import io
import json
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from monitor.access import actor_of_user
from monitor.audit import Visit, begin_visit, end_visit, record, remember_actor
from monitor.audit.forgetting import forget_old
from monitor.audit.tasks import forget_audit
from monitor.issues.grouping import group_errors
from monitor.issues.states import change_state
from monitor.lib.ids import uuid7_at
from monitor.models import AuditEntry, ErrorIssue
from monitor.models.audit import Face
from monitor.services.purge import purge
from tests.factories import (
    a_client,
    a_key,
    a_log,
    a_service,
    a_user,
    an_organization,
    keep_logs,
    post_json,
    rfc3339,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def organization():
    return an_organization()


@pytest.fixture
def service(organization):
    return a_service(organization, name="orders")


@pytest.fixture
def owner(organization):
    return a_user(organization, "owner")


def actions(client, query=""):
    answer = client.get(f"/v1/audit-log{query}")
    assert answer.status_code == 200, answer.content
    return [row["action"] for row in answer.json()]


def an_entry(days_ago, **fields):
    at = timezone.now() - timedelta(days=days_ago)
    return AuditEntry.objects.create(
        id=uuid7_at(at), actor_kind="system", actor_label="system", face="command", happened_at=at, **fields
    )


# --- Signing in --------------------------------------------------------------------------------------------


def test_signing_in_and_out_is_told_with_where_it_was_done(owner, settings):
    settings.TRUSTED_PROXY_COUNT = 1
    owner.set_password("correct-horse-battery")
    owner.save()
    browser = Client(headers={"User-Agent": "Firefox", "X-Forwarded-For": "10.9.9.9, 198.51.100.7"})

    browser.post("/login", {"username": owner.username, "password": "correct-horse-battery"})
    browser.post("/logout")

    came, went = AuditEntry.objects.filter(action__startswith="auth.").order_by("id")
    assert (came.action, came.actor_label, came.face) == ("auth.login", f"user:{owner.username}", "page")
    assert (came.ip, came.user_agent) == ("198.51.100.7", "Firefox")
    assert (went.action, went.actor_id) == ("auth.logout", str(owner.id))


def test_a_failed_sign_in_names_people_and_not_what_was_typed(owner):
    for name in (owner.username, "my-password-by-mistake", "with\0nul"):
        Client().post("/login", {"username": name, "password": "wrong"})

    failed = AuditEntry.objects.filter(action="auth.login_failed").order_by("id")
    assert [entry.target_label for entry in failed][:2] == [owner.username, "(unknown name)"]
    assert "by-mistake" not in str(list(failed.values()))
    assert {entry.actor_kind for entry in failed} == {"anonymous"}


def test_managers_see_how_members_sign_in_and_not_how_others_do(owner, organization):
    member, stranger = a_user(organization), a_user(an_organization())
    a_client(user=member)
    a_client(user=stranger)

    rows = a_client(user=owner).get("/v1/audit-log?action=auth.login").json()

    assert str(member.id) in {row["actor_id"] for row in rows}
    assert str(stranger.id) not in {row["actor_id"] for row in rows}


# --- What changes nothing ----------------------------------------------------------------------------------


def test_a_secret_that_is_shown_is_told(service, owner):
    person = a_client(user=owner)
    post_json(person, f"/v1/services/{service.id}/keys", {"name": "ci"})
    body = {"url": "https://shop.example/hook", "enabled_events": ["*"]}
    made = post_json(person, "/v1/webhook-endpoints", body).json()
    post_json(person, f"/v1/webhook-endpoints/{made['id']}/rotate-secret", {})

    shown = AuditEntry.objects.filter(action="secret.shown").order_by("id")

    assert [entry.target_type for entry in shown] == ["api_key", "webhook_secret", "webhook_secret"]
    assert {entry.actor_id for entry in shown} == {str(owner.id)}


def test_an_export_of_logs_is_told(service, owner):
    keep_logs(service, a_log())

    answer = a_client(user=owner).get("/v1/logs/export?format=csv")
    b"".join(answer.streaming_content)

    entry = AuditEntry.objects.get(action="logs.exported")
    assert (entry.note, entry.actor_id) == ("as csv", str(owner.id))


def test_what_nobody_recorded_is_told_as_a_request(owner, organization):
    """Such as a room that was added later and forgot."""
    post_json(a_client(user=owner), "/v1/events", {"type": "order.shipped"})

    entry = AuditEntry.objects.get(action="request.made")
    assert (entry.target_label, entry.organization_id) == ("POST v1/events", organization.id)


def test_what_nobody_recorded_is_told_in_the_organization_that_it_was_about_alone(
    service, owner, organization
):
    """A person of two organizations: what was asked in one is nothing of the other's."""
    elsewhere = an_organization()
    elsewhere.memberships.create(user=owner, role="owner")
    theirs = a_user(elsewhere, "owner")

    rule = {"kind": "absence", "service_id": str(service.id), "window_s": 300}
    assert post_json(a_client(user=owner), "/v1/alerts/backtest", rule).status_code == 200

    entry = AuditEntry.objects.get(action="request.made")
    assert entry.organization_id == organization.id
    assert "request.made" in actions(a_client(user=owner))
    assert "request.made" not in actions(a_client(user=theirs))


def test_what_was_asked_in_nobody_knows_which_organization_is_shown_in_none(owner):
    other = a_user(an_organization(), "owner")
    other.memberships.create(organization=owner.memberships.get().organization, role="owner")
    visit = Visit(face=Face.API, method="POST", route="v1/somewhere")
    begin_visit(visit)
    record("request.made", target_type="route", actor=actor_of_user(other))
    end_visit()

    assert "request.made" not in actions(a_client(user=owner))


def test_an_export_of_two_organizations_is_told_in_both(service, owner):
    elsewhere = an_organization()
    elsewhere.memberships.create(user=owner, role="owner")
    theirs = a_user(elsewhere, "owner")

    b"".join(a_client(user=owner).get("/v1/logs/export").streaming_content)
    b"".join(a_client(user=owner).get("/v1/audit-log/export").streaming_content)

    assert {"logs.exported", "audit_log.exported"} <= set(actions(a_client(user=theirs)))
    assert AuditEntry.objects.filter(action="logs.exported").count() == 2


def test_what_is_refused_was_not_done(service, owner):
    person = a_client(user=owner)

    assert post_json(person, "/v1/services", {"name": ""}).status_code == 400
    assert person.post(f"/services/{service.id}/keys", {"name": ""}).status_code == 400

    assert actions(person) == ["auth.login"]


def test_what_services_report_is_not_in_the_log(service, owner):
    _, raw = a_key(service)

    assert post_json(a_client(raw), "/v1/logs", a_log(consumer="acme")).status_code == 201

    assert "consumer.created" not in actions(a_client(user=owner))


# --- Reading -----------------------------------------------------------------------------------------------


@pytest.fixture
def done(service, owner):
    """Somebody has named a service, and a key has been made and revoked by another person."""
    person = a_client(user=owner)
    person.patch(f"/v1/services/{service.id}", {"name": "shop"}, content_type="application/json")
    grace = a_user(service.organization, "admin")
    grace.username = "grace"
    grace.save()
    other = a_client(user=grace)
    key = post_json(other, f"/v1/services/{service.id}/keys", {"name": "ci"}).json()
    other.delete(f"/v1/services/{service.id}/keys/{key['id']}")
    return person, key


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("?action=api_key.*", ["api_key.revoked", "api_key.created"]),
        ("?action=service.updated", ["service.updated"]),
        ("?actor=grace&action=api_key.revoked", ["api_key.revoked"]),
        ("?actor=user:grace&target_type=service", []),
        ("?ip=192.0.2.1", []),
        ("?face=admin", []),
        ("?since=2999-01-01T00:00:00Z", []),
        ("?until=2000-01-01T00:00:00Z", []),
    ],
)
def test_the_log_is_narrowed(done, query, expected):
    person, _ = done

    assert actions(person, query) == expected


def test_the_log_is_narrowed_to_one_object_or_one_request(done):
    person, key = done

    assert set(actions(person, f"?target_id={key['id']}")) == {
        *("api_key.created", "api_key.revoked", "secret.shown")
    }
    row = person.get("/v1/audit-log?action=api_key.created").json()[0]
    assert set(actions(person, f"?request_id={row['request_id']}")) == {"api_key.created", "secret.shown"}


def test_another_organization_sees_nothing_of_it(done):
    stranger = a_client(user=a_user(an_organization(), "owner"))

    assert actions(stranger) == ["auth.login"]


def test_a_file_holds_every_match_and_is_in_the_log_itself(done):
    person, _ = done

    rows = [
        json.loads(line)
        for line in b"".join(
            person.get("/v1/audit-log/export?action=api_key.*").streaming_content
        ).splitlines()
    ]
    table = b"".join(person.get("/v1/audit-log/export?format=csv").streaming_content).decode()

    assert [row["action"] for row in rows] == ["api_key.revoked", "api_key.created"]
    assert rows[0]["changes"]["revoked_at"][0] is None
    assert "service.updated" in {row["action"] for row in csv.DictReader(io.StringIO(table))}
    assert actions(person, "?action=audit_log.exported") == ["audit_log.exported"] * 2


def test_a_file_begins_no_formula(owner, organization):
    record("tests.done", organization_id=organization.id, note="=HYPERLINK(1)", actor=None)

    content = a_client(user=owner).get("/v1/audit-log/export?format=csv")

    assert "'=HYPERLINK" in b"".join(content.streaming_content).decode()


def test_an_unknown_format_is_refused(owner):
    assert (
        a_client(user=owner).get("/v1/audit-log/export?format=xml").json()["errors"][0]["field"] == "format"
    )


def test_a_list_costs_the_same_with_one_row_and_with_many(owner, organization, django_assert_num_queries):
    person = a_client(user=owner)
    for _ in range(20):
        record("tests.done", organization_id=organization.id)

    # session, user, memberships; rows.
    with django_assert_num_queries(4):
        person.get("/v1/audit-log")


# --- The page ----------------------------------------------------------------------------------------------


def test_the_page_tells_who_did_what_from_where(done, django_assert_num_queries):
    person, _ = done

    # session, user, memberships; rows.
    with django_assert_num_queries(4):
        page = person.get("/audit").content.decode()

    assert "service.updated" in page
    assert "<del>orders</del>" in page
    assert "<ins>shop</ins>" in page
    assert "user:grace" in page
    assert "127.0.0.1" in page
    assert " style=" not in page


def test_the_page_narrows_and_gives_files(done):
    person, _ = done

    assert "service.updated" not in person.get("/audit?action=api_key.*").content.decode()
    file = person.get("/audit?format=csv&action=service.*")
    assert file["Content-Type"].startswith("text/csv")
    assert b"api_key.created" not in b"".join(file.streaming_content)


def test_the_page_narrows_to_days_as_browsers_give_them(done):
    person, _ = done
    today, tomorrow = (f"{timezone.now() + timedelta(days=days):%Y-%m-%d}" for days in (0, 1))

    page = person.get(f"/audit?since={today}&until={tomorrow}").content.decode()

    assert "service.updated" in page
    assert f'name="since" id="id_since" value="{today}"' in page
    assert "service.updated" not in person.get(f"/audit?until={today}").content.decode()
    assert "Use RFC 3339" in person.get("/audit?since=2026-11-1").content.decode()


def test_the_page_is_for_those_who_manage(organization):
    assert a_client(user=a_user(organization, "member")).get("/audit").status_code == 403


# --- Retention ---------------------------------------------------------------------------------------------


def test_old_rows_go_and_young_ones_stay():
    old, young = an_entry(401, action="tests.old"), an_entry(399, action="tests.young")

    assert forget_old(now=timezone.now()) == 1

    assert not AuditEntry.objects.filter(id=old.id).exists()
    assert AuditEntry.objects.filter(id=young.id).exists()


def test_the_database_keeps_three_months_whatever_is_asked(settings):
    settings.AUDIT_DAYS = 1
    an_entry(89, action="tests.young")

    with pytest.raises(Exception, match="only added to"):
        forget_old(now=timezone.now())


def test_what_an_operator_does_to_others_is_not_told_to_the_organizations_they_belong_to(owner, organization):
    operator = a_user(organization, is_staff=True, is_superuser=True)
    stranger = a_user(an_organization())
    stranger.email = "stranger@x.example"

    begin_visit(Visit(face=Face.ADMIN, method="POST"))
    remember_actor(actor_of_user(operator))
    stranger.save()
    end_visit()

    assert AuditEntry.objects.filter(action="user.updated", target_id=str(stranger.id)).exists()
    assert "user.updated" not in actions(a_client(user=owner))


# --- What nobody asked for ---------------------------------------------------------------------------------


def test_the_worker_tells_that_a_service_is_gone_with_all_that_hung_on_it(service, owner):
    keep_logs(service, a_log())
    service.mark_deleted(now=timezone.now())

    purge(service.id)

    entry = AuditEntry.objects.get(action="service.purged")
    assert (entry.actor_kind, entry.actor_label, entry.face) == ("system", "system: worker", "worker")
    assert (entry.target_label, entry.organization_id) == ("orders", service.organization_id)
    assert "service.purged" in actions(a_client(user=owner), "?face=worker&actor=system: worker")


def test_an_issue_that_comes_back_turns_by_itself_once(service):
    now = timezone.now()
    failed = {"status_code": 500, "error": "KeyError: 'price'"}
    keep_logs(service, a_log(**failed))
    group_errors(now=now)
    change_state(ErrorIssue.objects.get().id, "resolved", by="user:ada", now=now)
    for seconds in (10, 20):
        keep_logs(service, a_log(**failed, timestamp=rfc3339(now + timedelta(seconds=seconds))))
        group_errors(now=now + timedelta(minutes=1))

    entry = AuditEntry.objects.get(actor_label="system: worker")
    assert (entry.action, entry.changes) == ("issue.updated", {"state": ["resolved", "regressed"]})


def test_ingestion_makes_no_row(service):
    keep_logs(service, a_log(status_code=500, error="x", consumer="acme"), a_log(path="/new"))

    assert not AuditEntry.objects.exists()


def test_the_audit_log_says_when_its_oldest_rows_went():
    an_entry(401, action="auth.login")

    forget_audit(timestamp=0)

    assert AuditEntry.objects.get().note == "1 rows older than AUDIT_DAYS."


def test_a_lock_is_told_once_a_minute_and_a_name_that_is_nobodys_never(owner, organization):
    client = Client(REMOTE_ADDR="203.0.113.9")
    for name in (owner.username, "nobody"):
        for number in range(23):
            address = f"198.51.100.{number // 5}"
            client.post("/login", {"username": name, "password": "wrong"}, REMOTE_ADDR=address)

    entry = AuditEntry.objects.get(action="auth.locked")
    assert (entry.target_id, entry.actor_kind) == (str(owner.id), "anonymous")
    assert "auth.locked" in actions(a_client(user=a_user(organization, "owner")))
