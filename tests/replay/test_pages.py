"""The replay page, as people use it: against a real server on loopback."""

import json
import re
import threading
from datetime import timedelta
from html import unescape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from django.contrib.sessions.models import Session
from django.db import connection
from django.test import Client
from django.utils import timezone

from monitor.lib.actors import Role
from monitor.lib.ids import uuid7_at
from monitor.models import Replay
from tests.factories import a_client, a_log, a_service, a_user, an_organization, keep_logs
from tests.factories import the_default_organization as default_organization

pytestmark = pytest.mark.django_db
SCRIPT = "<script>alert(1)</script>"


class Echo(BaseHTTPRequestHandler):
    """Answers with what it got."""

    def answer(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        self.server.seen.append((self.command, self.path, dict(self.headers.items()), body))
        text = json.dumps({"path": self.path, "body": body}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    do_GET = do_POST = do_DELETE = answer

    def log_message(self, *arguments):
        pass


@pytest.fixture
def target():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Echo)
    server.seen = []
    server.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(autouse=True)
def _loopback_is_open(settings):
    settings.QUICK_START = True


@pytest.fixture
def organization():
    return an_organization()


@pytest.fixture
def member(organization):
    return a_client(user=a_user(organization, Role.MEMBER))


@pytest.fixture
def service(organization, target):
    return a_service(organization, name="orders", base_url=target.address)


@pytest.fixture
def kept(service, target):
    """Keeps one log of the target and gives the address of its replay page."""

    def keep(**fields):
        path = fields.get("path", "/orders/7")
        (log_id,) = keep_logs(service, a_log(**{"url": target.address + path, "path": path, **fields}))
        return f"/replay/{log_id}"

    return keep


def text_of(response):
    return unescape(response.content.decode())


def fields_of(page):
    """What a browser would send back if nothing was typed: read out of the form itself."""
    form = re.search(r'<form class="card-body form replay-form".*?</form>', page, re.DOTALL)[0]
    values = {}
    for name, value in re.findall(r'<input[^>]*name="(\w+)"[^>]*value="([^"]*)"', form):
        values.setdefault(name, []).append(unescape(value))
    # A field without text has no value attribute in Django's own widgets.
    values.setdefault("override_url", [""])
    body = re.search(r'<textarea[^>]*name="override_body"[^>]*>\r?\n?(.*?)</textarea>', form, re.DOTALL)
    values["override_body"] = [unescape(body[1]).replace("\n", "\r\n")]
    return values


def send(client, address, **changes):
    """Open the page, change some fields, send the form."""
    fields = fields_of(client.get(address).content.decode())
    return client.post(address, {**fields, **changes}, headers={"Accept": "text/html"})


def with_header(client, address, name, value):
    """The two lists of the form with this header's value typed in."""
    fields = fields_of(client.get(address).content.decode())
    names, values = fields["override_headers_name"], fields["override_headers_value"]
    place = names.index(name) if name in names else names.index("")
    names[place], values[place] = name, value
    return {"override_headers_name": names, "override_headers_value": values}


# --- The editor --------------------------------------------------------------------------------------------


def test_the_editor_starts_from_the_original(member, kept):
    page = text_of(
        member.get(
            kept(method="POST", request_headers={"X-Trace": "7", "Host": "h"}, request_body='{"a": 1}')
        )
    )

    assert "POST" in page
    assert '{"a": 1}' in page
    assert 'value="X-Trace"' in page
    assert "Made afresh for each call: Host" in page


def test_an_untouched_form_sends_the_original_and_counts_as_unchanged(member, kept, target):
    address = kept(method="POST", request_headers={"X-Trace": "7"}, request_body="line one\r\nline two")

    answer = send(member, address)

    ((method, path, headers, body),) = target.seen
    assert answer.status_code == 200
    assert (method, path, headers["X-Trace"], body) == ("POST", "/orders/7", "7", "line one\r\nline two")
    assert Replay.objects.get().overrides == {}


@pytest.mark.parametrize("base_url", ["", "http://127.0.0.1:1"])
@pytest.mark.parametrize(
    "url", ["http://[", "//[", "http://a]b/?token=x", "/or ders?\u2100", "http://\uff41\u2100.example/"]
)
def test_an_original_whose_url_is_none_opens_and_is_refused_at_the_url(
    member, service, kept, target, url, base_url
):
    service.base_url, service.replay_origins = base_url, ["http://127.0.0.1:2", "http://127.0.0.1:3"]
    service.save()
    address = kept(url=url)

    assert member.get(address, {"target": "http://127.0.0.1:2"}).status_code == 200
    answer = send(member, address, override_url=url)
    assert answer.status_code == 400
    assert "errorlist" in text_of(answer)
    assert target.seen == []


def test_what_was_changed_goes_out_and_is_kept_as_overrides(member, kept, target):
    address = kept(method="POST", request_headers={"X-Trace": "7", "X-Old": "1"}, request_body="a")
    headers = with_header(member, address, "X-Trace", "8")
    headers["override_headers_value"][1] = ""

    send(member, address, override_url=f"{target.address}/other?x=1", override_body="b\r\nc", **headers)

    ((_, path, sent, body),) = target.seen
    assert (path, sent["X-Trace"], body) == ("/other?x=1", "8", "b\nc")
    assert "X-Old" not in sent
    assert Replay.objects.get().overrides == {
        "override_url": f"{target.address}/other?x=1",
        "override_headers": {"X-Trace": "8", "X-Old": None},
        "override_body": "b\nc",
    }


def test_a_new_header_fits_into_the_empty_lines(member, kept, target):
    address = kept()

    send(member, address, **with_header(member, address, "X-New", "1"))

    assert target.seen[0][2]["X-New"] == "1"


def test_a_masked_header_is_an_empty_slot_with_a_lock_and_is_left_out(member, kept, target):
    address = kept(request_headers={"Authorization": "Bearer secret-token-1", "Accept": "*/*"})
    page = text_of(member.get(address))

    assert "icon-lock" in page
    assert "masked: left out unless typed" in page
    assert "MASKED" not in page[page.index("<form") : page.index('id="answer"')]

    answer = send(member, address)

    assert "Authorization" not in target.seen[0][2]
    assert Replay.objects.get().omitted_headers == ["Authorization"]
    assert "Left out" in text_of(answer)


def test_a_typed_secret_goes_out_stays_in_the_form_and_is_kept_nowhere(member, kept, target):
    address = kept(request_headers={"Authorization": "Bearer old"})

    answer = send(member, address, **with_header(member, address, "Authorization", "Bearer fresh-secret-1"))

    assert target.seen[0][2]["Authorization"] == "Bearer fresh-secret-1"
    assert "fresh-secret-1" in text_of(answer)
    assert "no-store" in answer.headers["Cache-Control"]
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM replay AS t WHERE t::text LIKE '%fresh-secret-1%'")
        assert cursor.fetchone() == (0,)
    assert "fresh-secret" not in repr([session.get_decoded() for session in Session.objects.all()])
    earlier = member.get(f"{address}?replay={Replay.objects.get().id}")
    assert "fresh-secret" not in text_of(earlier)


def test_masked_query_values_are_named_and_left_out(member, kept, target):
    address = kept(url=f"{target.address}/orders?page=2&token=abc123", path="/orders")

    page = text_of(member.get(address))
    send(member, address)

    assert "Masked in the log and left out here: <code>token</code>" in page
    assert target.seen[0][1] == "/orders?page=2"


def test_a_masked_body_needs_real_values(member, kept, target):
    address = kept(method="POST", request_body='{"user": "ada", "password": "hunter22"}')

    untouched = text_of(send(member, address))
    half = text_of(send(member, address, override_body='{"user": "bob", "password": "***MASKED***"}'))
    whole = send(member, address, override_body='{"user": "bob", "password": "new"}')

    assert "Secrets in this body were masked" in untouched
    assert "The kept body has masked values" in untouched
    assert "The mask still stands in the body" in half
    assert whole.status_code == 200
    assert len(target.seen) == 1


def test_a_cut_body_is_explained_and_can_be_left_out_on_purpose(member, kept, target, settings):
    settings.MAX_BODY_BYTES = 10
    address = kept(method="POST", request_body="x" * 50)

    refused = send(member, address)
    sent = send(member, address, send_no_body="on")

    assert "Only the beginning of this body was kept" in text_of(refused)
    assert "The kept body was cut" in text_of(refused)
    assert sent.status_code == 200
    assert target.seen[0][3] == ""


def test_a_body_that_was_not_kept_is_explained(member, service, kept):
    service.keep_bodies = "none"
    service.save()

    page = text_of(send(member, kept(method="POST", request_body="x")))

    assert "This service keeps no bodies" in page


# --- Targets -----------------------------------------------------------------------------------------------


def test_a_target_that_is_not_allowed_is_refused_at_the_url(member, kept, target):
    answer = send(member, kept(), override_url="https://elsewhere.example/orders")

    page = text_of(answer)
    assert answer.status_code == 400
    assert "https://elsewhere.example:443 is not an allowed target" in page
    assert "not an allowed target</span>" in page
    assert "An administrator can allow this target" in page
    assert target.seen == []
    assert not Replay.objects.exists()


def test_who_may_allow_a_target_is_led_to_the_settings(organization, service, kept):
    admin = a_client(user=a_user(organization, Role.ADMIN))

    page = text_of(send(admin, kept(), override_url="https://elsewhere.example/orders"))

    assert f'href="/services/{service.id}#settings"' in page


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("", "This field is required."),
        ("orders", "must begin with http"),
        ("http://127.0.0.1:99999/", "port"),
        ("http://a.example/ü", "percent-encoded"),
        ("http://" + "a" * 9000, "at most 8192 characters"),
    ],
)
def test_a_url_that_cannot_be_called_is_explained(member, service, kept, url, words):
    service.base_url = ""
    service.save()

    answer = send(member, kept(), override_url=url)

    assert answer.status_code == 400
    assert words in text_of(answer)


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("X Bad", "1", "characters that cannot be sent"),
        ("", "1", "A value stands without a name"),
        ("X-Secret", "***MASKED***", "still holds the mask"),
    ],
)
def test_a_header_that_cannot_be_sent_is_explained_at_the_headers(member, kept, name, value, words):
    address = kept()
    fields = {"override_headers_name": [name], "override_headers_value": [value]}

    answer = send(member, address, **fields)

    field = re.search(
        r'id="replay_override_headers_0".*?A header without a value', text_of(answer), re.DOTALL
    )
    assert answer.status_code == 400
    assert words in field[0]
    assert not Replay.objects.exists()


