"""Commands: what curl itself sends for them, and what is refused."""

import re
import shlex
import subprocess

import pytest

from monitor.curl.command import read_command
from monitor.curl.words import NotUnderstood
from monitor.lib.outbound import OutboundPolicy, parse_allow_list, send
from tests.search.echo import BODIES, echoing

# Each program says these for itself.
OWN = {"host", "user-agent", "accept-encoding", "connection", "expect"}
COMMANDS = {
    "get": "curl URL/x?a=1",
    "post of fields": "curl URL -d a=1 -d 'b=2 3'",
    "another method": "curl -XDELETE URL/x -s",
    "method after": "curl URL/x -X PATCH --data '{}' -H 'Content-Type: application/json'",
    "raw": "curl URL --data-raw '@not a file'",
    "binary": "curl URL --data-binary $'one\\ntwo\\r\\n'",
    "urlencoded": "curl URL --data-urlencode 'q=a b&c=ü' --data-urlencode '=x=y' --data-urlencode 'a text'",
    "as a query": "curl -G URL/search?z=1 -d a=1 --data-urlencode 'q=a b/?'",
    "json": """curl --json '{"a": 1}' URL""",
    "json twice": """curl --json '{"a":' --json ' 1}' URL -H 'Accept: text/plain'""",
    "user": "curl -u ada:s3cret:x URL",
    "bearer": "curl --oauth2-bearer abc URL",
    "cookies": "curl -b a=1 --cookie 'b=2; c=3' URL",
    "agent and referer": "curl -A 'My Agent/1' -e http://r.example/ URL",
    "headers": "curl -H 'X-One: 1' -H 'X-Two:2' -H 'Accept:' -H 'X-Empty;' -H 'X-One: again' URL",
    "a header in place of an option": "curl -u a:b -H 'Authorization: Bearer x' URL",
    "head": "curl -I URL/x",
    "form in parts": "curl URL -F name=Ada -F 'note= a  b ' -F empty=",
    "form with a type": """curl URL -F 'doc={"a":1};type=application/json'""",
    "form with a charset": "curl URL -F 'x=y; type=text/plain; charset=utf-8'",
    "form in quotes": r"""curl URL --form 'q="a;b \\\"c\\\" \\\\";type=text/x'""",
    "form with a quote": """curl URL -F 'u="not closed;type=text/plain'""",
    "form strings": "curl URL --form-string 'a=@b;type=c/d' --form-string 'p=<x' --form-string q==",
    "form of many lines": "curl URL -F $'a=one\\ntwo\\r\\n3' -F 'a=again' -F ü=世界",
    "form with odd names": """curl URL -F 'a"b=1' -F =nameless -F $'c\\nd=2'""",
    "form called a form": "curl URL -X PUT -H 'Content-Type: multipart/form-data' -F a=1 -H 'X-A: b'",
    "form with what curl leaves out": "curl URL -F 'a=b;c;d=e'",
    "bundled": "curl -sSgX PUT -H 'A: b' --url URL/x",
    "an end of the options": "curl -s -- URL/x",
    "what changes nothing": "curl --compressed -f -m 10 --http1.1 URL -o /dev/null",
    "a fragment": "curl 'URL/x?a=1#part'",
    "unicode": "curl URL -d 'ü=世界'",
    "a prompt": "$ curl URL/x",
    **{f"body: {name}": f"curl URL -H 'Content-Type: text/plain' --data-raw {shlex.quote(body)}"
       for name, body in BODIES.items() if "\x00" not in body and len(body) < 1000},
}  # fmt: skip


@pytest.fixture(scope="module")
def echo():
    with echoing() as server:
        yield server


BOUNDARY = re.compile(r"=-{24}[0-9A-Za-z]+")


def boundary_of(headers):
    """What curl makes at random, and we from the form; None of other bodies."""
    found = BOUNDARY.search("".join(headers.get("content-type", ())))
    return found[0][1:].encode() if found else None


