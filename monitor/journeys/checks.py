"""Ready-made steps that look for common weaknesses: templates, each changed to fit before it runs."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

STRANGER = "https://stranger.example"
BASE = "https://api.example.com"
# What frameworks print when they show their inside.
TRACES = (
    "Traceback (most recent call last)",
    "Stack trace:",
    "stacktrace",
    "Exception in thread",
    "java.lang.",
    "System.NullReferenceException",
    "PDOException",
    "SQLSTATE[",
    "goroutine 1 [",
    "node_modules/",
)


@dataclass(frozen=True, kw_only=True)
class ReadyMade:
    """Steps in their stored form, and the variables they speak of."""

    name: str
    words: str
    about: str
    steps: tuple[Mapping[str, Any], ...]
    variables: Mapping[str, Any] = field(default_factory=lambda: {"base_url": BASE})
    secrets: tuple[str, ...] = ()


def _holds(
    source: str, comparison: str, target: Any = None, *, of: str = "", warn: bool = False
) -> dict[str, Any]:
    return {
        "source": source,
        "property": of,
        "comparison": comparison,
        "target": target,
        "severity": "warn" if warn else "fail",
    }


_BEARER = {"type": "bearer", "token": "{{token}}"}
_ANY = ["100-599"]

READY_MADE = (
    ReadyMade(
        name="no_token",
        words="No token, no entry",
        about="Without a token the answer is 401 or 403.",
        steps=(
            {
                "name": "Without a token",
                "url": "{{base_url}}/private",
                "assertions": [_holds("status", "in", [401, 403])],
            },
        ),
    ),
    ReadyMade(
        name="foreign_id",
        words="Nobody else's things",
        about="With one's own token another tenant's id is 403 or 404.",
        steps=(
            {
                "name": "Another tenant's id",
                "url": "{{base_url}}/things/{{foreign_id}}",
                "auth": _BEARER,
                "assertions": [_holds("status", "in", [403, 404])],
            },
        ),
        variables={"base_url": BASE, "foreign_id": "an-id-of-another-tenant"},
        secrets=("token",),
    ),
    ReadyMade(
        name="headers",
        words="Security headers",
        about="HSTS and nosniff are there; a policy, no framing and no version are better.",
        steps=(
            {
                "name": "Security headers",
                "url": "{{base_url}}/",
                "statuses": _ANY,
                "assertions": [
                    _holds("header", "exists", of="Strict-Transport-Security"),
                    _holds("header", "==", "nosniff", of="X-Content-Type-Options"),
                    _holds("header", "exists", of="Content-Security-Policy", warn=True),
                    _holds("header", "exists", of="Referrer-Policy", warn=True),
                    _holds("header", "absent", of="X-Powered-By", warn=True),
                ],
            },
        ),
    ),
    ReadyMade(
        name="tls",
        words="TLS 1.2 or newer",
        about="The connection is made with TLS 1.2 or 1.3, and the certificate lasts.",
        steps=(
            {
                "name": "TLS",
                "url": "{{base_url}}/",
                "statuses": _ANY,
                "max_redirects": 0,
                "assertions": [
                    _holds("tls_version", "in", ["1.2", "1.3"]),
                    _holds("tls_days", ">", 7),
                    _holds("tls_days", ">", 21, warn=True),
                ],
            },
        ),
    ),
    ReadyMade(
        name="traces",
        words="No stack traces",
        about="An error tells nothing of the inside.",
        steps=(
            {
                "name": "A broken request",
                "method": "POST",
                "url": "{{base_url}}/no-such-page?id=%27%22%3C",
                "body": '{"broken": ',
                "body_type": "json",
                "assertions": [
                    _holds("status", "in", ["400-499"]),
                    *(_holds("body", "not_contains", words) for words in TRACES),
                ],
            },
        ),
    ),
    ReadyMade(
        name="cors",
        words="CORS is not open",
        about="A stranger's origin is not repeated, and everybody's goes without credentials.",
        steps=(
            {
                "name": "As a stranger's page",
                "url": "{{base_url}}/",
                "headers": [["Origin", STRANGER]],
                "statuses": _ANY,
                "extract": [
                    {
                        "name": "allowed_origin",
                        "source": "header",
                        "of": "Access-Control-Allow-Origin",
                        "default": "",
                    }
                ],
                "assertions": [
                    _holds("header", "!=", STRANGER, of="Access-Control-Allow-Origin"),
                    _holds("header", "!=", "null", of="Access-Control-Allow-Origin"),
                ],
            },
            {
                "name": "Everybody comes without credentials",
                "url": "{{base_url}}/",
                "headers": [["Origin", STRANGER]],
                "condition": 'allowed_origin == "*"',
                "statuses": _ANY,
                "assertions": [_holds("header", "absent", of="Access-Control-Allow-Credentials")],
            },
        ),
    ),
)


def ready_made(name: str) -> ReadyMade:
    """Raises KeyError."""
    return {each.name: each for each in READY_MADE}[name]