def test_each_allowed_target_is_named_and_can_be_started_from(member, service, kept):
    service.replay_origins = ["https://staging.example:443"]
    service.save()
    address = kept()

    page = text_of(member.get(f"{address}?target=https://staging.example:443"))

    assert "a further target" in page
    assert 'value="https://staging.example:443/orders/7"' in page


@pytest.mark.parametrize("hostile", ["javascript:alert(1)", "https://[", "%00", SCRIPT])
def test_a_made_up_target_breaks_nothing(member, kept, hostile):
    answer = member.get(kept(), {"target": hostile})

    assert answer.status_code == 200
    assert SCRIPT not in answer.content.decode()


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_methods_that_change_things_warn_before_they_are_sent(member, kept, method):
    assert f"{method} may change data" in text_of(member.get(kept(method=method)))


def test_reading_does_not_warn(member, kept):
    assert "may change data" not in text_of(member.get(kept()))


# --- The answer --------------------------------------------------------------------------------------------


def test_the_answer_stands_beside_the_original_with_what_differs(member, kept):
    address = kept(status_code=503, response_body='{"path": "/orders/7", "body": "before", "gone": 1}')

    page = text_of(send(member, address))

    assert "Answer beside the original" in page
    assert "status-5xx" in page
    assert "status-2xx" in page
    assert "2 differences, compared as JSON" in page
    assert "diff-changed" in page
    assert "diff-removed" in page


