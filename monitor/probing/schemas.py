"""JSON Schema: whether a document keeps it, and where it does not."""

import json
from functools import lru_cache
from typing import Any

import jsonschema_rs

from monitor.probing.bounds import BadAssertion
from monitor.probing.showing import shown


@lru_cache(maxsize=256)
def compiled_schema(schema: str) -> Any:
    """A validator that reads no other address and whose patterns take linear time."""
    try:
        return jsonschema_rs.validator_for(
            json.loads(schema), offline=True, pattern_options=jsonschema_rs.RegexOptions()
        )
    except (ValueError, TypeError, jsonschema_rs.ValidationError, jsonschema_rs.ReferencingError) as error:
        raise BadAssertion(f"The JSON Schema is not valid: {shown(str(error).splitlines()[0])}") from None


def broken(schema: Any, document: Any) -> tuple[bool, str]:
    error = next(compiled_schema(json.dumps(schema)).iter_errors(document), None)
    if error is None:
        return False, "valid"
    place = "/".join(map(str, error.instance_path))
    return True, f"/{place}: {shown(error.message)}"
