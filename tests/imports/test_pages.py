"""The page that takes a file: whole from a plain form, in pieces from a browser."""

import json
from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connections
from django.utils import timezone
from playwright.sync_api import expect

from monitor.lib.actors import Role
from monitor.models import RequestLog
from tests.browser import browser_page
from tests.factories import (
    a_client,
    a_log,
    a_service,
    a_user,
    an_organization,
    rfc3339,
    the_default_organization,
)
from tests.imports.files import a_moment, chrome_entry, har


@pytest.fixture
def service(db):
    return a_service(name="shop")


@pytest.fixture
def admin(service):
    return a_client(user=a_user(service.organization, Role.ADMIN))


def upload(client, service, content, name="a.har", **fields):
    file = SimpleUploadedFile(name, content)
    headers = {"Accept": fields.pop("accept", "text/html")}
    return client.post(
        "/import", {"file": file, "service": str(service.id), "mode": "live", **fields}, headers=headers
    )


def test_a_form_without_scripts_brings_a_file_and_tells_what_came_of_it(admin, service):
    bad = chrome_entry(startedDateTime="<b>never</b>")

    looked = upload(admin, service, har(chrome_entry(), bad), dry_run="true").content.decode()
    kept_after_looking = RequestLog.objects.count()
    brought = upload(admin, service, har(chrome_entry(a_moment(3)), bad)).content.decode()

    assert ("Dry run: nothing was kept" in looked, kept_after_looking) == (True, 0)
    assert "1 would be new, 0 known already, 1 refused." in looked
    assert "Imported into shop" in brought
    assert "Request 2, <code>startedDateTime</code>" in brought
    assert RequestLog.objects.get().service == service


@pytest.mark.parametrize("name", ["logs.ndjson", "logs.jsonl", "logs.json", "logs"])
def test_the_kind_of_file_is_seen_by_its_name_or_its_beginning(admin, service, name):
    upload(admin, service, json.dumps(a_log()).encode(), name=name)
    upload(admin, service, har(chrome_entry()), name="recording.json")

    assert set(RequestLog.objects.values_list("path", flat=True)) == {"/orders", "/api/orders"}


def test_a_piece_is_answered_in_json(admin, service):
    answer = upload(admin, service, har(chrome_entry()), accept="application/json")
    refused = upload(admin, service, b"{", accept="application/json")

    assert answer.json()["new"] == 1
    assert (refused.status_code, list(refused.json()["problems"])) == (400, ["file"])


@pytest.mark.parametrize(
    ("content", "words"), [(b"{}", "This is no HAR"), (b"", "empty"), (b"x" * 100, "Larger than 0 MiB")]
)
def test_what_is_no_file_to_import_is_said_at_the_field(admin, service, settings, content, words):
    settings.MAX_IMPORT_BYTES = 50

    answer = upload(admin, service, content)

    assert answer.status_code == 400
    assert words in answer.content.decode()


def test_only_those_who_manage_a_service_bring_logs_to_it(admin, service):
    member = a_client(user=a_user(service.organization, Role.MEMBER))
    elsewhere = a_client(user=a_user(an_organization(), Role.OWNER))
    foreign = a_service(an_organization(), name="foreign")

    assert member.get("/import").status_code == 403
    assert upload(member, service, har(chrome_entry())).status_code == 403
    assert upload(elsewhere, service, har(chrome_entry())).status_code == 400
    assert upload(admin, foreign, har(chrome_entry())).status_code == 400
    assert "foreign" not in admin.get("/import").content.decode()
    assert RequestLog.objects.count() == 0


def test_the_table_leads_those_to_the_import_who_may(admin, service):
    upload(admin, service, har(chrome_entry()))
    member = a_client(user=a_user(service.organization, Role.MEMBER))

    assert 'href="/import"' in admin.get("/dashboard").content.decode()
    assert 'href="/import"' not in member.get("/dashboard").content.decode()


def test_the_page_states_what_it_asks_the_database(admin, service, django_assert_num_queries):
    for _ in range(5):
        a_service(service.organization)
    # The session, the person, the memberships; the services.
    with django_assert_num_queries(4):
        admin.get("/import")


@pytest.fixture
def browser(monkeypatch, settings, live_server):
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
    settings.ANONYMOUS_ACCESS = "full"
    a_service(the_default_organization(), name="shop")
    with browser_page() as page:
        page.goto(f"{live_server.url}/import")
        yield page
        connections.close_all()


@pytest.mark.browser
@pytest.mark.django_db(transaction=True)
def test_a_browser_sends_a_large_file_in_pieces_and_shows_how_far_it_is(browser, tmp_path):
    now = timezone.now()
    entries = [chrome_entry(now - timedelta(seconds=number)) for number in range(1, 1101)]
    entries[700]["request"]["url"] = "about:blank"
    har_file, ndjson_file = tmp_path / "a.har", tmp_path / "b.ndjson"
    har_file.write_bytes(har(*entries))
    lines = [
        a_log(
            timestamp=rfc3339(now - timedelta(seconds=number)),
            event_id=str(number),
            request_body="é" * 30_000,
        )
        for number in range(50)
    ]
    ndjson_file.write_text("\n".join(json.dumps(line, ensure_ascii=False) for line in lines))
    posts = []
    browser.on("request", lambda request: request.method == "POST" and posts.append(request.url))
    title, words = browser.locator("[data-import-title]"), browser.locator("[data-import-words]")

    browser.set_input_files("input[type=file]", har_file)
    browser.click("text=Dry run")
    expect(title).to_have_text("Dry run: nothing was kept", timeout=60_000)
    expect(words).to_have_text("100 %: 1,099 would be new, 0 known already, 1 refused.")
    assert (RequestLog.objects.count(), len(posts)) == (0, 3)
    expect(browser.locator("[data-import-errors]")).to_have_text(
        "Request 701, request.url: Not a request over HTTP: about."
    )
    browser.click("button.btn-primary")
    expect(title).to_have_text("Imported", timeout=60_000)
    assert RequestLog.objects.count() == 1099

    posts.clear()
    browser.set_input_files("input[type=file]", ndjson_file)
    browser.click("button.btn-primary")
    expect(words).to_have_text("100 %: 50 new, 0 known already, 0 refused.", timeout=60_000)
    assert len(posts) == 2
    assert browser.locator("progress").evaluate("bar => bar.value") == 1
    browser.click("text=Open the logs")
    expect(browser.locator("[data-row]").first).to_be_visible()


@pytest.mark.browser
@pytest.mark.django_db(transaction=True)
def test_a_browser_says_what_is_wrong_with_a_file(browser, tmp_path):
    file = tmp_path / "a.har"
    file.write_text("{")

    browser.set_input_files("input[type=file]", file)
    browser.click("button.btn-primary")

    expect(browser.locator("[data-import-fault]")).to_have_text("The file is not JSON.")
