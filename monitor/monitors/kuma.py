"""Uptime Kuma's backup (Settings, Backup, Export) as monitors of ours, with a word on all that differs.

What cannot be judged as Kuma judged it is left out, or comes paused when only a part of it is missing.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from math import ceil
from typing import Any
from urllib.parse import unquote, urlsplit

import msgspec

from monitor.models.monitors import MAX_INTERVAL_S, MAX_RETRIES, MAX_TAGS, MAX_TIMEOUT_S, MIN_INTERVAL_S
from monitor.probing import all_kinds
from monitor.probing.assertions import Assertion

Said = dict[str, Any]
MAX_MONITORS = 5000
# Kuma asks in JSONata; a plain path means the same in JSONPath.
_PLAIN_PATH = re.compile(r"(?:\$\.)?([A-Za-z_]\w*(?:\[\d+\])?(?:\.[A-Za-z_]\w*(?:\[\d+\])?)*)")
_BODY_TYPES = {"json": "json", "xml": "xml", "form": "form"}


class BadBackup(ValueError):
    """The file is no backup of Uptime Kuma; the text says why."""


class LeftOut(Exception):
    """This monitor cannot be one of ours; the text says why."""


@dataclass(kw_only=True)
class Brought:
    """One monitor of the backup. `said` is None when it is left out; `notes` tell what changed, or why."""

    name: str
    kind: str
    said: Said | None = None
    notes: list[str] = field(default_factory=list)
    push_token: str = ""

    def lacks(self, what: str) -> None:
        """Without this it would tell of outages that are none: somebody has to look at it first."""
        self.notes.append(f"{what} It comes paused.")
        if self.said is not None:
            self.said["is_active"] = False


def read_backup(text: str | bytes) -> list[Brought]:
    """Each monitor of the file in its order. Raises BadBackup."""
    try:
        backup = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadBackup("This is not JSON.") from error
    rows = backup.get("monitorList") if isinstance(backup, dict) else None
    if isinstance(rows, dict):
        rows = list(rows.values())
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise BadBackup("This is no backup of Uptime Kuma: it has no 'monitorList'.")
    if len(rows) > MAX_MONITORS:
        raise BadBackup(f"More than {MAX_MONITORS} monitors: bring them in parts.")
    listed = backup.get("proxyList") or []
    proxies = {row.get("id"): row for row in listed if isinstance(row, dict)}
    names = dict(named(rows))
    return [brought(row, name, names, proxies) for row, name in zip(rows, names.values(), strict=True)]


def named(rows: list[Said]) -> Iterator[tuple[Any, str]]:
    """A name for each: Kuma's, with a number where two have the same."""
    given: set[str] = set()
    for place, row in enumerate(rows):
        base = str(row.get("name") or "Unnamed").strip()[:120] or "Unnamed"
        name, number = base, 1
        while name in given:
            number += 1
            name = f"{base} ({number})"
        given.add(name)
        # One without an id is nobody's parent.
        yield row.get("id", f"place {place}"), name


def brought(row: Said, name: str, names: Mapping[Any, str], proxies: Mapping[Any, Said]) -> Brought:
    known = str(row.get("type") or "")
    found = Brought(name=name, kind=known)
    try:
        kind, config = CONVERTERS.get(known, unknown_kind)(row, found)
        if kind not in {each.name for each in all_kinds()}:
            raise LeftOut(f"There is no kind {kind!r} here.")
        if row.get("upsideDown"):
            raise LeftOut("Upside down: here nothing is up because it fails.")
    except (LeftOut, ValueError, TypeError) as error:
        found.notes.append(str(error) if isinstance(error, LeftOut) else "Its options cannot be read.")
        return found
    is_active = bool(row.get("active", True))
    config = escaped(config)
    found.said = {"name": name, "kind": kind, "config": config, "is_active": is_active, **common(row, found)}
    if (parent := names.get(row.get("parent"))) is not None:
        found.said["parent"] = parent
    if kind == "http":
        take_login(row, found)
        take_proxy(row, found, proxies)
    return found


