"""The pages of services, as people use them."""

import os
import re
import subprocess
import sys
from datetime import timedelta
from html import unescape

import pytest
from django.contrib.sessions.models import Session
from django.db import connection
from django.test import Client
from django.utils import timezone
from django.utils.module_loading import import_string
from fastapi import FastAPI
from flask import Flask

from apimonitor_client.options import options_from
from monitor.access import authenticate_key
from monitor.lib.actors import Role
from monitor.metrics.compact import compact
from monitor.models import ApiKey, RequestLog, Service
from monitor.services import hour
from monitor.services.snippets import snippets_for
from tests.factories import a_client, a_key, a_log, a_service, a_user, an_organization, keep_logs
from tests.factories import the_default_organization as default_organization

pytestmark = pytest.mark.django_db
SCRIPT = "<script>alert(1)</script>"


@pytest.fixture
def organization():
    return an_organization()


@pytest.fixture
def admin(organization):
    return a_client(user=a_user(organization, Role.ADMIN))


@pytest.fixture
def viewer(organization):
    return a_client(user=a_user(organization, Role.VIEWER))


@pytest.fixture
def service(organization):
    return a_service(organization, name="orders")


def page_of(service, part=""):
    return f"/services/{service.id}{part}"


def text_of(response):
    return response.content.decode()


def shown_key(response):
    return re.search(r'id="raw-key">(mkey_\w+)<', text_of(response))[1]


# --- The list ----------------------------------------------------------------------------------------------


def test_a_first_visit_says_what_to_do_and_has_the_form_open(admin):
    page = text_of(admin.get("/"))

    assert "No service yet" in page
    assert 'id="register_name"' in page


def test_a_viewer_of_nothing_is_told_whom_to_ask(viewer):
    page = text_of(viewer.get("/"))

    assert "Ask an administrator" in page
    assert 'method="post" action="/"' not in page


def test_the_list_shows_the_last_hour_of_each_service(admin, organization, service):
    now = timezone.now()
    recent = (now - timedelta(minutes=10)).timestamp()
    quick = [a_log(timestamp=recent, latency_ms=10) for _ in range(3)]
    keep_logs(service, *quick, a_log(timestamp=recent, latency_ms=10, status_code=503))
    keep_logs(service, a_log(timestamp=(now - timedelta(hours=3)).timestamp(), status_code=503))
    keep_logs(a_service(an_organization(), name="foreign"), a_log())

    page = text_of(admin.get("/"))

    assert re.search(r'cell-filter"[^>]*>4</a>', page)
    assert "25.0 %" in page
    assert "10 ms" in page
    assert "foreign" not in page


def test_an_hour_of_many_logs_is_told_by_rollups_in_the_same_numbers(organization, service, monkeypatch):
    now = timezone.now()
    ages = (0, 1, 7, 30, 58)
    keep_logs(
        service,
        *(a_log(timestamp=(now - timedelta(minutes=age)).timestamp(), latency_ms=10) for age in ages),
        a_log(timestamp=(now - timedelta(minutes=62)).timestamp()),
        a_log(timestamp=(now - timedelta(minutes=20)).timestamp(), status_code=503, latency_ms=10),
    )
    other = a_service(organization)
    counted = hour.last_hour_of([service.id, other.id], now=now)
    monkeypatch.setattr(hour, "COUNTED", 0)

    told = hour.last_hour_of([service.id, other.id], now=now)
    compact(now=now)
    compacted = hour.last_hour_of([service.id, other.id], now=now)

    assert told == compacted
    assert told[other.id].requests == 0
    for each in (counted[service.id], told[service.id]):
        assert (each.requests, each.errors, sum(each.bars)) == (6, 1, 6)
    assert told[service.id].p95_ms == pytest.approx(counted[service.id].p95_ms, rel=0.0055)


def test_a_service_without_logs_leads_to_how_to_send_one(admin, service):
    assert f'href="{page_of(service, "#send")}"' in text_of(admin.get("/"))


