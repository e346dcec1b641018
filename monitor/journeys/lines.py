"""Variables, secrets and steps as the form shows them: texts, of which each is the image of what is kept."""

import json
from collections.abc import Mapping
from typing import Any

import msgspec
import yaml

from monitor.journeys.document import BadDocument, Journey, Step, StepAuth
from monitor.journeys.written import (
    plain_of,
    stored_step,
    without_defaults,
    written_assertion,
    written_extraction,
)

STEP_TEXTS = (
    "name", "method", "url", "headers", "body_type", "body", "auth", "extract", "assertions", "statuses",
    "condition", "always_run", "timeout_s", "retries", "delay_ms", "max_redirects", "before", "after",
)  # fmt: skip
_NUMBERS = {"timeout_s": float, "retries": int, "delay_ms": int, "max_redirects": int}


# --- Variables: name = value, a line each ------------------------------------------------------------------


def variables_as_text(variables: Mapping[str, Any]) -> str:
    return "\n".join(f"{name} = {_value_as_text(value)}".rstrip() for name, value in variables.items())


def _value_as_text(value: Any) -> str:
    """A text as it is, unless it would be read as something else."""
    if isinstance(value, str) and value == value.strip() and "\n" not in value and _is_no_json(value):
        return value
    return json.dumps(value, ensure_ascii=False)


def _is_no_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return True
    return False


def variables_of(text: str) -> dict[str, Any]:
    """Raises BadDocument."""
    found: dict[str, Any] = {}
    for name, value in _pairs(text, "variables"):
        try:
            found[name] = json.loads(value)
        except ValueError:
            found[name] = value
    return found


def secrets_as_text(secrets: Mapping[str, str]) -> str:
    return "\n".join(f"{name} = {_secret_as_text(value)}".rstrip() for name, value in secrets.items())


def _secret_as_text(value: str) -> str:
    is_plain = value == value.strip() and "\n" not in value and not value.startswith('"')
    return value if is_plain else json.dumps(value, ensure_ascii=False)


def secrets_of(text: str) -> dict[str, str]:
    """Values are texts, whatever they look like; quotes hold line ends. Raises BadDocument."""
    found: dict[str, str] = {}
    for name, value in _pairs(text, "secrets"):
        try:
            found[name] = str(json.loads(value)) if value.startswith('"') else value
        except ValueError:
            found[name] = value
    return found


def _pairs(text: str, place: str) -> list[tuple[str, str]]:
    pairs = []
    for number, line in enumerate(text.splitlines(), 1):
        name, equals, value = line.partition("=")
        if not line.strip():
            continue
        if not equals:
            raise BadDocument(f"{place}, line {number}: write name = value.", field=place)
        pairs.append((name.strip(), value.strip()))
    return pairs


# --- Steps -------------------------------------------------------------------------------------------------


def texts_of(step: Step) -> dict[str, Any]:
    """What the form's fields hold."""
    plain = {name: getattr(step, name) for name in STEP_TEXTS}
    auth = without_defaults(msgspec.to_builtins(step.auth), StepAuth)
    return plain | {
        "headers": "\n".join(f"{name}: {value}" for name, value in step.headers),
        "auth": yaml.safe_dump(auth, sort_keys=False, allow_unicode=True).strip() if auth else "",
        "extract": "\n".join(_line(written_extraction(each)) for each in step.extract),
        "assertions": "\n".join(_line(written_assertion(each)) for each in step.assertions),
        "statuses": ", ".join(step.statuses),
        "timeout_s": f"{step.timeout_s:g}",
    }


def _line(written: Any) -> str:
    return written if isinstance(written, str) else json.dumps(written, ensure_ascii=False)


def step_of(texts: Mapping[str, Any], at: int) -> Any:
    """The stored step of what the fields hold, checked only where it cannot be read. Raises BadDocument."""
    step: dict[str, Any] = {name: texts[name] for name in STEP_TEXTS if texts.get(name) not in (None, "")}
    words = f"Step {at + 1} ({step.get('name', '')})"
    step["always_run"] = bool(step.get("always_run"))
    step["headers"] = [line for line in str(step.get("headers", "")).splitlines() if line.strip()]
    step["statuses"] = [code.strip() for code in str(step.get("statuses", "")).split(",") if code.strip()]
    for name in ("extract", "assertions"):
        lines = [line for line in str(step.get(name, "")).splitlines() if line.strip()]
        step[name] = [_read_line(line) for line in lines]
    if "auth" in step:
        try:
            step["auth"] = plain_of(str(step["auth"]))
        except BadDocument as error:
            raise BadDocument(f"{words}, auth: {error.message}", field=f"steps.{at}.auth") from None
    for name, number in _NUMBERS.items():
        if name in step:
            try:
                step[name] = number(step[name])
            except ValueError:
                raise BadDocument(f"{words}, {name}: write a number.", field=f"steps.{at}.{name}") from None
    return stored_step(step, at)


def _read_line(line: str) -> Any:
    if line.lstrip().startswith("{"):
        try:
            return json.loads(line)
        except ValueError:
            return line
    return line


def rest_of(journey: Journey) -> dict[str, Any]:
    """What the form has no field for, and keeps."""
    plain = msgspec.to_builtins(journey)
    return {name: plain[name] for name in ("name", "proxy", "verify_tls", "authorities", "ip_family", "rows")}
