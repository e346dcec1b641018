"""A log as HTTPie, Python and JavaScript, run for real against a server on loopback."""

import io
import json
import shutil
import subprocess
from contextlib import redirect_stdout
from types import SimpleNamespace

import pytest
from playwright.sync_api import expect

from monitor.lib.actors import Role
from monitor.search.copies import FORMS, as_httpie, as_javascript, as_python, copies_of, copy_of
from monitor.search.curl import as_curl
from tests.factories import a_client, a_log, a_service, a_user, an_organization, keep_logs
from tests.search.echo import BODIES, MASKED, Echo, a_detail
from tests.search.test_browser import table  # noqa: F401 - a fixture

TYPED = {"Content-Type": "text/plain"}
HTTPIE = shutil.which("http")


def run_python(text: str) -> None:
    printed = io.StringIO()
    with redirect_stdout(printed):
        exec(compile(text, "copied", "exec"), {})  # noqa: S102 - this is what a reader does with it
    assert printed.getvalue().startswith("200")


def run_node(text: str) -> None:
    done = subprocess.run(
        ["node", "--input-type=module", "-"],
        input=text.encode(),
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    assert done.stdout.startswith(b"200"), done.stdout


def run_httpie(text: str) -> None:
    done = subprocess.run(["sh", "-c", text], capture_output=True, timeout=60, check=False)
    assert done.returncode == 0, (text, done.stderr)


def words_of(command: str) -> list[str]:
    """The words that a real shell makes of the command, without running what they say."""
    program = "http() { printf '%s\\0' \"$@\"; }\n" + command
    done = subprocess.run(["sh", "-c", program], capture_output=True, timeout=20, check=True)
    return done.stdout.decode().split("\0")[:-1]


def read_httpie(text: str) -> SimpleNamespace:
    """What HTTPie would send, read as its documentation says: held here where it is not installed."""
    words = words_of(text)
    options = [word for word in words if word.startswith("--")]
    raw = words[words.index("--raw") + 1] if "--raw" in words else None
    start = words.index("--path-as-is") + (3 if raw is not None else 1)
    method, url, *items = words[start:]
    headers = {}
    for item in items:
        if item.endswith(";") and ":" not in item:
            headers[item[:-1]] = ""
            continue
        name, _, value = item.partition(":")
        assert not value or value[0] not in ":=@;", item
        headers[name] = value[1:] if value.startswith("\\") and value[1:2] in tuple(":=@;") else value
    return SimpleNamespace(method=method, url=url, headers=headers, body=raw, options=options)


RUNNERS = {"python": run_python}
if shutil.which("node"):
    RUNNERS["javascript"] = run_node
if HTTPIE:
    RUNNERS["httpie"] = run_httpie
each_form = pytest.mark.parametrize("form", RUNNERS)


def arrived_from(echo: Echo, form: str, detail) -> SimpleNamespace:
    echo.arrived.clear()
    RUNNERS[form](copy_of(detail, form).text)
    assert len(echo.arrived) == 1
    return echo.arrived[0]


@each_form
@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES.keys())
def test_a_body_arrives_byte_by_byte(echo, form, body):
    detail = a_detail(f"{echo.origin}/orders", method="POST", request_body=body, request_headers=TYPED)

    arrived = arrived_from(echo, form, detail)

    assert (arrived.method, arrived.body) == ("POST", body.encode())
    assert arrived.headers["Content-Type"] == "text/plain"


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES.keys())
def test_nothing_in_the_text_is_a_key_that_a_terminal_obeys(form, body):
    headers = {"X": "a\x07\tb", "Y": "\u2028\u202e"}
    detail = a_detail("https://shop.example/a\x1bb\r", request_body=body, request_headers=headers)

    text = copy_of(detail, form).text

    allowed = "\u2028\u202e" if form in ("curl", "httpie") else ""
    assert [each for each in text if each != "\n" and not each.isprintable() and each not in allowed] == []


