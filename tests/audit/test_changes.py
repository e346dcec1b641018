"""What is changed records itself, whoever's code changed it."""

from io import StringIO

import pytest
from django.apps import apps
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import DatabaseError, connection, transaction

from monitor.audit.triggers import install_triggers, installed
from monitor.audit.watched import UNWATCHED, WATCHED
from monitor.models import ApiKey, AuditEntry, Service
from tests.factories import a_client, a_key, a_service, a_user, an_organization, post_json
from tests.monitors.scenes import a_monitor

pytestmark = pytest.mark.django_db


@pytest.fixture
def organization():
    return an_organization("Acme")


@pytest.fixture
def service(organization):
    return a_service(organization, name="orders")


@pytest.fixture
def owner(organization):
    return a_user(organization, "owner", email="o@example.com")


def entries(**fields):
    return AuditEntry.objects.filter(**fields).exclude(action__startswith="auth.").order_by("id")


def test_a_change_by_the_api_tells_who_what_and_from_where(service, organization):
    key, raw = a_key(service, scopes=["manage"])
    client = a_client(raw)

    answer = client.patch(
        f"/v1/services/{service.id}",
        {"description": "of the shop"},
        content_type="application/json",
        headers={"User-Agent": "curl/8"},
    )

    entry = entries().get()
    assert (entry.action, entry.target_id, entry.target_label) == (
        "service.updated",
        str(service.id),
        "orders",
    )
    assert entry.changes == {"description": ["", "of the shop"]}
    assert (entry.actor_kind, entry.actor_id, entry.actor_label) == ("key", str(key.id), f"key:{key.prefix}")
    assert (entry.face, entry.ip, entry.user_agent) == ("api", "127.0.0.1", "curl/8")
    assert (entry.method, entry.route) == ("PATCH", "v1/services/{service_id}")
    assert entry.request_id == answer["X-Request-Id"]
    assert entry.organization_id == organization.id


def test_a_change_by_a_page_is_the_persons(service, owner):
    a_client(user=owner).post(
        f"/services/{service.id}/keys", {"name": "ci", "kind": "own", "mode": "live", "scopes": ["read"]}
    )

    entry = entries(action="api_key.created").get()
    assert (entry.face, entry.actor_kind, entry.actor_label) == ("page", "user", f"user:{owner.username}")


def test_a_change_in_the_admin_is_recorded_alike(service):
    admin = a_user(is_staff=True, is_superuser=True)
    address = f"/admin/monitor/organization/{service.organization_id}/change/"
    form = {"memberships-TOTAL_FORMS": 0, "memberships-INITIAL_FORMS": 0, "name": "Acme Ltd"}

    assert a_client(user=admin).post(address, form).status_code == 302

    entry = entries(action="organization.updated").get()
    assert (entry.face, entry.actor_id, entry.changes) == (
        "admin",
        str(admin.id),
        {"name": ["Acme", "Acme Ltd"]},
    )


def test_a_secret_is_never_told(service, owner):
    person = a_client(user=owner)

    raw = post_json(person, f"/v1/services/{service.id}/keys", {"name": "ci"}).json()["raw_key"]
    post_json(
        person,
        "/v1/webhook-endpoints",
        {"url": "https://shop.example/hook/t0ken", "enabled_events": ["*"], "headers": {"X-Pass": "hunter2"}},
    )

    told = str(list(entries().values()))
    key = ApiKey.objects.get()
    assert raw not in told
    assert bytes(key.digest).hex() not in told
    assert "t0ken" not in told
    assert "hunter2" not in told
    assert entries(action="api_key.created").get().changes["digest"] == [None, "***MASKED***"]


def test_a_secret_within_an_address_is_masked(service, owner):
    body = {"base_url": "https://shop.example/?api_key=abc123&page=2"}
    a_client(user=owner).patch(f"/v1/services/{service.id}", body, content_type="application/json")

    changed = entries(action="service.updated").get().changes["base_url"]
    assert changed[1] == "https://shop.example/?api_key=***MASKED***&page=2"


def test_a_verb_of_its_own_is_told_as_such(service, owner):
    person = a_client(user=owner)
    key, _ = a_key(service)

    person.delete(f"/v1/services/{service.id}/keys/{key.id}")
    person.delete(f"/v1/services/{service.id}")

    assert [entry.action for entry in entries()] == ["api_key.revoked", "service.deleted"]


def test_what_is_rolled_back_was_not_done(service, owner):
    person = a_client(user=owner)

    # The name is taken, which the database finds out.
    a_service(service.organization, name="taken")
    answer = person.patch(f"/v1/services/{service.id}", {"name": "taken"}, content_type="application/json")

    assert answer.status_code == 409
    assert not entries().exists()


def test_what_is_changed_after_a_request_is_not_its_doing(service, owner):
    a_client(user=owner).patch(f"/v1/services/{service.id}", {}, content_type="application/json")

    Service.objects.filter(id=service.id).update(name="renamed")

    assert not entries(action="service.updated").exists()