def test_no_answer_is_shown_as_such(member, service, kept, target):
    address = kept()

    page = text_of(send(member, address, override_url="http://127.0.0.1:9/orders"))

    assert "No answer." in page
    assert Replay.objects.get().status == "failed"


def test_the_history_leads_to_earlier_replays(member, kept):
    address = kept()
    send(member, address, override_body="one")
    send(member, address, override_body="two")
    first, second = Replay.objects.order_by("id")

    page = text_of(member.get(f"{address}?replay={first.id}"))

    assert page.rindex(str(second.id)) < page.rindex(str(first.id))
    assert "Answer beside the original" in page
    assert fields_of(page)["override_body"] == ["one"]
    assert 'aria-current="true"' in page


def test_the_history_outlives_the_log(member, service):
    log_id = uuid7_at(timezone.now() - timedelta(days=200))
    Replay.objects.create(
        service=service,
        original_log_id=log_id,
        method="GET",
        url="http://a.example/gone",
        status="success",
        status_code=200,
        response_body='{"still": "here"}',
        replayed_at=timezone.now(),
        replayed_by="user:ada",
    )
    record = Replay.objects.get()

    page = text_of(member.get(f"/replay/{log_id}?replay={record.id}"))

    assert "no longer kept" in page
    assert "still" in page
    assert member.post(f"/replay/{log_id}", {}).status_code == 404