@each_form
def test_headers_arrive_with_all_their_values(echo, form):
    headers = {
        "Accept": "application/json",
        "Accept-Language": ["en", "de;q=0.5"],
        "X-Quote": 'it\'s "quoted" $HOME `id` ${x} \\n',
        "X-Empty": "",
        "X-Unicode": "Grüße 世界",
        "X-Two-Lines": "a\r\nX-Injected: b",
        "X-Raw": "=1",
        "X-File": "@/etc/passwd",
        "Content-Length": "3",
        "bad name": "x",
    }
    detail = a_detail(f"{echo.origin}/x", method="PUT", request_body="four", request_headers=headers)

    arrived = arrived_from(echo, form, detail).headers

    assert arrived["Accept"] == "application/json"
    assert ", ".join(arrived.get_all("Accept-Language")) == "en, de;q=0.5"
    assert arrived["X-Quote"] == headers["X-Quote"]
    assert arrived["X-Empty"] == ""
    assert arrived["X-Unicode"].encode("latin-1").decode() == "Grüße 世界"
    assert arrived["X-Two-Lines"].split() == ["a", "X-Injected:", "b"]
    assert (arrived["X-Injected"], arrived["X-Raw"], arrived["X-File"]) == (None, "=1", "@/etc/passwd")
    assert arrived["Content-Length"] == "4"


@each_form
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PATCH", "DELETE", "OPTIONS", "REPORT"])
def test_a_method_arrives(echo, form, method):
    arrived = arrived_from(echo, form, a_detail(f"{echo.origin}/x", method=method))

    assert (arrived.method, arrived.body) == (method, b"")


@each_form
@pytest.mark.parametrize(
    "target", ["/orders?a=1&b=2", "/it's/$HOME/%60?q=$(id)&x=a;b", "/gr%C3%BCn?q=%2F", "/a%20b?c=%25"]
)
def test_an_address_arrives_as_it_was_logged(echo, form, target):
    arrived = arrived_from(echo, form, a_detail(f"{echo.origin}{target}"))

    assert arrived.target.replace("%27", "'") == target


def test_dots_in_a_path_arrive_where_they_can_and_are_told_where_not(echo):
    detail = a_detail(f"{echo.origin}/a/../b/./c?x=1")

    assert arrived_from(echo, "python", detail).target == "/a/../b/./c?x=1"
    assert "--path-as-is" in as_httpie.write(detail)
    assert "dots in the path" in as_javascript.notes(detail)[0]


@each_form
def test_a_body_without_a_type_is_not_given_one(echo, form):
    arrived = arrived_from(echo, form, a_detail(f"{echo.origin}/x", method="POST", request_body="a=1"))

    assert (arrived.headers["Content-Type"], arrived.body) == (None, b"a=1")


@each_form
def test_masked_values_stay_masked_and_the_reader_is_told(echo, form):
    detail = a_detail(
        f"{echo.origin}/x?token={MASKED}",
        method="POST",
        request_headers={"Authorization": f"Bearer {MASKED}", "Content-Type": "application/json"},
        request_body=json.dumps({"password": MASKED}),
    )

    arrived = arrived_from(echo, form, detail)

    assert arrived.headers["Authorization"] == f"Bearer {MASKED}"
    assert json.loads(arrived.body) == {"password": MASKED}
    assert "Masked values" in copy_of(detail, form).notes[0]


# --- HTTPie, by what a shell makes of it ------------------------------------------------------------------


@pytest.mark.parametrize(
    "body", [body for body in BODIES.values() if as_curl(a_detail("/", request_body=body)).startswith("curl")]
)
def test_httpie_gets_the_body_as_one_word(body):
    read = read_httpie(as_httpie.write(a_detail("http://a.example/x", method="POST", request_body=body)))

    assert (read.method, read.url, read.body) == ("POST", "http://a.example/x", body)
    assert "--ignore-stdin" in read.options


def test_httpie_gets_a_body_with_control_characters_through_its_standard_input():
    body = "it's\x00 100% \\n $HOME\x85"
    command = as_httpie.write(a_detail("http://a.example/x", method="POST", request_body=body))

    done = subprocess.run(["sh", "-c", "http() { cat; }\n" + command], capture_output=True, check=True)

    assert done.stdout == body.encode()
    assert "--ignore-stdin" not in command