def test_a_bulk_update_cannot_slip_past(service):
    a_key(service)
    a_key(service)
    admin = a_user(is_staff=True, is_superuser=True)
    ids = [str(key.id) for key in ApiKey.objects.all()]

    a_client(user=admin).post(
        "/admin/monitor/apikey/",
        {"action": "revoke_keys", "_selected_action": ids, "confirmed": "1"},
    )

    assert sorted(entry.target_id for entry in entries(action="api_key.revoked")) == sorted(ids)


def test_looking_changes_nothing_and_costs_nothing(service, owner, django_assert_max_num_queries):
    a_client(user=owner).get(f"/v1/services/{service.id}")

    assert not entries().exists()


def test_the_log_is_only_added_to(service, owner):
    a_client(user=owner).patch(
        f"/v1/services/{service.id}", {"description": "x"}, content_type="application/json"
    )

    for change in (lambda: entries().update(note="x"), lambda: entries().delete()):
        with pytest.raises(DatabaseError, match="only added to"), transaction.atomic():
            change()


def test_the_log_is_not_emptied_at_one_stroke_either(service, owner):
    with transaction.atomic(), connection.cursor() as cursor:
        # As in the product: tests alone may empty it.
        cursor.execute("SET LOCAL apimonitor.audit_truncate = 'off'")
        with pytest.raises(DatabaseError, match="only added to"), transaction.atomic():
            cursor.execute("TRUNCATE audit_entry")


def test_who_is_shown_where_to_ping_is_recorded_once_an_hour(organization, owner, service):
    monitor = a_monitor(organization, kind="push", name="Backup")
    viewer = a_user(organization, "viewer")

    for person in (owner, owner, viewer):
        assert a_client(user=person).get(f"/monitors/{monitor.id}").status_code == 200

    entry = entries(action="secret.shown").get()
    assert (entry.target_type, entry.target_id, entry.target_label) == (
        "push_target",
        str(monitor.id),
        "Backup",
    )
    assert (entry.actor_id, entry.face) == (str(owner.id), "page")
    assert monitor.push.token.hex not in str(entry.__dict__)

    # An hour later it is told again.
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE audit_entry DISABLE TRIGGER audit_stays")
        cursor.execute("UPDATE audit_entry SET happened_at = happened_at - interval '61 minutes'")
        cursor.execute("ALTER TABLE audit_entry ENABLE TRIGGER audit_stays")
    a_client(user=owner).get(f"/monitors/{monitor.id}")
    assert entries(action="secret.shown").count() == 2


def test_what_a_command_changes_is_the_systems_doing(organization):
    call_command("sandbox", organization=organization.name, requests=1, hours=1, stdout=StringIO())

    entry = entries(action="service.created").get()
    assert (entry.actor_kind, entry.actor_label, entry.face) == ("system", "system", "command")
    assert (entry.route, entry.organization_id) == ("manage.py sandbox", organization.id)
    # What comes after it is nobody's again.
    a_service(organization, name="another")
    assert entries(action="service.created").count() == 1


def test_a_persons_password_is_told_as_changed_alone():
    admin = a_user(is_staff=True, is_superuser=True)
    other = User.objects.create_user("eve", password="old-pass-phrase")

    a_client(user=admin).post(
        f"/admin/auth/user/{other.id}/password/",
        {"password1": "new-pass-phrase-1", "password2": "new-pass-phrase-1", "usable_password": "true"},
    )

    entry = entries(action="user.updated", target_id=str(other.id)).get()
    assert entry.changes == {"password": ["***MASKED***", "***MASKED***"]}


def test_every_table_is_watched_or_says_why_not():
    with connection.cursor() as cursor:
        # Partitions are their table's.
        cursor.execute("SELECT relname FROM pg_class WHERE relispartition AND relkind IN ('r', 'p')")
        parts = {name for (name,) in cursor.fetchall()}
    tables = set(connection.introspection.table_names()) - parts
    models = {model._meta.db_table for model in apps.get_models(include_auto_created=True)}

    assert models <= tables
    assert tables == WATCHED.keys() | UNWATCHED.keys()


def test_the_triggers_are_those_that_are_asked_for():
    assert installed() == {table: watched.arguments() for table, watched in WATCHED.items()}


def test_a_trigger_that_is_missing_or_old_is_put_right():
    with connection.cursor() as cursor:
        cursor.execute("DROP TRIGGER audit_change ON service")
        cursor.execute(
            "CREATE OR REPLACE TRIGGER audit_change AFTER INSERT OR UPDATE OR DELETE ON api_key"
            " FOR EACH ROW EXECUTE FUNCTION audit_change('x', '', '', '', '')"
        )

    install_triggers()

    assert installed() == {table: watched.arguments() for table, watched in WATCHED.items()}


@pytest.mark.parametrize(
    ("value", "secret"),
    [
        ("https://x.example/?api_key=abc123&" + "a=1&" * 700, "abc123"),
        ("https://ada:hunter2@x.example/", "hunter2"),
    ],
    ids=["long", "with a password"],
)
def test_a_secret_is_masked_wherever_it_stands_in_a_value(value, secret):
    with connection.cursor() as cursor:
        cursor.execute("SELECT audit_shown(to_jsonb(%s::text), false)::text", [value])
        (shown,) = cursor.fetchone()

    assert secret not in shown
    assert len(shown) < 2100
