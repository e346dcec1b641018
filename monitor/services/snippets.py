"""Lines to paste that report a first request, or every request of an application. Pure."""

import json
import shlex
from dataclasses import dataclass
from urllib.parse import urlsplit

from monitor.models.keys import KeyKind

NO_KEY = "YOUR_KEY"
EXAMPLE_URL = "https://shop.example"


@dataclass(frozen=True, kw_only=True)
class Snippets:
    """The same first steps in three ways, and the lines that set up our client for each framework."""

    one: str
    batch: str
    python: str
    django: str
    fastapi: str
    flask: str


def snippets_for(*, public_url: str, base_url: str = "", raw_key: str = NO_KEY) -> Snippets:
    """Ready to be pasted into a POSIX shell or a Python file, once the key stands in them."""
    example = example_log(base_url)
    failed = {
        **example,
        "method": "POST",
        "status_code": 503,
        "latency_ms": 1204.2,
        "error": "upstream timed out",
    }
    return Snippets(
        one=curl(f"{public_url}/v1/logs", raw_key, json.dumps(example)),
        batch=curl(f"{public_url}/v1/logs/batch", raw_key, json.dumps([example, failed])),
        python=python(f"{public_url}/v1/logs", raw_key, example),
        django=(
            'MIDDLEWARE.insert(0, "apimonitor_client.django.Monitor")\n'
            f'APIMONITOR = {{"url": "{public_url}", "key": "{raw_key}"}}'
        ),
        fastapi=(
            "from apimonitor_client import AsgiMonitor\n"
            f'app.add_middleware(AsgiMonitor, url="{public_url}", key="{raw_key}")'
        ),
        flask=(
            "from apimonitor_client import WsgiMonitor\n"
            f'app.wsgi_app = WsgiMonitor(app.wsgi_app, url="{public_url}", key="{raw_key}")'
        ),
    )


def for_apitally(kind: str, *, public_url: str, raw_key: str) -> str:
    """FastAPI's set-up with Apitally's client, as its own documentation has it. Empty for other keys."""
    if kind == KeyKind.CLIENT_ID:
        return (
            f"# In the environment of the application: APITALLY_HUB_BASE_URL={public_url}\n"
            "from apitally.fastapi import ApitallyMiddleware\n"
            "from fastapi import FastAPI\n\n"
            "app = FastAPI()\n"
            "app.add_middleware(\n"
            "    ApitallyMiddleware,\n"
            f'    client_id="{raw_key}",\n'
            '    env="dev",  # or "prod" etc.\n'
            ")"
        )
    if kind == KeyKind.WRITE_TOKEN:
        return (
            f"# In the environment of the application: APITALLY_OTLP_ENDPOINT={public_url}\n"
            "import apitally\n"
            "from fastapi import FastAPI\n\n"
            "app = FastAPI()\n"
            f'apitally.init(app, write_token="{raw_key}", env="dev")'
        )
    return ""


def example_log(base_url: str) -> dict[str, object]:
    """A request to the service's own address, so that the first log can be replayed too."""
    base = (base_url or EXAMPLE_URL).partition("?")[0].rstrip("/")
    url = f"{base}/orders/1017"
    return {"method": "GET", "url": url, "path": urlsplit(url).path, "status_code": 200, "latency_ms": 41.7}


def curl(address: str, raw_key: str, body: str) -> str:
    return (
        f"curl -X POST {shlex.quote(address)} \\\n"
        f"  -H 'Authorization: Bearer {raw_key}' \\\n"
        f"  -H 'Content-Type: application/json' \\\n"
        f"  -d {shlex.quote(body)}"
    )


def python(address: str, raw_key: str, example: dict[str, object]) -> str:
    # JSON's texts and numbers are Python's too; a quote inside a URL stays where it is.
    fields = "".join(f"        {json.dumps(name)}: {json.dumps(value)},\n" for name, value in example.items())
    return (
        "import httpx\n\n"
        "answer = httpx.post(\n"
        f'    "{address}",\n'
        f'    headers={{"Authorization": "Bearer {raw_key}"}},\n'
        f"    json={{\n{fields}    }},\n"
        ")\n"
        "answer.raise_for_status()\n"
        'print(answer.json()["id"])'
    )
