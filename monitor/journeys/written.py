"""A journey as people write it, in YAML, and as it is kept: each is the image of the other."""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
import yaml

from monitor.journeys import extracting
from monitor.journeys.document import BadDocument, Journey, Step, as_plain, read_document, step_words
from monitor.lib.masking import MASK
from monitor.lib.yaml_text import NotYaml, read_yaml
from monitor.probing import assertion_lines
from monitor.probing.assertions import Assertion
from monitor.probing.bounds import BadAssertion
from monitor.probing.logins import Auth

# What a file calls otherwise than the stored form.
_WRITTEN = {"assertions": "assert", "condition": "if"}
_STORED = {written: stored for stored, written in _WRITTEN.items()}


class _Dumper(yaml.SafeDumper):
    """Long texts as blocks, so that bodies and scripts stay readable."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.Node:
    is_block = "\n" in text and not any(line != line.rstrip() for line in text.split("\n"))
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if is_block else None)


_Dumper.add_representer(str, _text)


# --- Reading -----------------------------------------------------------------------------------------------


def from_yaml(text: str) -> dict[str, Any]:
    """The stored form of what was written, checked. Raises BadDocument, with the line or the step."""
    return as_plain(read_document(plain_of(text)))


def plain_of(text: str) -> dict[str, Any]:
    """The same, but not checked beyond its lines. JSON is YAML. Raises BadDocument."""
    try:
        given = read_yaml(text)
    except NotYaml as error:
        raise BadDocument(str(error)) from None
    if given is None:
        given = {}
    if not isinstance(given, Mapping) or not all(isinstance(name, str) for name in given):
        raise BadDocument("A journey is a mapping with 'steps'.")
    return stored(given)


def stored(given: Mapping[str, Any]) -> dict[str, Any]:
    """The stored form of a mapping as files have it. Raises BadDocument."""
    found = dict(given)
    if isinstance(found.get("secrets"), list):
        found["secrets"] = {str(name): "" for name in found["secrets"]}
    elif isinstance(found.get("secrets"), Mapping):
        found["secrets"] = {name: _secret(value) for name, value in found["secrets"].items()}
    for name in [name for name, value in found.items() if value is None]:
        del found[name]
    if isinstance(found.get("steps"), list):
        found["steps"] = [stored_step(step, at) for at, step in enumerate(found["steps"])]
    return found


def _secret(value: Any) -> Any:
    return "" if value is None else str(value) if isinstance(value, int | float) else value


def stored_step(given: Any, at: int) -> Any:
    if not isinstance(given, Mapping):
        return given
    step = {_STORED.get(name, name): value for name, value in given.items() if value is not None}
    words = step_words(at, step.get("name"))
    step["headers"] = _headers(step.get("headers", []), words, at)
    if isinstance(step.get("statuses"), list):
        step["statuses"] = [str(code) for code in step["statuses"]]
    for name, read in (("assertions", _assertion), ("extract", _extraction)):
        lines = step.get(name, [])
        if isinstance(lines, str):
            lines = lines.splitlines()
        if not isinstance(lines, list):
            raise BadDocument(
                f"{words}, {_WRITTEN.get(name, name)}: write a list.", field=f"steps.{at}.{name}"
            )
        step[name] = [
            read(line, f"{words}, {_WRITTEN.get(name, name)} {number}", f"steps.{at}.{name}")
            for number, line in enumerate(lines, 1)
        ]
    if step.get("body") is not None and not isinstance(step.get("body"), str):
        # Written as YAML, sent as JSON.
        step["body"] = msgspec.json.format(msgspec.json.encode(step["body"]), indent=2).decode()
        step.setdefault("body_type", "json")
    return step


def _headers(given: Any, words: str, at: int) -> Any:
    """Pairs, out of a mapping (a list for a header that is there more than once) or lines."""
    if isinstance(given, Mapping):
        return [
            [name, each if isinstance(each, str) else _header_text(each)]
            for name, value in given.items()
            for each in (value if isinstance(value, list) else [value])
        ]
    if not isinstance(given, list):
        raise BadDocument(f"{words}, headers: write a mapping.", field=f"steps.{at}.headers")
    pairs = []
    for each in given:
        if isinstance(each, str):
            name, colon, value = each.partition(":")
            if not colon:
                raise BadDocument(f"{words}, headers: write Name: value.", field=f"steps.{at}.headers")
            each = [name.strip(), value.strip()]
        pairs.append(each)
    return pairs


def _header_text(value: Any) -> str:
    return msgspec.json.encode(value).decode() if value is not None else ""


def _assertion(line: Any, words: str, field: str) -> Any:
    if not isinstance(line, str):
        return line
    try:
        return msgspec.to_builtins(assertion_lines.from_line(line))
    except BadAssertion as error:
        raise BadDocument(f"{words}: {error}", field=field) from None


def _extraction(line: Any, words: str, field: str) -> Any:
    if not isinstance(line, str):
        return line
    try:
        return msgspec.to_builtins(extracting.from_line(line))
    except ValueError as error:
        raise BadDocument(f"{words}: {error}", field=field) from None


# --- Writing -----------------------------------------------------------------------------------------------


def as_yaml(journey: Journey) -> str:
    """The document as people write it: without what is as it would be anyway, and without values of secrets
    unless they are masks."""
    return yaml.dump(as_written(journey), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=110)


def as_written(journey: Journey) -> dict[str, Any]:
    """The same as a mapping."""
    given = without_defaults(as_plain(journey), Journey)
    if "secrets" in given:
        given["secrets"] = {name: value or None for name, value in journey.secrets.items()}
    if "proxy" in given:
        given["proxy"] = {name: value for name, value in given["proxy"].items() if value}
    given.pop("steps", None)
    return {**given, "steps": [_written_step(step) for step in journey.steps]}


def _written_step(step: Step) -> dict[str, Any]:
    given = without_defaults(msgspec.to_builtins(step), Step)
    if "auth" in given:
        given["auth"] = without_defaults(given["auth"], Auth)
    if "headers" in given:
        given["headers"] = _written_headers(step.headers)
    if "assertions" in given:
        given["assertions"] = [written_assertion(each) for each in step.assertions]
    if "extract" in given:
        given["extract"] = [written_extraction(each) for each in step.extract]
    return {_WRITTEN.get(name, name): value for name, value in given.items()}


def without_defaults(given: Mapping[str, Any], type_: type[msgspec.Struct]) -> dict[str, Any]:
    kept = {}
    for field in msgspec.structs.fields(type_):
        default = field.default
        if field.default_factory is not msgspec.NODEFAULT:
            default = field.default_factory()
        if field.name in given and given[field.name] != msgspec.to_builtins(default, enc_hook=str):
            kept[field.name] = given[field.name]
    return kept


def _written_headers(pairs: Iterable[tuple[str, str]]) -> Any:
    names = [name.lower() for name, _ in pairs]
    if len(set(names)) == len(names):
        return dict(pairs)
    return [list(pair) for pair in pairs]


def written_assertion(each: Assertion) -> Any:
    """A line where it can be read back as the same, else a mapping."""
    line = assertion_lines.as_line(each)
    try:
        if "\n" not in line and assertion_lines.from_line(line) == each:
            return line
    except BadAssertion:
        pass
    return msgspec.to_builtins(each)


def written_extraction(each: extracting.Extraction) -> Any:
    line = extracting.as_line(each)
    try:
        if "\n" not in line and extracting.from_line(line) == each:
            return line
    except ValueError:
        pass
    return msgspec.to_builtins(each)


def without_values(journey: Journey) -> Journey:
    """The document without the values of its secrets: fit for a repository."""
    return msgspec.structs.replace(journey, secrets=dict.fromkeys(journey.secrets, ""))


def masked(journey: Journey) -> Journey:
    shown = {name: MASK if value else "" for name, value in journey.secrets.items()}
    return msgspec.structs.replace(journey, secrets=shown)