def told(arrived):
    headers = {name.lower(): arrived.headers.get_all(name) for name in arrived.headers}
    body, boundary = arrived.body, boundary_of(headers)
    if boundary:
        body = body.replace(boundary, b"BOUNDARY")
        headers["content-type"] = [BOUNDARY.sub("=BOUNDARY", value) for value in headers["content-type"]]
        del headers["content-length"]  # newer versions of curl make longer ones
    if headers.get("content-length") == ["0"]:
        del headers["content-length"]  # curl says nothing of no body
    said = {name: values for name, values in headers.items() if name not in OWN}
    # Older versions of curl write hex digits in small letters.
    target = re.sub("%[0-9a-f]{2}", lambda escape: escape[0].upper(), arrived.target)
    body = re.sub(b"%[0-9a-f]{2}", lambda escape: escape[0].upper(), body)
    return arrived.method, target, body, said


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS.keys())
def test_what_is_sent_is_what_curl_sends(echo, command):
    command = command.replace("URL", echo.origin)
    echo.arrived.clear()
    subprocess.run(["bash", "-c", command.removeprefix("$ ")], capture_output=True, timeout=20, check=True)

    request = read_command(command)
    send(
        request.method,
        request.url,
        headers=request.headers,
        body=(request.body or "").encode(),
        policy=OutboundPolicy(allow=parse_allow_list("127.0.0.0/8")),
        timeout_s=10,
        max_response_bytes=1000,
    )

    by_curl, by_us = echo.arrived
    assert told(by_us) == told(by_curl)


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("wget http://a.example", "no curl command"),
        ("", "no curl command"),
        ("curl", "no address"),
        ("curl http://a.example http://b.example", "Only one address"),
        ("curl http://a.example --proxy http://p", "The option --proxy is not understood"),
        ("curl http://a.example --request=POST", "The option --request is not understood"),
        ("curl http://a.example -Z", "The option -Z is not understood"),
        ("curl http://a.example -X", "The option -X has no value"),
        ("curl http://a.example -F a=@photo.png", "--form reads a file"),
        ("curl http://a.example -F 'a=<notes.txt;type=text/plain'", "--form reads a file"),
        ("curl http://a.example -F a", "--form needs a name"),
        ("curl http://a.example --form-string a", "--form-string needs a name"),
        ("curl http://a.example -F 'a=(;type=multipart/mixed'", "parts within parts"),
        ("curl http://a.example -F 'a=b;type=text'", "needs a content type"),
        ("curl http://a.example -F 'a=b;filename=c.txt'", ";filename= is not understood"),
        ("curl http://a.example -F a=b -d c=d", "--form and --data do not go together"),
        ("curl http://a.example -F a=b --json '{}'", "--form and --json do not go together"),
        ("curl http://a.example -F a=b -G", "--form and --get do not go together"),
        ("curl http://a.example -F a=b -I", "--form and --head do not go together"),
        ("curl http://a.example --next", "--next: only one request"),
        ("curl http://a.example -d @secret.json", "--data reads a file"),
        ("curl http://a.example --data-binary @-", "--data-binary reads a file"),
        ("curl http://a.example --data-urlencode q@file", "--data-urlencode reads a file"),
        ("curl http://a.example --json @file", "--json reads a file"),
        ("curl http://a.example -b cookies.txt", "--cookie reads a file"),
        ("curl http://a.example -H @headers", "--header reads a file"),
        ("curl http://a.example -H nonsense", "--header needs a name"),
        ("curl http://a.example -u ada", "--user needs a name"),
        ("curl http://a.example -d a --json b", "do not go together"),
        ("curl " + "x" * 600_000, "longer than"),
    ],
)
def test_a_refusal_names_the_option(command, words):
    with pytest.raises(NotUnderstood) as refusal:
        read_command(command)

    assert words in str(refusal.value)


def test_what_is_left_aside_is_told():
    request = read_command("curl -kL http://a.example -H 'Host: b.example' -k")

    assert [note.split()[0] for note in request.notes] == ["--insecure", "--location", "Made"]
    assert "Host" in request.notes[2]
    assert dict(request.headers) == {"Accept": "*/*"}


def test_a_form_is_the_same_request_whenever_it_is_read():
    command = "curl http://a.example -F a=1 -F b=2"

    assert read_command(command) == read_command(command)
    assert read_command(command).headers != read_command(f"{command} -F c=3").headers


def test_what_curl_would_leave_out_of_a_form_is_told():
    assert "semicolon" in read_command("curl http://a.example -F 'a=b;c'").notes[0]
    assert not read_command("curl http://a.example -F 'a=\"b;c\"'").notes


def test_a_request_does_not_show_its_secrets_in_a_log():
    assert "s3cret" not in repr(read_command("curl -u a:s3cret http://a.example?token=s3cret"))
