"""How an http check says who it is: headers, a digest, or a token that is asked for and remembered."""

import base64
import hashlib
import os
import re
import time
from collections import OrderedDict
from typing import Annotated, Any, Literal
from urllib.parse import urlencode

import msgspec

from monitor.lib.outbound import OutboundError, UnusableUrl, parse_url
from monitor.lib.outbound.errors import BlockedTarget
from monitor.lib.outbound.fetching import fetch
from monitor.lib.outbound.lines import TlsWish
from monitor.probing.finding import Way

MAX_TOKEN_BYTES = 64 * 1024
# A token is renewed this long before its end; one that names no end is used for five minutes.
TOKEN_MARGIN_S = 30
TOKEN_DEFAULT_S = 300
MOST_TOKENS = 10_000

Text = Annotated[str, msgspec.Meta(max_length=16_384)]
SECRETS = frozenset({"auth.password", "auth.token", "auth.client_secret", "auth.key", "proxy.password"})


class Auth(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which fields count depends on the type."""

    type: Literal["none", "basic", "digest", "bearer", "api_key", "oauth2", "mtls"] = "none"
    username: Text = ""
    password: Text = ""
    token: Text = ""
    header: Annotated[str, msgspec.Meta(max_length=128, pattern=r"^[A-Za-z0-9\-_]*$")] = "X-API-Key"
    token_url: Text = ""
    client_id: Text = ""
    client_secret: Text = ""
    scope: Text = ""
    audience: Text = ""
    # Where the client's id and secret go when a token is asked for.
    client_in: Literal["header", "body"] = "header"
    # PEM.
    certificate: Text = ""
    key: Text = ""

    def __post_init__(self) -> None:
        check_needed(self)
        if self.type == "oauth2":
            try:
                parse_url(self.token_url)
            except UnusableUrl as error:
                raise ValueError(f"token_url: {error}") from None


_NEEDED = {
    "basic": ("username",),
    "digest": ("username",),
    "bearer": ("token",),
    "api_key": ("token", "header"),
    "oauth2": ("token_url", "client_id"),
    "mtls": ("certificate", "key"),
}


def check_needed(auth: Auth) -> None:
    """Raises ValueError for what its type cannot do without."""
    if missing := [name for name in _NEEDED.get(auth.type, ()) if not getattr(auth, name)]:
        raise ValueError(f"auth {auth.type} needs {' and '.join(missing)}")


class NoToken(Exception):
    """No token could be had; the message says why."""


_tokens: OrderedDict[tuple[str, ...], tuple[str, float]] = OrderedDict()


async def login_headers(auth: Auth, way: Way) -> list[tuple[str, str]]:
    """What goes with the first request; a digest answers a challenge later. Raises NoToken."""
    match auth.type:
        case "basic":
            return [("Authorization", f"Basic {_basic(auth.username, auth.password)}")]
        case "bearer":
            return [("Authorization", f"Bearer {auth.token}")]
        case "api_key":
            return [(auth.header, auth.token)]
        case "oauth2":
            return [("Authorization", f"Bearer {await _token(auth, way)}")]
    return []


def forget_token(auth: Auth, way: Way) -> None:
    """After a 401: the token may have been taken back before its end."""
    _tokens.pop(_token_key(auth, way), None)


async def _token(auth: Auth, way: Way) -> str:
    key = _token_key(auth, way)
    known = _tokens.get(key)
    if known and known[1] > time.monotonic():
        return known[0]
    token, lasts_s = await _ask_for_token(auth, way)
    _tokens[key] = (token, time.monotonic() + lasts_s)
    while len(_tokens) > MOST_TOKENS:
        _tokens.popitem(last=False)
    return token


def _token_key(auth: Auth, way: Way) -> tuple[str, ...]:
    secret = hashlib.sha256(auth.client_secret.encode()).hexdigest()
    # The monitor is part of it: nobody can borrow a token by guessing what another one asks for.
    return (way.name, auth.token_url, auth.client_id, secret, auth.scope, auth.audience)


async def _ask_for_token(auth: Auth, way: Way) -> tuple[str, float]:
    form = {"grant_type": "client_credentials", "scope": auth.scope, "audience": auth.audience}
    headers = [("Content-Type", "application/x-www-form-urlencoded"), ("Accept", "application/json")]
    if auth.client_in == "body":
        form |= {"client_id": auth.client_id, "client_secret": auth.client_secret}
    else:
        headers.append(("Authorization", f"Basic {_basic(auth.client_id, auth.client_secret)}"))
    body = urlencode({name: value for name, value in form.items() if value}).encode()
    try:
        answer = await fetch(
            "POST",
            auth.token_url,
            headers=headers,
            body=body,
            policy=way.policy,
            max_response_bytes=MAX_TOKEN_BYTES,
            resolve=way.resolve,
        )
    except BlockedTarget:
        # Our own setting, and no failure of the target.
        raise
    except OutboundError as error:
        raise NoToken(f"No token: {error}") from None
    if answer.status_code != 200:
        raise NoToken(f"No token: the token address answered {answer.status_code}.")
    try:
        given: dict[str, Any] = msgspec.json.decode(answer.body, type=dict[str, Any])
        token, lasts_s = str(given["access_token"]), float(given.get("expires_in", TOKEN_DEFAULT_S))
    except (msgspec.MsgspecError, KeyError, ValueError, TypeError):
        raise NoToken("No token: the answer of the token address holds none.") from None
    return token, max(lasts_s - TOKEN_MARGIN_S, 0)


def _basic(username: str, password: str) -> str:
    return base64.b64encode(f"{username}:{password}".encode()).decode()


def client_tls(auth: Auth, wish: TlsWish) -> TlsWish:
    """The wish with the client's own certificate, for mutual TLS."""
    if auth.type != "mtls":
        return wish
    return TlsWish(
        verify=wish.verify,
        lowest=wish.lowest,
        authorities=wish.authorities,
        certificate=auth.certificate,
        key=auth.key,
    )


_PART = re.compile(r'(\w+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,]+))')
_HASHES = {"MD5": "md5", "SHA-256": "sha256", "SHA-512-256": "sha512_256"}


def digest_answer(auth: Auth, challenge: str, *, method: str, target: str) -> str | None:
    """The Authorization header for a digest challenge (RFC 7616), or None when we cannot answer it."""
    scheme, _, rest = challenge.strip().partition(" ")
    asked = {name.lower(): quoted or bare for name, quoted, bare in _PART.findall(rest)}
    algorithm = asked.get("algorithm", "MD5")
    is_session = algorithm.lower().endswith("-sess")
    hashed = _HASHES.get(algorithm.upper().removesuffix("-SESS"))
    qops = [word.strip() for word in asked.get("qop", "").split(",") if word.strip()]
    if scheme.lower() != "digest" or hashed is None or "nonce" not in asked or (qops and "auth" not in qops):
        return None

    def digest(text: str) -> str:
        return hashlib.new(hashed, text.encode(), usedforsecurity=False).hexdigest()

    realm, nonce, cnonce, count = asked.get("realm", ""), asked["nonce"], os.urandom(8).hex(), "00000001"
    first = digest(f"{auth.username}:{realm}:{auth.password}")
    if is_session:
        first = digest(f"{first}:{nonce}:{cnonce}")
    second = digest(f"{method}:{target}")
    middle = f"{nonce}:{count}:{cnonce}:auth" if qops else nonce
    parts = [
        f'username="{auth.username}"',
        f'realm="{realm}"',
        f'nonce="{nonce}"',
        f'uri="{target}"',
        f"algorithm={algorithm}",
        f'response="{digest(f"{first}:{middle}:{second}")}"',
    ]
    if qops:
        parts += ["qop=auth", f"nc={count}", f'cnonce="{cnonce}"']
    if "opaque" in asked:
        parts.append(f'opaque="{asked["opaque"]}"')
    return f"Digest {', '.join(parts)}"
