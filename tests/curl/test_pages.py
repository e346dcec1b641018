"""A pasted command on its page: shown, sent to an allowed target, kept as a log and opened."""

import re
from html import unescape

import pytest

from monitor.lib.actors import Role
from monitor.models import LogPayload, RequestLog, UsageDelta
from tests.factories import UNKNOWN_ID, a_client, a_service, a_user, an_organization
from tests.ingest.test_secrets import everything_stored
from tests.search.echo import echoing

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def echo():
    with echoing() as server:
        yield server


@pytest.fixture(autouse=True)
def _nothing_arrived_yet(echo, settings):
    echo.arrived.clear()
    settings.QUICK_START = True


@pytest.fixture
def service(echo):
    return a_service(name="shop", base_url=echo.origin)


@pytest.fixture
def member(service):
    return a_client(user=a_user(service.organization, Role.MEMBER))


def post(client, service, command, **fields):
    return client.post("/send", {"command": command, "service": str(service.id), "mode": "test", **fields})


def text_of(answer):
    return unescape(re.sub(r"<[^>]+>", "", answer.content.decode()))


def test_a_command_is_shown_before_anything_is_sent(member, service, echo):
    answer = post(member, service, f"curl {echo.origin}/orders -u ada:pw -d '<b>x</b>' -k")

    shown = text_of(answer)
    assert f"POST {echo.origin}/orders" in shown
    assert "Authorization: Basic YWRhOnB3" in shown
    assert "<b>x</b>" in shown
    assert "certificates are always checked" in shown
    assert "POST may change data" in shown
    assert "no-store" in answer["Cache-Control"]
    assert (echo.arrived, RequestLog.objects.count()) == ([], 0)


def test_a_sent_command_becomes_a_log_and_is_opened(member, service, echo):
    command = f"""curl '{echo.origin}/orders?token=abc&page=2' -H 'Authorization: Bearer s3cret' \\
      --json '{{"password": "hunter2", "name": "Zoë"}}'"""

    answer = post(member, service, command, send="1")

    log = RequestLog.objects.get()
    contents = LogPayload.objects.contents_of(log.id)
    assert (answer.status_code, answer["Location"]) == (302, f"/log/{log.id}")
    (arrived,) = echo.arrived
    assert arrived.headers["Authorization"] == "Bearer s3cret"
    assert arrived.body == '{"password": "hunter2", "name": "Zoë"}'.encode()
    assert (log.service, log.mode, log.method, log.path) == (service, "test", "POST", "/orders")
    assert (log.status_code, log.error) == (200, None)
    assert log.latency_ms > 0
    assert log.tags[0] == "sent=curl"
    assert log.tags[1].startswith("sent_by=user:")
    assert contents["query_params"]["page"] == ["2"]
    assert [word for word in ("s3cret", "hunter2", "abc") if word in everything_stored()] == []
    assert member.get(answer["Location"]).status_code == 200


def test_what_is_sent_is_used_as_a_replay_is_answered_or_not_and_what_is_refused_is_not(
    member, service, echo
):
    post(member, service, f"curl {echo.origin}/orders", send="1")
    post(member, service, "curl http://127.0.0.1:1/orders", send="1")
    post(member, service, "curl https://elsewhere.example/", send="1")

    used = UsageDelta.objects.filter(organization_id=service.organization_id, replays__gt=0)
    assert [(use.replays, use.mode, use.key_id) for use in used] == [(1, "test", None)] * 2


def test_lines_of_a_text_field_are_those_of_a_command(member, service, echo):
    post(member, service, f"curl \\\r\n {echo.origin}/x \\\r\n -d 'a\r\nb'\r\n", send="1")

    assert echo.arrived[0].body == b"a\nb"


def test_what_was_asked_for_by_hand_is_kept_whatever_the_service_leaves_out(member, service, echo):
    service.exclusions = [{"id": UNKNOWN_ID, "kind": "path", "pattern": "/health"}]
    service.save()

    post(member, service, f"curl {echo.origin}/health", send="1")

    assert RequestLog.objects.get().path == "/health"


def test_no_answer_is_a_log_too(member, service):
    service.replay_origins = ["http://127.0.0.1:1"]
    service.save()

    post(member, service, "curl http://127.0.0.1:1/x", send="1")

    log = RequestLog.objects.get()
    assert (log.status_code, log.path) == (None, "/x")
    assert log.error


def test_only_the_targets_of_replays_are_reached(member, service, echo, settings):
    settings.QUICK_START = False
    elsewhere = post(member, service, "curl http://169.254.169.254/latest/", send="1")
    own_but_private = post(member, service, f"curl {echo.origin}/x", send="1")

    assert elsewhere.status_code == 400
    assert "is not an allowed target" in text_of(elsewhere)
    assert "An administrator can allow this target" in text_of(elsewhere)
    # The origin is the service's own, but the address is not public: the guard at the door says no.
    assert own_but_private.status_code == 302
    assert RequestLog.objects.get().error
    assert echo.arrived == []


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("curl $URL", "a variable"),
        ("curl 'http://h/' -F a=b", "--form"),
        ("rm -rf /", "no curl command"),
        ("curl 'ftp://h/'", "must begin with http"),
        ("curl 'http://u:p@127.0.0.1/'", "user name"),
        ("curl http://127.0.0.1:1/ -X 'A B'", "method"),
        ("curl http://127.0.0.1:1/ -H 'bad name: x'", "bad name"),
    ],
)
def test_what_cannot_be_sent_is_said_at_the_command(member, service, command, words):
    answer = post(member, service, command, send="1")

    assert answer.status_code == 400
    assert words in text_of(answer)
    assert RequestLog.objects.count() == 0


def test_who_may_not_replay_sends_nothing(service, echo):
    viewer = a_client(user=a_user(service.organization, Role.VIEWER))
    foreign = a_client(user=a_user(an_organization(), Role.OWNER))

    assert viewer.get("/send").status_code == 403
    assert post(viewer, service, f"curl {echo.origin}/x", send="1").status_code == 403
    assert post(foreign, service, f"curl {echo.origin}/x", send="1").status_code == 400
    assert "shop" not in foreign.get("/send").content.decode()
    assert echo.arrived == []


def test_the_page_states_what_it_asks_the_database(member, service, django_assert_num_queries):
    for _ in range(5):
        a_service(service.organization)
    # The session, the person, the memberships; the services.
    with django_assert_num_queries(4):
        member.get("/send")


def test_a_form_in_parts_is_sent_as_shown_and_kept_without_its_secrets(member, service, echo):
    command = f"curl {echo.origin}/users -F name=Zoë -F password=hunter2 -F 'doc={{}};type=application/json'"

    shown = text_of(post(member, service, command))
    post(member, service, command, send="1")

    (arrived,) = echo.arrived
    boundary = arrived.headers["Content-Type"].partition("boundary=")[2]
    assert f"boundary={boundary}" in shown
    assert 'name="doc"\r\nContent-Type: application/json\r\n\r\n{}' in arrived.body.decode()
    body = LogPayload.objects.contents_of(RequestLog.objects.get().id)["request_body"]
    assert "Zoë" in body
    assert body.count(boundary) == 4
    assert "hunter2" not in everything_stored()


def test_a_form_that_would_read_a_file_is_refused_and_says_why(member, service, echo):
    answer = post(member, service, f"curl {echo.origin}/users -F photo=@me.png")

    assert answer.status_code == 400
    assert "--form reads a file, which is not here" in text_of(answer)