def test_the_list_costs_the_same_number_of_queries_however_long_it_is(
    admin, organization, django_assert_num_queries
):
    for _ in range(12):
        keep_logs(a_service(organization), a_log())

    # session, user, memberships; services with organization and last log, whether clients have counted, the
    # hour in rollups, and as it is small two aggregates over its logs within a limit of time (four)
    with django_assert_num_queries(12):
        admin.get("/")


def test_the_list_looks_at_logs_within_bounds_of_their_ids(admin, service, django_assert_num_queries):
    keep_logs(service, a_log())

    with django_assert_num_queries(12) as captured:
        admin.get("/")

    of_logs = [query["sql"] for query in captured.captured_queries if '"request_log"' in query["sql"]]
    assert len(of_logs) == 3
    assert all('"id" >=' in sql and '"id" <' in sql for sql in of_logs)


def test_services_are_found_by_a_part_of_their_name(admin, organization):
    a_service(organization, name="Orders API")
    a_service(organization, name="mailer")

    page = text_of(admin.get("/?q=orders"))

    assert "Orders API" in page
    assert "mailer" not in page


def test_names_of_others_cannot_bring_markup(admin, organization):
    service = a_service(organization, name=SCRIPT, description=SCRIPT, base_url="http://a.example/'x'")
    a_key(service, name=SCRIPT)

    for address in ("/", page_of(service)):
        page = text_of(admin.get(address))
        assert SCRIPT not in page
        assert "&lt;script&gt;" in page


# --- Registering -------------------------------------------------------------------------------------------


def test_registering_leads_to_the_page_of_the_new_service(admin, organization):
    answer = admin.post("/", {"name": " orders ", "base_url": "https://api.example", "description": ""})

    service = Service.objects.get()
    assert answer.status_code == 302
    assert answer.headers["Location"] == page_of(service)
    assert (service.name, service.organization) == ("orders", organization)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"name": ""}, "This field is required."),
        ({"name": "orders"}, "has a service of this name already"),
        ({"name": "x" * 129}, "at most 128 characters"),
        ({"name": "a\x00b"}, "Null characters are not allowed."),
        ({"name": "x", "base_url": "ftp://a.example"}, "must begin with http:// or https://"),
        ({"name": "x", "base_url": "https://user:pw@a.example"}, "must not hold a user name"),
    ],
)
def test_what_the_api_refuses_is_said_beside_the_field(admin, service, fields, words):
    answer = admin.post("/", fields)

    assert answer.status_code == 400
    assert words in unescape(text_of(answer))
    assert Service.objects.count() == 1


def test_who_manages_several_organizations_says_in_which(organization):
    person = a_user(organization, Role.ADMIN)
    other = an_organization("Other house")
    other.memberships.create(user=person, role=Role.ADMIN)
    client = a_client(user=person)

    assert "Other house" in text_of(client.get("/"))
    client.post("/", {"name": "orders", "organization": str(other.id)})

    assert Service.objects.get().organization == other


def test_an_organization_of_others_cannot_be_chosen(organization):
    person = a_user(organization, Role.ADMIN)
    an_organization().memberships.create(user=person, role=Role.ADMIN)

    answer = a_client(user=person).post("/", {"name": "x", "organization": str(an_organization().id)})

    assert answer.status_code == 400
    assert not Service.objects.exists()


# --- Keys --------------------------------------------------------------------------------------------------


def test_a_new_key_is_shown_in_the_answer_that_makes_it_and_never_again(admin, service):
    answer = admin.post(page_of(service, "/keys"), {"name": "ci", "scopes": ["ingest"], "mode": "live"})

    raw = shown_key(answer)
    key = authenticate_key(raw, now=timezone.now())
    assert answer.status_code == 201
    assert (key.name, key.scopes, key.service_id) == ("ci", ["ingest"], service.id)
    assert "no-store" in answer.headers["Cache-Control"]
    assert raw not in text_of(admin.get(page_of(service)))


