"""The code and the settings of docs/clients, as they stand there, in running applications."""

import re
import shutil
import sys
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import httpx
import pytest

from monitor.models.keys import KeyKind
from tests.factories import a_key, a_service
from tests.published.environments import node_modules_with, python_with
from tests.published.running import APPS, gunicorn, instrumented, running_app, uvicorn, wait_until
from tests.reading import Api
from tests.web import ROOT

pytestmark = pytest.mark.django_db(transaction=True)
PAGES = ROOT / "docs" / "clients"
FENCED = re.compile(r"^( *)```(\w+)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
EXPORT = re.compile(r"^export (\w+)=(.*)$", re.MULTILINE)
MONITOR, PORT = "http://127.0.0.1:8090", "listen(3000)"
# What a reader puts his own in place of.
PLACEHOLDERS = ("mkey_…", "your-client-id", "your-write-token")


@dataclass(frozen=True, kw_only=True)
class Documented:
    """The block of a page that holds these words, as a program that is served by this command."""

    page: str
    words: str
    command: Callable[[Path, int], list[str]]
    called: str
    kind: KeyKind = KeyKind.OWN
    language: str = "python"
    # What the lines are added to, by its file: the name in apps, and the one beside the program.
    there: Mapping[str, str] = field(default_factory=dict)
    written_to: str = "shop.py"
    more: dict[str, str] = field(default_factory=dict)


def blocks(page: str, language: str) -> list[str]:
    """The page's code in this language, without the indentation of a list."""
    found = FENCED.findall((PAGES / page).read_text())
    return [
        "".join(f"{line.removeprefix(indent)}\n" for line in code.splitlines())
        for indent, named, code in found
        if named == language
    ]


def exports(page: str) -> dict[str, str]:
    """The environment that the page asks for."""
    return {name: value.strip('"') for code in blocks(page, "sh") for name, value in EXPORT.findall(code)}


def python(environment, server=uvicorn):
    program = python_with(environment)
    return lambda folder, fd: server(program, "shop")(fd)


def node(environment):
    """Served on the open socket instead of the page's port."""
    modules = node_modules_with(environment) / "node_modules"

    def command(folder: Path, fd: int) -> list[str]:
        (folder / "node_modules").symlink_to(modules)
        program = folder / "shop.js"
        program.write_text(program.read_text().replace(PORT, f"listen({{ fd: {fd} }})"))
        return ["node", "shop.js"]

    return command


# Pages say of these "at the end of".
FLASK = {"there": {"there_flask.py": "shop.py"}, "called": "/items/7"}
DJANGO = {
    "there": {"there_django.py": "shop.py", "there_django_settings.py": "settings.py"},
    "written_to": "settings.py",
    "called": "/items/7",
}


def ours(server):
    return lambda folder, fd: server(Path(sys.executable), "shop")(fd)


@pytest.fixture(scope="module")
def programs() -> dict[str, Documented]:
    zero = {"page": "apitally-0.md", "called": "/items/7", "kind": KeyKind.CLIENT_ID}
    one = {"page": "apitally-1.md", "called": "/items/7", "kind": KeyKind.WRITE_TOKEN}
    own = {"page": "python.md", "more": {"PYTHONPATH": str(ROOT / "clients" / "python" / "src")}}
    return {
        "0.x, FastAPI": Documented(**zero, words="import FastAPI\n", command=python("apitally0")),
        "0.x, Flask": Documented(**zero, words="import Flask\n", command=python("apitally0", gunicorn)),
        "0.x, Django": Documented(
            **{**zero, **DJANGO}, words="APITALLY_MIDDLEWARE", command=python("apitally0", gunicorn)
        ),
        "0.x, Express": Documented(**zero, words="useApitally(app", language="js", command=node("express")),
        "1.x, FastAPI": Documented(**one, words="import FastAPI\n", command=python("apitally1")),
        "1.x, Flask": Documented(**one, words="import Flask\n", command=python("apitally1", gunicorn)),
        "1.x, Django": Documented(
            **{**one, **DJANGO}, words="init(write_token=", command=python("apitally1", gunicorn)
        ),
        "OpenTelemetry, Python": Documented(
            page="opentelemetry-python.md",
            words="import FastAPI\n",
            command=lambda folder, fd: instrumented("shop")(fd),
            called="/orders/7",
        ),
        "OpenTelemetry, Node": Documented(
            page="opentelemetry-node.md",
            words="express()",
            language="js",
            command=node("opentelemetry-node"),
            called="/orders/7",
        ),
        "our client, FastAPI": Documented(
            **own, words="import FastAPI\n", command=ours(uvicorn), called="/orders/7"
        ),
        "our client, Flask": Documented(**own, **FLASK, words="import WsgiMonitor", command=ours(gunicorn)),
        "our client, Django": Documented(**own, **DJANGO, words="APIMONITOR =", command=ours(gunicorn)),
    }


def put_in_place(text: str, address: str, key: str) -> str:
    for placeholder in PLACEHOLDERS:
        text = text.replace(placeholder, key)
    return text.replace(MONITOR, address)


def written(told: Documented, folder: Path, address: str, key: str) -> dict[str, str]:
    """The environment to start the program in, once it stands in the folder."""
    (code,) = [code for code in blocks(told.page, told.language) if told.words in code]
    folder.mkdir()
    for source, name in told.there.items():
        shutil.copy(APPS / source, folder / name)
    program = folder / told.written_to.replace(".py", f".{told.language.removesuffix('thon')}")
    with program.open("a") as lines:
        lines.write(put_in_place(code, address, key))
    asked = {name: put_in_place(value, address, key) for name, value in exports(told.page).items()}
    return {**asked, **told.more}


def test_what_a_page_says_brings_a_request_to_the_monitor(web_server, programs, tmp_path):
    with ExitStack() as running:
        apis = {}
        for place, (name, told) in enumerate(programs.items()):
            service, folder = a_service(), tmp_path / str(place)
            environment = written(told, folder, web_server, a_key(service, kind=told.kind)[1])
            app = running.enter_context(running_app(partial(told.command, folder), at=folder, **environment))
            assert httpx.get(app + told.called, timeout=60).json() in ({"id": 7}, {"id": "7"}), name
            apis[name] = Api(web_server, a_key(service, scopes=["read"])[1])
        for api in apis.values():
            wait_until(lambda api=api: api.total() >= 1)

    for name, api in apis.items():
        assert api.total() == 1, name
        assert sum(api.endpoints().values()) == 1, name
