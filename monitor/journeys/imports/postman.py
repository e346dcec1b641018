"""Postman collections 2.1 (and 2.0), environments and rows of data.

Format: https://schema.getpostman.com/json/collection/v2.1.0/docs/index.html
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import msgspec

from monitor.journeys.imports.bringing import MOST_BODY, BadImport, Imported, form_encoded, kept_headers
from monitor.journeys.imports.scripts import Read, read_script
from monitor.journeys.templates import DYNAMIC, HOLE, NAME
from monitor.lib.kept_text import RULES
from monitor.probing.kinds.http import METHODS

MOST_FOLDERS_DEEP = 20
# A script, as a step may hold it, and those of all requests together with what they have from their folders.
MOST_SCRIPT, MOST_SCRIPTS = 65_536, 4 * 1024 * 1024
BOUNDARY = "journey-form-boundary-7d1c"
# Newman passes whatever its tests pass, so does a journey that came from it.
ANY_STATUS = ["100-599"]
Event = Literal["prerequest", "test"]


@dataclass(frozen=True, kw_only=True)
class _Around:
    """What a request has from the folders it lies in."""

    path: tuple[str, ...] = ()
    auth: Any = None
    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()


def is_collection(given: Any) -> bool:
    info = given.get("info") if isinstance(given, Mapping) else None
    return isinstance(info, Mapping) and isinstance(given.get("item"), list)


def read_collection(
    given: Mapping[str, Any],
    *,
    environment: Mapping[str, Any] | None = None,
    rows: Sequence[Mapping[str, Any]] = (),
    plain: bool = True,
) -> Imported:
    """The journey of a collection, with a line of the report for every script and for all that is left out.

    `plain` turns common tests into assertions; without it every script runs as it is. Raises BadImport.
    """
    if not is_collection(given):
        raise BadImport("This is no Postman collection: it needs 'info' and 'item'.")
    # Postman goes on after a test that failed.
    brought = Imported(
        name=str(given["info"].get("name") or "Collection"), options={"on_failure": "continue"}
    )
    _take_variables(brought, given.get("variable"))
    if environment is not None:
        values = environment.get("values")
        _take_variables(brought, values if isinstance(values, list) else as_values(environment))
    brought.rows = [{str(name): value for name, value in row.items()} for row in rows]
    around = _around(_Around(), given, brought, plain)
    _walk(given["item"], around, brought, plain)
    if not brought.steps:
        raise BadImport("The collection holds no request that can be sent.")
    return brought


def values_of(values: Sequence[Any]) -> dict[str, Any]:
    """Name and value of those that are enabled."""
    return {
        str(each["key"]): each.get("value", "")
        for each in values
        if isinstance(each, Mapping) and each.get("key") and _is_on(each)
    }


def as_values(environment: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [{"key": name, "value": value} for name, value in environment.items()]


def _is_on(each: Mapping[str, Any]) -> bool:
    return not each.get("disabled") and each.get("enabled", True) is not False


def _take_variables(brought: Imported, given: Any) -> None:
    listed = given if isinstance(given, list) else []
    for each in listed:
        if not isinstance(each, Mapping) or not each.get("key") or not _is_on(each):
            continue
        name, value = str(each["key"]), each.get("value", "")
        if each.get("type") == "secret" or (isinstance(value, str) and RULES.is_sensitive_key(name)):
            brought.secrets[name] = str(value or "")
            brought.variables.pop(name, None)
        else:
            brought.variables[name] = value


def _walk(items: Any, around: _Around, brought: Imported, plain: bool) -> None:
    for item in items if isinstance(items, list) else []:
        if not isinstance(item, Mapping):
            continue
        if isinstance(item.get("item"), list):
            if len(around.path) >= MOST_FOLDERS_DEEP:
                raise BadImport(f"Folders lie within each other {MOST_FOLDERS_DEEP} deep at most.")
            _walk(item["item"], _around(around, item, brought, plain), brought, plain)
        elif item.get("request") is not None:
            _take_request(item, around, brought, plain)


def _around(around: _Around, item: Mapping[str, Any], brought: Imported, plain: bool) -> _Around:
    """With what a folder, or the collection, adds."""
    name = str(item.get("name") or "") if "info" not in item else ""
    before, after = _scripts(item, name or "collection", brought)
    return replace(
        around,
        path=(*around.path, name) if name else around.path,
        auth=item.get("auth") or around.auth,
        before=(*around.before, *before),
        after=(*around.after, *after),
    )


def _take_request(item: Mapping[str, Any], around: _Around, brought: Imported, plain: bool) -> None:
    request = item["request"] if isinstance(item["request"], Mapping) else {"url": item["request"]}
    name = brought.unique(str(item.get("name") or request.get("method") or "Request"))
    method = str(request.get("method") or "GET").upper()
    if method not in METHODS:
        brought.note("unsupported", name, f"left out: the method {method[:20]} cannot be sent.")
        return
    step: dict[str, Any] = {
        "name": name,
        "method": method,
        "url": _url(request.get("url"), brought),
        "headers": kept_headers(_headers(request.get("header"))),
        "statuses": ANY_STATUS,
    }
    if not step["url"]:
        brought.note("unsupported", name, "left out: it has no URL.")
        return
    _take_body(request.get("body"), step, brought)
    _take_auth(request.get("auth") or around.auth, step, brought)
    _take_behaviour(item.get("protocolProfileBehavior"), step, brought)
    before, after = _scripts(item, name, brought)
    _take_scripts("prerequest", (*around.before, *before), step, brought, plain=False)
    _take_scripts("test", (*around.after, *after), step, brought, plain=plain)
    _tell_names(step, brought)
    brought.add(step)


def _url(given: Any, brought: Imported) -> str:
    if isinstance(given, Mapping):
        text = str(given.get("raw") or "") or _joined(given)
        for each in given.get("variable") or []:
            if isinstance(each, Mapping) and each.get("key"):
                key, value = re.escape(str(each["key"])), str(each.get("value") or "")
                text = re.sub(rf"(?<=/):{key}(?=[/?#]|$)", lambda _, value=value: value, text)  # type: ignore[misc] # bound now
    else:
        text = str(given or "")
    text = text.strip()
    first = HOLE.match(text)
    if first and isinstance(known := brought.variables.get(first[1]), str):
        return text if "://" in known or "{{" in known else f"http://{text}"
    return text if not text or "://" in text or first else f"http://{text}"


def _joined(given: Mapping[str, Any]) -> str:
    def joined(part: Any, sign: str) -> str:
        return sign.join(map(str, part)) if isinstance(part, list) else str(part or "")

    host, path = joined(given.get("host"), "."), joined(given.get("path"), "/")
    port = f":{given['port']}" if given.get("port") else ""
    pairs = [
        f"{each.get('key') or ''}={each.get('value') or ''}"
        for each in given.get("query") or []
        if isinstance(each, Mapping) and _is_on(each)
    ]
    scheme = f"{given['protocol']}://" if given.get("protocol") else ""
    return f"{scheme}{host}{port}/{path}" + (f"?{'&'.join(pairs)}" if pairs else "")


def _headers(given: Any) -> list[tuple[str, str]]:
    if isinstance(given, str):
        pairs = [line.partition(":") for line in given.splitlines() if ":" in line]
        return [(name.strip(), value.strip()) for name, _, value in pairs]
    return [
        (str(each["key"]).strip(), str(each.get("value") or ""))
        for each in given or []
        if isinstance(each, Mapping) and each.get("key") and _is_on(each)
    ]


# --- Bodies ------------------------------------------------------------------------------------------------


def _take_body(given: Any, step: dict[str, Any], brought: Imported) -> None:
    if not isinstance(given, Mapping) or given.get("disabled"):
        return
    mode = given.get("mode")
    match mode:
        case "raw":
            step["body"] = str(given.get("raw") or "")
            language = ((given.get("options") or {}).get("raw") or {}).get("language", "text")
            step["body_type"] = language if language in ("json", "xml") else "text"
        case "urlencoded":
            step["body"] = form_encoded(values_of(given.get("urlencoded") or []).items())
            step["body_type"] = "form"
        case "graphql":
            asked = given.get("graphql") or {}
            step["body"], step["body_type"] = _graphql(asked), "json"
        case "formdata":
            _take_form(given.get("formdata") or [], step, brought)
        case "file":
            brought.note(
                "unsupported", step["name"], "the body is a file, which is not here: it is sent empty."
            )
    if len(step.get("body", "")) > MOST_BODY:
        step["body"] = ""
        brought.note("unsupported", step["name"], "the body is longer than 64 KiB: it is sent empty.")
    has_type = any(name.lower() == "content-type" for name, _ in step["headers"])
    if has_type and step.get("body_type") != "form":
        step["body_type"] = "none"


def _graphql(asked: Mapping[str, Any]) -> str:
    variables = asked.get("variables") or "{}"
    if not isinstance(variables, str):
        variables = msgspec.json.encode(variables).decode()
    query = msgspec.json.encode(str(asked.get("query") or "")).decode()
    return f'{{"query": {query}, "variables": {variables.strip() or "{}"}}}'


def _take_form(given: Sequence[Any], step: dict[str, Any], brought: Imported) -> None:
    parts = []
    for each in given:
        if not isinstance(each, Mapping) or not each.get("key") or not _is_on(each):
            continue
        name = str(each["key"])
        if each.get("type") == "file":
            brought.note("unsupported", step["name"], f"the form's file {name} is not here: it is left out.")
            continue
        value = str(each.get("value") or "")
        if value and not HOLE.search(value) and RULES.is_sensitive_key(name):
            value = brought.secret(name, value)
        quoted = name.replace('"', "%22")
        parts.append(f'--{BOUNDARY}\nContent-Disposition: form-data; name="{quoted}"\n\n{value}\n')
    step["body"] = f"{''.join(parts)}--{BOUNDARY}--\n"
    step["headers"] = [
        *(pair for pair in step["headers"] if pair[0].lower() != "content-type"),
        ["Content-Type", f"multipart/form-data; boundary={BOUNDARY}"],
    ]


# --- Signing in --------------------------------------------------------------------------------------------


def _take_auth(given: Any, step: dict[str, Any], brought: Imported) -> None:
    if not isinstance(given, Mapping) or given.get("type") in (None, "noauth"):
        return
    kind = str(given["type"])
    listed = given.get(kind)
    said = values_of(listed) if isinstance(listed, list) else dict(listed or {})

    def hidden(name: str, value: Any) -> str:
        text = str(value or "")
        return text if not text or HOLE.search(text) else brought.secret(name, text)

    match kind:
        case "basic" | "digest":
            step["auth"] = {
                "type": kind,
                "username": str(said.get("username") or ""),
                "password": hidden("password", said.get("password")),
            }
        case "bearer":
            step["auth"] = {"type": "bearer", "token": hidden("token", said.get("token"))}
        case "apikey":
            _take_key(str(said.get("key") or "X-API-Key"), hidden("api_key", said.get("value")), said, step)
        case "oauth2" if said.get("grant_type") == "client_credentials" and said.get("accessTokenUrl"):
            step["auth"] = {
                "type": "oauth2",
                "token_url": str(said["accessTokenUrl"]),
                "client_id": str(said.get("clientId") or ""),
                "client_secret": hidden("client_secret", said.get("clientSecret")),
                "scope": str(said.get("scope") or ""),
                "client_in": "body" if said.get("client_authentication") == "body" else "header",
            }
        case "oauth2" if said.get("accessToken"):
            step["auth"] = {"type": "bearer", "token": hidden("access_token", said["accessToken"])}
            brought.note(
                "partly", step["name"], "OAuth 2: the token is used as it is, and not asked for anew."
            )
        case _:
            brought.note("unsupported", step["name"], f"the login {kind[:20]} is not made here.")
    if not _is_complete(step.get("auth")):
        step.pop("auth", None)
        brought.note("partly", step["name"], f"the login {kind[:20]} is empty and left out.")


def _is_complete(auth: Any) -> bool:
    needed = {"basic": "username", "digest": "username", "bearer": "token", "oauth2": "client_id"}
    return auth is None or bool(auth.get(needed.get(auth["type"], "type")))


def _take_key(name: str, value: str, said: Mapping[str, Any], step: dict[str, Any]) -> None:
    if said.get("in") == "query":
        sign = "&" if "?" in step["url"] else "?"
        step["url"] = f"{step['url']}{sign}{name}={value}"
    else:
        step["headers"].append([name, value])


def _take_behaviour(given: Any, step: dict[str, Any], brought: Imported) -> None:
    said = given if isinstance(given, Mapping) else {}
    if said.get("followRedirects") is False:
        step["max_redirects"] = 0
    if said.get("strictSSL") is False:
        brought.options["verify_tls"] = False
        brought.note("note", step["name"], "certificates are not verified, in all steps.")
    for name in sorted(set(said) - {"followRedirects", "strictSSL", "disableBodyPruning"}):
        brought.note("unsupported", step["name"], f"{name[:40]} has no effect here.")


# --- Scripts -----------------------------------------------------------------------------------------------


def _scripts(item: Mapping[str, Any], name: str, brought: Imported) -> tuple[list[str], list[str]]:
    found: dict[str, list[str]] = {"prerequest": [], "test": []}
    for event in item.get("event") or []:
        if not isinstance(event, Mapping) or event.get("listen") not in found or event.get("disabled"):
            continue
        script = event.get("script") or {}
        lines = script.get("exec") if isinstance(script, Mapping) else script
        text = "\n".join(map(str, lines)) if isinstance(lines, list) else str(lines or "")
        if isinstance(script, Mapping) and script.get("src"):
            brought.note("unsupported", name, f"the {event['listen']} script is in another file.")
        if text.strip():
            found[event["listen"]].append(text)
    return found["prerequest"], found["test"]


def _take_scripts(
    event: Event, scripts: Sequence[str], step: dict[str, Any], brought: Imported, *, plain: bool
) -> None:
    where = f"{step['name']}, {event} script"
    left: list[str] = []
    for script in scripts:
        brought.script_characters += len(script)
        if len(script) > MOST_SCRIPT or brought.script_characters > MOST_SCRIPTS:
            brought.note("unsupported", where, "it is longer than what is read of scripts: left out.")
            continue
        read = read_script(script, plain=plain)
        for line, words in read.problems:
            brought.note("unsupported", where, f"{words} is left out with its statement.", line=line)
        step.setdefault("assertions", []).extend(read.assertions)
        step.setdefault("extract", []).extend(read.extract)
        if read.script:
            left.append(read.script)
        became = len(read.assertions) + len(read.extract)
        brought.note(read.fate, where, _how(became, read))
    if left:
        # Each in a scope of its own, as Postman runs them.
        step["before" if event == "prerequest" else "after"] = (
            left[0] if len(left) == 1 else "\n".join(f"(() => {{\n{each}\n}})();" for each in left)
        )


def _how(became: int, read: Read) -> str:
    if not read.runs_something:
        return "nothing of it can run."
    plain = f"{became} plain assertions or extractions" if became else ""
    return " and ".join(filter(None, [plain, "a script" if read.script else ""])) + "."


def _tell_names(step: Mapping[str, Any], brought: Imported) -> None:
    """What is no variable here: other dynamic ones, and names with spaces."""
    texts = [step["url"], step.get("body", ""), *(value for _, value in step["headers"])]
    names = {name for text in texts for name in HOLE.findall(text)}
    for name in sorted(names):
        if name.startswith("$") and name not in DYNAMIC:
            brought.note("unsupported", step["name"], f"the dynamic variable {name} is not made here.")
        elif not name.startswith("$") and not NAME.fullmatch(name):
            brought.note(
                "unsupported", step["name"], f"the variable {name!r} has a name that cannot be kept."
            )