def test_a_new_key_is_in_no_table_no_session_and_no_cookie(admin, service):
    answer = admin.post(page_of(service, "/keys"), {"name": "ci", "scopes": ["ingest"], "mode": "live"})
    raw = shown_key(answer)

    kept = [session.get_decoded() for session in Session.objects.all()]
    assert kept
    assert raw not in repr(kept)
    assert raw not in repr(admin.cookies)
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names():
            cursor.execute(f'SELECT count(*) FROM "{table}" AS t WHERE t::text LIKE %s', [f"%{raw[5:]}%"])  # noqa: S608
            assert cursor.fetchone() == (0,), table


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"name": "", "scopes": ["ingest"], "mode": "live"}, "This field is required."),
        ({"name": "x", "mode": "live"}, "This field is required."),
        ({"name": "x", "scopes": ["fly"], "mode": "live"}, "Select a valid choice."),
    ],
)
def test_a_key_without_name_or_rights_is_not_made(admin, service, fields, words):
    answer = admin.post(page_of(service, "/keys"), fields)

    assert answer.status_code == 400
    assert words in text_of(answer)
    assert not ApiKey.objects.exists()


def test_a_revoked_key_opens_nothing_and_is_listed_as_past(admin, service):
    key, _ = a_key(service)

    admin.post(page_of(service, f"/keys/{key.id}/revoke"))

    key.refresh_from_db()
    assert key.revoked_at is not None
    assert "1 past key" in text_of(admin.get(page_of(service)))


def test_a_rotated_key_goes_on_for_as_long_as_was_chosen(admin, service):
    key, _ = a_key(service, name="production", scopes=["ingest"])

    answer = admin.post(page_of(service, f"/keys/{key.id}/rotate"), {"overlap_hours": "24"})

    key.refresh_from_db()
    successor = authenticate_key(shown_key(answer), now=timezone.now())
    assert timedelta(hours=23) < key.expires_at - timezone.now() < timedelta(hours=25)
    assert (successor.name, successor.scopes) == ("production", ["ingest"])
    assert "The old key works until" in text_of(answer)


def test_a_key_can_be_rotated_without_an_overlap(admin, service):
    key, _ = a_key(service)

    answer = admin.post(page_of(service, f"/keys/{key.id}/rotate"), {"overlap_hours": "0"})

    key.refresh_from_db()
    assert not key.is_active(timezone.now())
    assert "The old key no longer works" in text_of(answer)


@pytest.mark.parametrize("overlap", ["", "5", "-1", "soon"])
def test_an_overlap_that_is_not_offered_rotates_nothing(admin, service, overlap):
    key, _ = a_key(service)

    admin.post(page_of(service, f"/keys/{key.id}/rotate"), {"overlap_hours": overlap})

    assert ApiKey.objects.count() == 1


def test_a_revoked_key_is_not_rotated(admin, service):
    key, _ = a_key(service)
    admin.post(page_of(service, f"/keys/{key.id}/revoke"))

    answer = admin.post(page_of(service, f"/keys/{key.id}/rotate"), {"overlap_hours": "24"}, follow=True)

    assert "cannot be rotated" in text_of(answer)
    assert ApiKey.objects.count() == 1


def test_a_key_of_another_service_is_not_found_under_this_one(admin, organization, service):
    key, _ = a_key(a_service(organization))

    for verb in ("revoke", "rotate"):
        assert admin.post(page_of(service, f"/keys/{key.id}/{verb}")).status_code == 404
    key.refresh_from_db()
    assert key.is_active(timezone.now())


def test_confirming_takes_no_scripts(admin, service):
    """Each dangerous button opens a form inside <details>, which browsers open by themselves."""
    a_key(service)
    page = text_of(admin.get(page_of(service)))

    for verb in ("rotate", "revoke", "remove"):
        form = page.index(f'/{verb}"') if verb != "remove" else page.index("/remove#remove")
        opened, closed = page.rfind("<details", 0, form), page.rfind("</details>", 0, form)
        assert opened > closed
        assert "<summary" in page[opened:form]


