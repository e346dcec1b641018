"""The fields and messages of a validation error, from the bodies that frameworks answer with.

Known: FastAPI and pydantic (`detail: [{loc, msg}]`), Problem Details with `errors` or `invalid-params`
(RFC 9457, 7807), JSON:API, Rails and Laravel (`errors: {field: [message]}`), ASP.NET, Symfony's
`violations`, Zod's `issues`, and Django REST framework, whose whole body is `{field: [message]}`. Pure.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from monitor.issues.messages import field_path
from monitor.lib.masking import is_masked

# Beyond so many a request tells nothing new about what its sender misunderstood.
MAX_FOUND = 20
MAX_DEPTH = 8
LISTS = ("errors", "detail", "issues", "violations", "invalid-params", "invalid_params", "details")
MESSAGES = ("msg", "message", "detail", "reason", "title", "description", "defaultMessage")
FIELDS = ("loc", "pointer", "field", "attr", "path", "param", "name", "property", "propertyPath")
# Names for "the whole of it".
WHOLE = frozenset({"non_field_errors", "__all__", "__root__", "base", "detail"})
Found = tuple[str, str]

_decode = msgspec.json.Decoder().decode


def read_body(body: str | None) -> Any:
    """The JSON of a body, None where there is none."""
    try:
        return _decode(body) if body else None
    except (msgspec.DecodeError, RecursionError):
        return None


def validation_errors(document: Any) -> list[Found]:
    """Pairs of field and message, each once, in the order of the body; empty for any other document.

    The field is empty for what is wrong with the whole request.
    """
    found: dict[Found, None] = {}
    for field, message in _of_document(document):
        if len(found) == MAX_FOUND:
            break
        found[field_path(field), message] = None
    return list(found)


def message_of(document: Any) -> str:
    """What a body says happened, in one text; empty when it does not say."""
    if not isinstance(document, Mapping):
        return ""
    for name in ("detail", "message", "error_description", "error", "title", "msg"):
        value = document.get(name)
        if isinstance(value, Mapping):
            value = value.get("message")
        if isinstance(value, str) and value.strip():
            return value
    return ""


Pair = tuple[list[str | int], str]


def _of_document(document: Any) -> Iterator[Pair]:
    if isinstance(document, list):
        yield from _of_list(document, [], texts=False)
        return
    if not isinstance(document, Mapping):
        return
    for name in LISTS:
        value = document.get(name)
        if isinstance(value, list) and (pairs := list(_of_list(value, [], texts=name == "errors"))):
            yield from pairs
            return
        if isinstance(value, Mapping) and (pairs := list(_of_fields(value, [], texts=True))):
            yield from pairs
            return
    if isinstance(inner := document.get("error"), Mapping):
        yield from _of_document(inner)
        return
    # Nothing names itself: a body made of nothing but fields and lists of messages is DRF's own.
    if document and all(_is_messages(value) for value in document.values()):
        yield from _of_fields(document, [], texts=False)


def _is_messages(value: Any, depth: int = 0) -> bool:
    if is_masked(value) if isinstance(value, str) else False:
        return True
    if depth > MAX_DEPTH:
        return False
    if isinstance(value, list):
        return bool(value) and all(isinstance(each, str) or _is_messages(each, depth + 1) for each in value)
    return isinstance(value, Mapping) and all(_is_messages(each, depth + 1) for each in value.values())


def _of_list(items: Sequence[Any], before: list[str | int], *, texts: bool) -> Iterator[Pair]:
    """Each item with a message; plain texts only where it is sure that they are errors."""
    for item in items:
        if isinstance(item, str) and texts:
            yield before, item
        elif isinstance(item, Mapping) and (message := _first_text(item, MESSAGES)):
            yield [*before, *_field_of(item)], message
        elif isinstance(item, Mapping) and before and len(before) < MAX_DEPTH:
            yield from _of_fields(item, [*before, 0], texts=texts)


def _of_fields(fields: Mapping[str, Any], before: list[str | int], *, texts: bool) -> Iterator[Pair]:
    """`{field: messages}`, however deep."""
    for name, value in fields.items():
        place = before if name in WHOLE else [*before, *_steps(name)]
        if isinstance(value, str):
            if texts or is_masked(value):
                yield place, value
        elif isinstance(value, list):
            yield from _of_list(value, place, texts=True)
        elif isinstance(value, Mapping):
            if message := _first_text(value, MESSAGES):
                yield place, message
            elif len(before) < MAX_DEPTH:
                yield from _of_fields(value, place, texts=texts)


def _first_text(item: Mapping[str, Any], names: Sequence[str]) -> str:
    return next((item[name] for name in names if isinstance(item.get(name), str) and item[name].strip()), "")


def _field_of(item: Mapping[str, Any]) -> list[str | int]:
    """Which field an item speaks of, as the names that lead to it."""
    source = item.get("source")
    named = {**item, **source} if isinstance(source, Mapping) else item
    for name in ("parameter", *FIELDS):
        value = named.get(name)
        if isinstance(value, str) and value:
            return [] if value in WHOLE else _steps(value)
        if isinstance(value, list) and value and all(isinstance(each, str | int) for each in value):
            return list(value)
    return []


def _steps(name: str) -> list[str | int]:
    """A JSON pointer or a dotted name as its steps."""
    if name.startswith(("#/", "/")):
        return [step.replace("~1", "/").replace("~0", "~") for step in name.lstrip("#").split("/") if step]
    return [step for step in name.split(".") if step] or [name]