def test_no_value_makes_another_kind_of_item_for_httpie():
    headers = {
        "A": "=1",
        "B": "@/etc/passwd",
        "C": ":x",
        "D": "",
        "E": "a=b:c@d;e",
        "-x": "1",
        "F": "it's $HOME",
    }
    read = read_httpie(as_httpie.write(a_detail("http://a.example/x", request_headers=headers)))

    del headers["-x"]
    assert read.headers == headers


@pytest.mark.parametrize(
    ("form", "detail", "words"),
    [
        (as_httpie, a_detail("/", method="M-SEARCH"), "method M-SEARCH"),
        (as_httpie, a_detail("/", request_headers={"X": "a\\:b"}), "backslash"),
        (as_javascript, a_detail("/", method="TRACE"), "method TRACE"),
        (as_javascript, a_detail("/", method="GET", request_body="a"), "no body with GET"),
    ],
)
def test_what_a_form_cannot_say_is_told(form, detail, words):
    (note,) = form.notes(detail)

    assert words in note


def test_the_texts_read_well():
    detail = a_detail(
        "https://shop.example/orders", method="POST", request_headers=TYPED, request_body='{"a": "it\'s"}'
    )

    assert as_python.write(detail) == (
        "import httpx\n\nresponse = httpx.request(\n    'POST',\n    'https://shop.example/orders',\n"
        "    headers=[\n        ('Content-Type', 'text/plain'),\n    ],\n"
        '    content=\'{"a": "it\\\'s"}\'.encode(),\n)\nprint(response.status_code, response.text)\n'
    )
    assert as_javascript.write(detail) == (
        'const response = await fetch("https://shop.example/orders", {\n  method: "POST",\n'
        '  redirect: "manual",\n  headers: [\n    ["Content-Type", "text/plain"],\n  ],\n'
        '  body: "{\\"a\\": \\"it\'s\\"}",\n});\nconsole.log(response.status, await response.text());\n'
    )
    assert as_httpie.write(detail) == (
        "http --ignore-stdin --path-as-is --raw '{\"a\": \"it'\\''s\"}' POST "
        "'https://shop.example/orders' \\\n"
        "  'Content-Type:text/plain' \\\n  'Accept:'"
    )


# --- The pages ---------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_the_page_of_a_log_shows_all_forms_and_the_table_gets_each():
    service = a_service()
    (log_id,) = keep_logs(service, a_log(request_headers={"Authorization": "Bearer abc"}))
    reader = a_client(user=a_user(service.organization, Role.VIEWER))
    page = reader.get(f"/log/{log_id}").content.decode()

    assert [copy.name for copy in copies_of(a_detail("/")) if f'id="copy-{copy.name}"' not in page] == []
    for form in FORMS:
        answer = reader.get(f"/log/{log_id}/copy?as={form}")
        assert "***MASKED***" in answer.json()["text"]
        assert "Masked values" in answer.json()["notes"][0]
        assert answer["Cache-Control"] == "no-store"


@pytest.mark.django_db
def test_nobody_copies_what_they_may_not_see():
    (log_id,) = keep_logs(a_service(), a_log())
    stranger = a_client(user=a_user(an_organization(), Role.OWNER))

    assert stranger.get(f"/log/{log_id}/copy?as=curl").status_code == 404
    assert stranger.get(f"/log/{log_id}/copy?as=cobol").status_code == 404


@pytest.mark.browser
@pytest.mark.django_db(transaction=True)
def test_a_row_is_copied_by_a_click_or_by_keys(table):  # noqa: F811 - the fixture
    table.keyboard.press("j")
    table.locator("[data-copies]").first.focus()
    table.keyboard.press("Enter")
    table.get_by_role("toolbar", name="Copy as").get_by_text("Python").click()

    expect(table.locator(".toast")).to_have_text("Copied as Python.")
    assert table.evaluate("navigator.clipboard.readText()").startswith("import httpx\n")