# --- Settings and removal ----------------------------------------------------------------------------------


def test_settings_are_saved_as_the_api_would(admin, service):
    fields = {
        "name": "orders 2",
        "base_url": "https://api.example/v2",
        "description": "New.",
        "keep_bodies": "errors",
        "replay_origins": "http://127.0.0.1:8000\r\n\r\n https://Staging.example/x \r\n",
    }

    answer = admin.post(page_of(service, "/settings"), fields)

    service.refresh_from_db()
    assert answer.status_code == 302
    assert (service.name, service.keep_bodies) == ("orders 2", "errors")
    assert service.replay_origins == ["http://127.0.0.1:8000", "https://staging.example:443"]


def test_a_bad_origin_is_named_by_its_line_and_nothing_is_saved(admin, service):
    fields = {"name": "changed", "keep_bodies": "all", "replay_origins": "http://ok.example\nnowhere"}

    answer = admin.post(page_of(service, "/settings"), fields)

    service.refresh_from_db()
    assert answer.status_code == 400
    assert "Line 2: The URL must begin with http" in unescape(text_of(answer))
    assert service.name == "orders"


def test_a_taken_name_is_said_and_the_head_keeps_the_real_one(admin, organization, service):
    a_service(organization, name="taken")

    answer = admin.post(page_of(service, "/settings"), {"name": "taken", "keep_bodies": "all"})

    assert "has a service of this name already" in text_of(answer)
    assert "<h1>orders</h1>" in text_of(answer)


def test_a_service_goes_when_its_name_is_typed(admin, service):
    wrong = admin.post(page_of(service, "/remove"), {"name": "order"})
    assert wrong.status_code == 400
    assert Service.objects.alive().exists()

    admin.post(page_of(service, "/remove"), {"name": "orders"})
    assert not Service.objects.alive().exists()
    assert admin.get(page_of(service)).status_code == 404


# --- Who may ------------------------------------------------------------------------------------------------

POSTS = ("/settings", "/keys", "/remove", "/keys/{key}/revoke", "/keys/{key}/rotate")


@pytest.mark.parametrize("part", POSTS)
def test_a_viewer_is_told_no_on_a_page(viewer, service, part):
    key, _ = a_key(service)

    answer = viewer.post(page_of(service, part.format(key=key.id)), {}, headers={"Accept": "text/html"})

    assert answer.status_code == 403
    assert "your role does not allow" in text_of(answer)


@pytest.mark.parametrize("part", POSTS)
def test_another_organization_finds_nothing(service, part):
    key, _ = a_key(service)
    stranger = a_client(user=a_user(an_organization(), Role.OWNER))

    assert stranger.post(page_of(service, part.format(key=key.id)), {"name": "orders"}).status_code == 404
    assert stranger.get(page_of(service)).status_code == 404


def test_a_viewer_sees_no_button_that_would_be_refused(viewer, service):
    a_key(service)

    page = text_of(viewer.get(page_of(service)))

    assert re.findall(r'<form[^>]*action="(/services[^"]*)"', page) == []


def test_an_admin_here_and_viewer_there_manages_only_here(organization, service):
    person = a_user(an_organization(), Role.ADMIN)
    organization.memberships.create(user=person, role=Role.VIEWER)
    client = a_client(user=person)

    assert "Make a key" not in text_of(client.get(page_of(service)))
    assert client.post(page_of(service, "/settings"), {"name": "x"}).status_code == 403


def test_visitors_manage_the_default_organization_where_that_was_asked_for(settings):
    settings.ANONYMOUS_ACCESS = "full"
    service = a_service(default_organization(), name="open")
    closed = a_service(an_organization())
    visitor = Client()

    made = visitor.post(page_of(service, "/keys"), {"name": "x", "scopes": ["ingest"], "mode": "live"})

    assert made.status_code == 201
    assert visitor.get(page_of(closed)).status_code == 404


