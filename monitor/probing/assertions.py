"""What an answer must be like: the source of a value, a comparison, and what it is compared with."""

import json
from typing import Annotated, Any, Literal

import msgspec

from monitor.probing.bounds import BadAssertion
from monitor.probing.comparing import WITHOUT_TARGET, Comparison, check_comparison
from monitor.probing.paths import compiled_path
from monitor.probing.schemas import compiled_schema

Source = Literal[
    "status",
    "response_ms",
    "header",
    "body",
    "body_bytes",
    "jsonpath",
    "json_schema",
    "tls_days",
    "tls_version",
    "redirects",
]
WITH_PROPERTY = frozenset({"header", "jsonpath"})


class Assertion(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Something the answer must be. A warning makes the monitor slow rather than down."""

    source: Source
    property: Annotated[str, msgspec.Meta(max_length=1024)] = ""
    comparison: Comparison = "=="
    target: Any = None
    severity: Literal["fail", "warn"] = "fail"

    def __post_init__(self) -> None:
        try:
            check_assertion(self)
        except BadAssertion as error:
            raise ValueError(str(error)) from None


def check_assertion(assertion: Assertion) -> None:
    """Raises BadAssertion for what could never be judged, so that a form can say so."""
    source, comparison, target = assertion.source, assertion.comparison, assertion.target
    if source in WITH_PROPERTY and not assertion.property:
        raise BadAssertion(f"{source} needs the name of a {'header' if source == 'header' else 'path'}.")
    if source == "jsonpath":
        compiled_path(assertion.property)
    if source == "json_schema":
        compiled_schema(json.dumps(target))
        return
    if comparison == "valid":
        raise BadAssertion("'valid' belongs to json_schema.")
    if comparison not in WITHOUT_TARGET and target is None and source != "jsonpath":
        raise BadAssertion(f"'{comparison}' needs something to compare with.")
    check_comparison(comparison, target)