def test_htmx_gets_errors_with_a_status_that_it_swaps(member, kept):
    address = kept()
    fields = fields_of(member.get(address).content.decode())

    answer = member.post(address, {**fields, "override_url": "nowhere"}, headers={"HX-Request": "true"})

    assert answer.status_code == 200
    assert 'id="replay"' in text_of(answer)


def test_answers_and_originals_cannot_bring_markup(member, kept):
    address = kept(
        path=f"/{SCRIPT}",
        request_headers={SCRIPT: SCRIPT},
        request_body=f"</textarea>{SCRIPT}",
        response_headers={"X": SCRIPT},
        response_body=SCRIPT,
        error=SCRIPT,
        method="POST",
    )

    assert SCRIPT not in member.get(address).content.decode()
    fields = {"override_headers_name": [], "override_headers_value": [], "override_body": SCRIPT}
    assert SCRIPT not in send(member, address, **fields).content.decode()


def test_the_page_states_what_it_asks_the_database(member, kept, django_assert_num_queries):
    address = kept()
    for _ in range(3):
        send(member, address)

    # session, user, memberships; log with names, its payload, history
    with django_assert_num_queries(6):
        member.get(address)


# --- Who may -----------------------------------------------------------------------------------------------


def test_a_viewer_reads_but_does_not_send(organization, kept, target):
    viewer = a_client(user=a_user(organization, Role.VIEWER))
    address = kept()

    assert "Your role lets you read this" in text_of(viewer.get(address))
    assert "Send GET" not in text_of(viewer.get(address))
    assert send(viewer, address).status_code == 403
    assert target.seen == []


def test_another_organization_finds_nothing(kept, target):
    stranger = a_client(user=a_user(an_organization(), Role.OWNER))
    address = kept()

    assert stranger.get(address).status_code == 404
    assert stranger.post(address, {"override_url": target.address}).status_code == 404
    assert target.seen == []


def test_a_replay_of_another_log_is_not_shown(member, kept):
    first, second = kept(), kept()
    send(member, first)

    page = text_of(member.get(f"{second}?replay={Replay.objects.get().id}"))

    assert "Answer beside the original" not in page


def test_a_post_without_the_forms_token_is_refused(organization, kept, target):
    client = Client(enforce_csrf_checks=True)
    client.force_login(a_user(organization, Role.MEMBER))

    assert client.post(kept(), {"override_url": target.address}).status_code == 403
    assert target.seen == []


def test_visitors_send_where_that_was_asked_for_and_are_audited(settings, target):
    settings.ANONYMOUS_ACCESS = "full"
    service = a_service(default_organization(), base_url=target.address)
    (log_id,) = keep_logs(service, a_log(url=f"{target.address}/x", path="/x"))

    assert send(Client(), f"/replay/{log_id}").status_code == 200
    record = Replay.objects.get()
    assert (record.replayed_by, record.source_ip) == ("anonymous", "127.0.0.1")