def escaped(value: Any) -> Any:
    """As a file of ours would say it, where ${NAME} is a reference."""
    if isinstance(value, dict):
        return {name: inner if name == "assertions" else escaped(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [escaped(each) for each in value]
    return value.replace("${", "$${") if isinstance(value, str) else value


def common(row: Said, found: Brought) -> Said:
    """What every monitor has, within our limits."""
    interval_s = bounded(row.get("interval"), 60, MIN_INTERVAL_S, MAX_INTERVAL_S)
    said: Said = {
        "interval_s": interval_s,
        "timeout_s": bounded(row.get("timeout"), 0.8 * interval_s, 1, min(interval_s, MAX_TIMEOUT_S)),
        "max_retries": bounded(row.get("maxretries"), 0, 0, MAX_RETRIES),
        "retry_interval_s": bounded(row.get("retryInterval"), interval_s, MIN_INTERVAL_S, MAX_INTERVAL_S),
        "description": str(row.get("description") or "")[:512],
        "tags": list(tags_of(row))[:MAX_TAGS],
        "watches_domain": bool(row.get("domainExpiryNotification")),
    }
    for name, ours in (("interval", "interval_s"), ("timeout", "timeout_s")):
        given = row.get(name)
        if given and round(float(given)) != said[ours]:
            found.notes.append(f"The {name} of {given} s became {said[ours]} s.")
    if resend := bounded(row.get("resendInterval"), 0, 0, 100_000):
        said["reminder_minutes"] = min(ceil(resend * interval_s / 60), 10_080)
        found.notes.append(
            f"Reminders after {resend} checks became reminders each {said['reminder_minutes']} min."
        )
    return said


def bounded(value: Any, usual: float, least: int, most: int) -> int:
    given = float(value) if isinstance(value, int | float | str) and value not in ("", 0, "0") else usual
    return int(min(max(round(given), least), most))


def tags_of(row: Said) -> Iterator[str]:
    for tag in row.get("tags") or []:
        words = ": ".join(str(tag[part]) for part in ("name", "value") if tag.get(part))
        if words:
            yield words[:64]


# --- Kinds -------------------------------------------------------------------------------------------------

Converted = tuple[str, Said]


def unknown_kind(row: Said, found: Brought) -> Converted:
    raise LeftOut(f"There is no kind {found.kind!r} here.")


def as_http(row: Said, found: Brought) -> Converted:
    config: Said = {
        "url": str(row.get("url") or ""),
        "method": str(row.get("method") or "GET").upper(),
        "verify_tls": not row.get("ignoreTls"),
        "accepted_statuses": [str(each) for each in row.get("accepted_statuscodes") or ["200-299"]],
        "max_redirects": min(int(row.get("maxredirects", 10)), 20),
        "cache_buster": bool(row.get("cacheBust")),
    }
    if body := row.get("body"):
        config["body"] = str(body)
        config["body_type"] = _BODY_TYPES.get(str(row.get("httpBodyEncoding") or "json"), "text")
    if headers := row.get("headers"):
        pairs = msgspec.json.decode(headers) if isinstance(headers, str) else headers
        config["headers"] = [[str(name), str(value)] for name, value in pairs.items()]
    return "http", config


def as_keyword(row: Said, found: Brought) -> Converted:
    kind, config = as_http(row, found)
    comparison = "not_contains" if row.get("invertKeyword") else "contains"
    config["assertions"] = [
        {"source": "body", "comparison": comparison, "target": str(row.get("keyword") or "")}
    ]
    return kind, config


def as_json_query(row: Said, found: Brought) -> Converted:
    kind, config = as_http(row, found)
    path = _PLAIN_PATH.fullmatch(str(row.get("jsonPath") or ""))
    comparison = str(row.get("jsonPathOperator") or "==")
    if path is None or comparison not in ("==", "!=", "<", "<=", ">", ">=", "contains"):
        raise LeftOut("Its query is more than a path: write an assertion with jsonpath instead.")
    rule = {
        "source": "jsonpath",
        "property": f"$.{path[1]}",
        "comparison": comparison,
        "target": as_value(row.get("expectedValue")),
    }
    msgspec.convert(rule, Assertion)
    config["assertions"] = [rule]
    return kind, config


def as_value(said: Any) -> Any:
    """Kuma compares texts; JSON compares values."""
    if said in ("true", "false", "null") or (isinstance(said, str) and re.fullmatch(r"-?\d+(\.\d+)?", said)):
        return msgspec.json.decode(said) if not re.fullmatch(r"-?0\d.*", said) else said
    return said


def as_tcp(row: Said, found: Brought) -> Converted:
    return "tcp", {"host": str(row["hostname"]), "port": int(row["port"])} if has_host(row) else {}


def has_host(row: Said) -> bool:
    if not row.get("hostname"):
        raise LeftOut("It names no host.")
    return True


def as_ping(row: Said, found: Brought) -> Converted:
    has_host(row)
    config = {"host": str(row["hostname"]), "count": bounded(row.get("ping_count"), 1, 1, 20)}
    return "ping", config | {"bytes": bounded(row.get("packetSize"), 56, 8, 1400)}


def as_dns(row: Said, found: Brought) -> Converted:
    has_host(row)
    resolvers = [each.strip() for each in str(row.get("dns_resolve_server") or "1.1.1.1").split(",")]
    if len(resolvers) > 1:
        found.notes.append(f"Of its resolvers only {resolvers[0]} is asked.")
    if row.get("conditions") not in (None, "", "[]", []):
        found.notes.append("Its conditions are not taken: any record will do.")
    return "dns", {
        "name": str(row["hostname"]),
        "resolver": resolvers[0],
        "port": bounded(row.get("port"), 53, 1, 65_535),
        "type": str(row.get("dns_resolve_type") or "A"),
    }


def as_push(row: Said, found: Brought) -> Converted:
    found.push_token = str(row.get("pushToken") or "")
    period_s = max(bounded(row.get("interval"), 60, 1, MAX_INTERVAL_S), 10)
    return "push", {"schedule": "simple", "period_s": period_s, "grace_s": 0}


def as_group(row: Said, found: Brought) -> Converted:
    return "group", {}


def as_manual(row: Said, found: Brought) -> Converted:
    return "manual", {"status": "down" if row.get("manual_status") == 0 else "up"}


def as_websocket(row: Said, found: Brought) -> Converted:
    return "websocket", {"url": str(row.get("url") or ""), "verify_tls": not row.get("ignoreTls")}


def as_smtp(row: Said, found: Brought) -> Converted:
    has_host(row)
    security = {"secure": "tls", "starttls": "require"}.get(str(row.get("smtpSecurity") or ""), "none")
    return "smtp", {
        "host": str(row["hostname"]),
        "port": bounded(row.get("port"), 25, 1, 65_535),
        "security": security,
    }


def as_database(kind: str, usual_port: int) -> Callable[[Said, Brought], Converted]:
    """Kuma keeps the address of a database as one URL."""

    def convert(row: Said, found: Brought) -> Converted:
        parts = urlsplit(str(row.get("databaseConnectionString") or ""))
        if not parts.hostname:
            raise LeftOut("Its connection string names no host.")
        config: Said = {"host": parts.hostname, "port": parts.port or usual_port}
        if parts.username:
            config["username"] = unquote(parts.username)
        if parts.password:
            config["password"] = unquote(parts.password)
        if kind == "redis":
            return kind, config | {"tls": parts.scheme == "rediss"}
        if database := unquote(parts.path.strip("/")):
            config["database"] = database
        if query := str(row.get("databaseQuery") or "").strip():
            config["query"] = query
        return kind, config

    return convert


CONVERTERS: Mapping[str, Callable[[Said, Brought], Converted]] = {
    "http": as_http,
    "keyword": as_keyword,
    "json-query": as_json_query,
    "port": as_tcp,
    "ping": as_ping,
    "dns": as_dns,
    "push": as_push,
    "group": as_group,
    "manual": as_manual,
    "websocket-upgrade": as_websocket,
    "smtp": as_smtp,
    "redis": as_database("redis", 6379),
    "postgres": as_database("postgres", 5432),
    "mysql": as_database("mysql", 3306),
}


# --- Logins and proxies ------------------------------------------------------------------------------------


def take_login(row: Said, found: Brought) -> None:
    method = str(row.get("authMethod") or "")
    if found.said is None or method in ("", "null"):
        return
    login = LOGINS.get(method)
    if login is None:
        found.lacks(f"Its login by {method} is not known here.")
        return
    given = {name: str(row[key]) for name, key in login.items() if row.get(key)}
    kind = {"basic": "basic", "mtls": "mtls", "oauth2-cc": "oauth2", "bearer": "bearer"}[method]
    found.said["config"]["auth"] = escaped({"type": kind, **given})
    if method == "mtls" and row.get("tlsCa"):
        found.said["config"]["authorities"] = str(row["tlsCa"])


LOGINS: Mapping[str, Mapping[str, str]] = {
    "basic": {"username": "basic_auth_user", "password": "basic_auth_pass"},
    "bearer": {"token": "bearer_token"},
    "mtls": {"certificate": "tlsCert", "key": "tlsKey"},
    "oauth2-cc": {
        "client_id": "oauth_client_id",
        "client_secret": "oauth_client_secret",
        "token_url": "oauth_token_url",
        "scope": "oauth_scopes",
        "audience": "oauth_audience",
    },
}


def take_proxy(row: Said, found: Brought, proxies: Mapping[Any, Said]) -> None:
    if found.said is None or not row.get("proxyId"):
        return
    proxy = proxies.get(row["proxyId"])
    if proxy is None:
        found.lacks("Its proxy is not in the backup.")
        return
    scheme = {"socks": "socks5"}.get(str(proxy.get("protocol")), str(proxy.get("protocol")))
    if scheme not in ("http", "socks5", "socks5h"):
        found.lacks(f"Its proxy speaks {scheme}, which is not known here.")
        return
    config: Said = {"url": f"{scheme}://{proxy.get('host')}:{proxy.get('port')}"}
    if proxy.get("auth"):
        config |= {"username": str(proxy.get("username") or ""), "password": str(proxy.get("password") or "")}
    found.said["config"]["proxy"] = escaped(config)