def test_visitors_who_may_only_read_are_asked_to_sign_in_before_they_change(settings):
    settings.ANONYMOUS_ACCESS = "read"
    service = a_service(default_organization())

    assert Client().get(page_of(service)).status_code == 200
    answer = Client().post(page_of(service, "/settings"), {"name": "x"})
    assert (answer.status_code, answer.headers["Location"]) == (302, "/login?next=/")


@pytest.mark.parametrize("part", ["", *POSTS])
def test_a_post_without_the_forms_token_is_refused(organization, service, part):
    key, _ = a_key(service)
    client = Client(enforce_csrf_checks=True)
    client.force_login(a_user(organization, Role.ADMIN))
    address = page_of(service, part.format(key=key.id)) if part else "/"

    answer = client.post(address, {"name": "orders", "overlap_hours": "0"})

    key.refresh_from_db()
    assert answer.status_code == 403
    assert Service.objects.alive().count() == 1
    assert key.is_active(timezone.now())


@pytest.mark.parametrize("part", POSTS)
def test_reloading_what_was_posted_leads_back_to_the_service(admin, service, part):
    key, _ = a_key(service)

    answer = admin.get(page_of(service, part.format(key=key.id)))

    assert answer.headers["Location"] == page_of(service)


def test_the_page_of_a_service_states_what_it_asks_the_database(admin, service, django_assert_num_queries):
    for _ in range(5):
        a_key(service)
    keep_logs(service, a_log())

    # session, user, memberships; service, keys, last log, whether clients have counted, the hour in rollups,
    # two aggregates over it within a limit of time (four); instances and environments
    with django_assert_num_queries(16):
        admin.get(page_of(service))


# --- Lines to paste ----------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_the_pasted_lines_work_exactly_as_they_stand(live_server, settings, tmp_path):
    settings.PUBLIC_URL = live_server.url
    organization = default_organization()
    service = a_service(organization, base_url="http://it's.example/a$b")
    admin = a_client(user=a_user(organization, Role.ADMIN))
    fields = {"name": "x", "scopes": ["ingest"], "mode": "live"}

    page = unescape(text_of(admin.post(page_of(service, "/keys"), fields)))
    lines = {
        name: re.search(rf'<code id="snippet-{name}">(.*?)</code>', page, re.DOTALL)[1]
        for name in ("one", "batch", "python")
    }
    run = {"capture_output": True, "text": True, "timeout": 30, "check": True, "env": dict(os.environ)}
    subprocess.run(["sh", "-c", lines["one"]], **run)
    subprocess.run(["sh", "-c", lines["batch"]], **run)
    subprocess.run([sys.executable, "-c", lines["python"]], **run)

    statuses = RequestLog.objects.order_by("id").values_list("status_code", flat=True)
    assert sorted(statuses) == [200, 200, 200, 503]


def test_without_a_key_the_lines_say_where_it_goes():
    lines = snippets_for(public_url="http://127.0.0.1:8090")

    assert "Bearer YOUR_KEY" in lines.one
    assert "http://127.0.0.1:8090/v1/logs/batch" in lines.batch


def test_the_lines_of_each_framework_set_up_our_client_with_the_key():
    """They are run as they stand; what they send is tried in tests/clients."""
    lines = snippets_for(public_url="http://127.0.0.1:8090", raw_key="mkey_mine")
    django = {"MIDDLEWARE": ["django.middleware.common.CommonMiddleware"]}
    fastapi, flask = {"app": FastAPI()}, {"app": Flask("shop")}

    exec(lines.django, django)  # noqa: S102 - the lines are ours
    exec(lines.fastapi, fastapi)  # noqa: S102
    exec(lines.flask, flask)  # noqa: S102

    assert import_string(django["MIDDLEWARE"][0]).__module__ == "apimonitor_client.django"
    set_ups = [
        options_from(django["APIMONITOR"]),
        options_from(fastapi["app"].user_middleware[0].kwargs),
        flask["app"].wsgi_app.reporter.options,
    ]
    assert {(options.url, options.key) for options in set_ups} == {("http://127.0.0.1:8090", "mkey_mine")}
