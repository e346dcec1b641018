"""One health step for each safe operation of an OpenAPI document: 3.x, and Swagger 2.0."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote, urljoin

from monitor.journeys.document import BadDocument
from monitor.journeys.imports.bringing import BadImport, Imported
from monitor.journeys.written import plain_of

SAFE = ("get", "head")
MOST_REFS_DEEP = 10
# Stands in for a value that the document gives no example of.
_BY_TYPE = {"integer": 1, "number": 1, "boolean": True}


def read_openapi(text: str) -> Imported:
    """Raises BadImport."""
    given = _as_json(text)
    try:
        # JSON is YAML, too, but read as that a megabyte takes many seconds.
        given = plain_of(text) if given is None else given
    except BadDocument as error:
        raise BadImport(error.message) from None
    if not isinstance(given.get("paths"), Mapping) or not ("openapi" in given or "swagger" in given):
        raise BadImport("This is no OpenAPI document: it needs 'openapi' and 'paths'.")
    info = given.get("info") if isinstance(given.get("info"), Mapping) else {}
    brought = Imported(name=str((info or {}).get("title") or "API"), options={"on_failure": "continue"})
    brought.variables["base_url"] = _base(given, brought)
    left_out = 0
    for path, item in given["paths"].items():
        if not isinstance(item, Mapping):
            continue
        for method, operation in item.items():
            if method in SAFE and isinstance(operation, Mapping):
                _take(given, str(path), method, item, operation, brought)
            elif method in ("post", "put", "patch", "delete"):
                left_out += 1
    if left_out:
        brought.note("note", "document", f"{left_out} operations that change something are left out.")
    if not brought.steps:
        raise BadImport("The document has no operation that is safe to call.")
    return brought


def _as_json(text: str) -> dict[str, Any] | None:
    if not text.lstrip().startswith("{"):
        return None
    try:
        given = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return given if isinstance(given, dict) else None


def _base(given: Mapping[str, Any], brought: Imported) -> str:
    servers = given.get("servers")
    first = servers[0] if isinstance(servers, list) and servers and isinstance(servers[0], Mapping) else {}
    url = str(first.get("url") or "")
    for name, said in (first.get("variables") or {}).items():
        url = url.replace(f"{{{name}}}", str(said.get("default", "")) if isinstance(said, Mapping) else "")
    if "swagger" in given and given.get("host"):
        schemes = given.get("schemes") or ["https"]
        url = f"{schemes[0]}://{given['host']}{given.get('basePath') or ''}"
    if not url.startswith(("http://", "https://")):
        brought.note("note", "document", "it names no server: give the variable base_url.")
        url = urljoin("http://localhost/", url) if url else "http://localhost"
    return url.rstrip("/")


def _take(
    given: Mapping[str, Any],
    path: str,
    method: str,
    item: Mapping[str, Any],
    operation: Mapping[str, Any],
    brought: Imported,
) -> None:
    name = brought.unique(
        str(operation.get("summary") or operation.get("operationId") or f"{method.upper()} {path}")
    )
    if operation.get("deprecated"):
        brought.note("note", name, "left out: it is deprecated.")
        return
    query: list[str] = []
    headers: list[list[str]] = []
    for parameter in _parameters(given, item, operation):
        place, key = parameter.get("in"), str(parameter.get("name") or "")
        if place != "path" and not parameter.get("required"):
            continue
        value = _example(given, parameter, key, name, brought)
        if place == "path":
            path = path.replace(f"{{{key}}}", value)
        elif place == "query":
            query.append(f"{quote(key)}={value}")
        elif place == "header":
            headers.append([key, value])
    step: dict[str, Any] = {
        "name": name,
        "method": method.upper(),
        "url": "{{base_url}}" + re.sub(r"(?<!\{)\{([^{}]+)\}(?!\})", r"{{\1}}", path),
        "headers": headers,
        "assertions": [{"source": "status", "comparison": "in", "target": ["2xx"]}],
    }
    _sign_in(given, operation, step, query, brought)
    if query:
        step["url"] += f"?{'&'.join(query)}"
    if method == "get" and _answers_json(given, operation):
        step["assertions"].append(
            {"source": "header", "property": "content-type", "comparison": "contains", "target": "json"}
        )
    brought.add(step)


def _parameters(
    given: Mapping[str, Any], item: Mapping[str, Any], operation: Mapping[str, Any]
) -> Iterator[Mapping[str, Any]]:
    """Those of the operation go before those of its path."""
    found: dict[tuple[Any, Any], Mapping[str, Any]] = {}
    for holder in (item, operation):
        listed = holder.get("parameters")
        for each in listed if isinstance(listed, list) else []:
            parameter = resolved(given, each)
            found[parameter.get("in"), parameter.get("name")] = parameter
    yield from found.values()


def resolved(given: Mapping[str, Any], value: Any) -> Mapping[str, Any]:
    """What a reference within the document stands for; nothing for one that leads elsewhere."""
    for _ in range(MOST_REFS_DEEP):
        if not isinstance(value, Mapping):
            return {}
        place = value.get("$ref")
        if not isinstance(place, str):
            return value
        value = given
        for part in place.removeprefix("#/").split("/") if place.startswith("#/") else ["?"]:
            part = part.replace("~1", "/").replace("~0", "~")
            value = value.get(part) if isinstance(value, Mapping) else None
    return {}


def _example(
    given: Mapping[str, Any], parameter: Mapping[str, Any], key: str, step: str, brought: Imported
) -> str:
    schema = resolved(given, parameter.get("schema") or parameter)
    examples = resolved(given, parameter.get("examples"))
    listed = [resolved(given, each).get("value") for each in examples.values()]
    tried = (parameter.get("example"), *listed, schema.get("example"), schema.get("default"))
    found = next((each for each in tried if each is not None), None)
    if found is None and isinstance(schema.get("enum"), list) and schema["enum"]:
        found = schema["enum"][0]
    if found is None:
        found = _BY_TYPE.get(str(schema.get("type")))
    if found is None:
        name = re.sub(r"[^A-Za-z0-9_]+", "_", key) or "value"
        brought.note("note", step, f"there is no example of {key}: give the variable {name}.")
        return "{{" + name + "}}"
    return quote(str(found).lower() if isinstance(found, bool) else str(found), safe="")


def _sign_in(
    given: Mapping[str, Any],
    operation: Mapping[str, Any],
    step: dict[str, Any],
    query: list[str],
    brought: Imported,
) -> None:
    """The first way to sign in that we can go; its secret is a variable that is still to be given."""
    asked = operation.get("security", given.get("security"))
    asked = asked if isinstance(asked, list) else []
    if not asked or {} in asked:
        return
    components = given.get("components") if isinstance(given.get("components"), Mapping) else {}
    schemes = (components or {}).get("securitySchemes") or given.get("securityDefinitions") or {}
    for name in (name for each in asked if isinstance(each, Mapping) for name in each):
        scheme = resolved(given, schemes.get(name))
        kind = (scheme.get("type"), str(scheme.get("scheme") or "").lower())
        if kind == ("http", "bearer") or kind[0] in ("oauth2", "openIdConnect"):
            step["auth"] = {"type": "bearer", "token": brought.secret("token", "")}
        elif kind == ("http", "basic") or kind[0] == "basic":
            step["auth"] = {
                "type": "basic",
                "username": "{{username}}",
                "password": brought.secret("password", ""),
            }
            brought.variables.setdefault("username", "")
        elif kind[0] == "apiKey" and scheme.get("in") == "header":
            step["headers"].append([str(scheme.get("name")), brought.secret("api_key", "")])
        elif kind[0] == "apiKey" and scheme.get("in") == "query":
            query.append(f"{scheme.get('name')}={brought.secret('api_key', '')}")
        else:
            continue
        brought.note("note", step["name"], f"it asks for a login ({name}): give its secret.")
        return
    brought.note("unsupported", step["name"], "its login cannot be made here.")


def _answers_json(given: Mapping[str, Any], operation: Mapping[str, Any]) -> bool:
    answers = operation.get("responses") if isinstance(operation.get("responses"), Mapping) else {}
    good = [resolved(given, each) for code, each in (answers or {}).items() if str(code).startswith("2")]
    contents = [each.get("content") for each in good]
    return bool(good) and all(
        isinstance(content, Mapping) and any("json" in str(kind) for kind in content) for content in contents
    )
