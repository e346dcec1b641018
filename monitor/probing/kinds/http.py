"""http and https: one request, its answer held against what it must be like."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Literal
from urllib.parse import urlencode, urlsplit

import msgspec

from monitor.lib import masking
from monitor.lib.kept_text import RULES
from monitor.lib.outbound import BadHeader, OutboundError, UnusableUrl, parse_url
from monitor.lib.outbound.errors import BlockedTarget, TlsFailed
from monitor.lib.outbound.fetching import Fetched, fetch
from monitor.lib.outbound.lines import TlsWish
from monitor.lib.outbound.proxies import Proxy, parse_proxy
from monitor.lib.outbound.turns import take_turn
from monitor.probing.assertions import Assertion
from monitor.probing.bounds import JUDGING
from monitor.probing.certificates import Certificate, certificate_of, read_certificate
from monitor.probing.comparing import code_range
from monitor.probing.finding import Finding, Outcome, OwnError, Way
from monitor.probing.judging import Subject, Verdict, judge_all
from monitor.probing.logins import (
    SECRETS,
    Auth,
    NoToken,
    client_tls,
    digest_answer,
    forget_token,
    login_headers,
)
from monitor.probing.registry import LOWEST_TLS, Field, Kind
from monitor.probing.showing import Hide, nothing_hidden

MAX_READ_BYTES = 1024 * 1024
KEPT_CHARACTERS = 4096
KEPT_HEADERS = 60
MOST_ASSERTIONS = 50

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
_TYPES = {
    "json": "application/json",
    "graphql": "application/json",
    "form": "application/x-www-form-urlencoded",
    "xml": "application/xml",
    "text": "text/plain; charset=utf-8",
}


class ProxyOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """http://host:port or socks5://host:port; empty for none."""

    url: Annotated[str, msgspec.Meta(max_length=512)] = ""
    username: Annotated[str, msgspec.Meta(max_length=255)] = ""
    password: Annotated[str, msgspec.Meta(max_length=255)] = ""

    def __post_init__(self) -> None:
        if self.url:
            parse_proxy(self.url)

    def parsed(self) -> Proxy | None:
        if not self.url:
            return None
        return parse_proxy(self.url, username=self.username, password=self.password)


class HttpOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    url: Annotated[str, msgspec.Meta(max_length=8192)]
    method: Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] = "GET"
    headers: Annotated[list[tuple[str, str]], msgspec.Meta(max_length=50)] = []
    body: Annotated[str, msgspec.Meta(max_length=65_536)] = ""
    body_type: Literal["none", "json", "form", "xml", "text", "graphql"] = "none"
    # Codes, ranges and classes: 200, 200-299, 2xx.
    accepted_statuses: Annotated[list[str], msgspec.Meta(min_length=1, max_length=30)] = msgspec.field(
        default_factory=lambda: ["200-299"]
    )
    max_redirects: Annotated[int, msgspec.Meta(ge=0, le=20)] = 10
    auth: Auth = Auth()
    proxy: ProxyOptions = ProxyOptions()
    verify_tls: bool = True
    lowest_tls: Literal["", "1.2", "1.3"] = ""
    authorities: Annotated[str, msgspec.Meta(max_length=65_536)] = ""
    ip_family: Literal[0, 4, 6] = 0
    # A parameter that is new each time, so that no cache answers.
    cache_buster: bool = False
    assertions: Annotated[list[Assertion], msgspec.Meta(max_length=MOST_ASSERTIONS)] = []
    save_answer: bool = True

    def __post_init__(self) -> None:
        try:
            parse_url(self.url)
        except UnusableUrl as error:
            raise ValueError(f"url: {error}") from None
        for code in self.accepted_statuses:
            if code_range(code) is None and not re.fullmatch(r"[1-9]\d{2}", code):
                raise ValueError(
                    f"accepted_statuses: {code[:20]!r} is no code, range (200-299) or class (2xx)"
                )


def accepts(options: HttpOptions, status_code: int) -> bool:
    for code in options.accepted_statuses:
        lowest, highest = code_range(code) or (int(code), int(code))
        if lowest <= status_code <= highest:
            return True
    return False


async def probe(options: HttpOptions, way: Way) -> Finding:
    """The caller bounds the time. Raises OwnError when we cannot look at all."""
    try:
        answer = await answered(options, way)
    except NoToken as error:
        return Finding(outcome=Outcome.FAILED, message=str(error))
    except BlockedTarget:
        # Our own setting says so; whether the target is well nobody knows.
        raise
    except (UnusableUrl, BadHeader) as error:
        raise OwnError(str(error)) from None
    except OutboundError as error:
        certificate = await shown_after(error, options, way)
        return Finding(
            outcome=Outcome.FAILED,
            message=str(error),
            certificate_until=certificate.valid_until if certificate else None,
            detail={"certificate": certificate.as_detail(parse_url(options.url).host)} if certificate else {},
        )
    if not options.assertions:
        return judged(options, answer, now=datetime.now(UTC))
    return await take_turn(JUDGING, judged_now, options, answer)


def judged_now(options: HttpOptions, answer: Fetched) -> Finding:
    return judged(options, answer, now=datetime.now(UTC))


async def shown_after(error: OutboundError, options: HttpOptions, way: Way) -> Certificate | None:
    if not isinstance(error, TlsFailed) or options.proxy.url:
        return None
    url = parse_url(options.url)
    return await certificate_of(url.host, url.port, policy=way.policy, resolve=way.resolve)


async def answered(options: HttpOptions, way: Way) -> Fetched:
    """The answer, logged in as asked. Raises OutboundError and NoToken."""
    headers = [*request_headers(options), *await login_headers(options.auth, way)]
    answer = await asked(options, way, headers)
    if answer.status_code != 401:
        return answer
    if options.auth.type == "digest":
        url = parse_url(answer.url)
        challenges = [value for name, value in answer.headers if name.lower() == "www-authenticate"]
        for challenge in challenges:
            login = digest_answer(options.auth, challenge, method=options.method, target=url.target)
            if login:
                return await asked(options, way, [*headers, ("Authorization", login)])
    if options.auth.type == "oauth2":
        forget_token(options.auth, way)
    return answer


async def asked(options: HttpOptions, way: Way, headers: Sequence[tuple[str, str]]) -> Fetched:
    url = options.url
    if options.cache_buster:
        token = f"{datetime.now(UTC).timestamp():.6f}"
        url += f"{'&' if urlsplit(url).query else '?'}{urlencode({'cache_buster': token})}"
    wish = TlsWish(verify=options.verify_tls, lowest=options.lowest_tls, authorities=options.authorities)
    return await fetch(
        options.method,
        url,
        headers=headers,
        body=request_body(options),
        policy=way.policy,
        max_response_bytes=MAX_READ_BYTES,
        max_redirects=options.max_redirects,
        tls=client_tls(options.auth, wish),
        proxy=options.proxy.parsed(),
        family=options.ip_family,
        resolve=way.resolve,
    )


def request_headers(options: HttpOptions) -> list[tuple[str, str]]:
    given = {name.lower() for name, _ in options.headers}
    own = [("User-Agent", "API-Monitor/1"), ("Accept", "*/*"), ("Accept-Encoding", "gzip, deflate")]
    if options.body and (media_type := _TYPES.get(options.body_type)):
        own.append(("Content-Type", media_type))
    return [*(pair for pair in own if pair[0].lower() not in given), *options.headers]


def request_body(options: HttpOptions) -> bytes:
    if options.body_type == "graphql" and options.body:
        return msgspec.json.encode({"query": options.body})
    return options.body.encode()


def subject_of(answer: Fetched, body: str, certificate: Certificate | None, *, now: datetime) -> Subject:
    """What assertions are made about, of monitors and of steps of journeys."""
    return Subject(
        status=answer.status_code,
        headers=answer.headers,
        body=body,
        body_bytes=len(answer.body),
        response_ms=answer.latency_ms,
        redirects=len(answer.redirects),
        tls_days=certificate.days_left(now) if certificate else None,
        tls_version=answer.tls_version,
    )


def judged(options: HttpOptions, answer: Fetched, *, now: datetime) -> Finding:
    """Status and assertions together; what failed says so first."""
    certificate = read_certificate(answer.certificate) if answer.certificate else None
    body = answer.body.decode(errors="replace")
    subject = subject_of(answer, body, certificate, now=now)
    verdicts = judge_all(options.assertions, subject)
    broken = [each for each in verdicts if not each.holds]
    failures = [told(each) for each in broken if each.assertion.severity == "fail"]
    # A status that an assertion asks for by name is that assertion's matter.
    if not accepts(options, answer.status_code):
        failures.insert(0, f"The status is {answer.status_code}.")
    warnings = [told(each) for each in broken if each.assertion.severity == "warn"]
    outcome = Outcome.FAILED if failures else Outcome.SLOW if warnings else Outcome.OK
    message = " ".join([*failures, *warnings]) or f"{answer.status_code} in {answer.latency_ms:.0f} ms"
    detail: dict[str, Any] = {}
    if answer.redirects:
        detail["redirects"] = [
            {"status": hop.status_code, "url": masking.mask_url(hop.url)} for hop in answer.redirects
        ]
    if certificate:
        shown = certificate.as_detail(parse_url(answer.url).host)
        detail["certificate"] = shown | {"tls_version": answer.tls_version}
    if broken:
        detail["assertions"] = [each.as_detail() for each in verdicts]
    if failures and options.save_answer:
        detail["answer"] = kept_answer(answer, body)
    return Finding(
        outcome=outcome,
        message=message,
        response_ms=answer.latency_ms,
        phases=answer.phases,
        certificate_until=certificate.valid_until if certificate else None,
        detail=detail,
    )


def told(verdict: Verdict, *, hide: Hide = nothing_hidden) -> str:
    assertion = verdict.assertion
    what = f"{assertion.source} {assertion.property}".strip()
    if verdict.problem:
        return f"{what}: {verdict.problem}."
    wanted = "" if assertion.target is None else f" {masking.mask_text(hide(str(assertion.target)))[:80]}"
    return f"{what} should be {assertion.comparison}{wanted} but is {verdict.actual[:80]}."


def kept_answer(answer: Fetched, body: str) -> dict[str, Any]:
    """The answer as it may be stored: masked first, then cut, since what is cut cannot be parsed."""
    headers: dict[str, str] = {}
    for name, value in answer.headers:
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    masked = masking.mask_body(body, content_type=answer.header("content-type"), rules=RULES)
    return {
        "status": answer.status_code,
        "headers": {
            name: value[:1024]
            for name, value in list(masking.mask_headers(headers, rules=RULES).items())[:60]
        },
        "body": masked[:KEPT_CHARACTERS],
        "truncated": answer.truncated or len(masked) > KEPT_CHARACTERS,
    }


KIND = Kind(
    name="http",
    words="HTTP",
    order=1,
    options=HttpOptions,
    probe=probe,
    target=lambda options: f"{options.method} {masking.mask_url(options.url)}",
    secrets=SECRETS,
    fields=(
        Field(name="url", label="URL", placeholder="https://api.example.com/health", required=True),
        Field(name="method", label="Method", type="choice", choices=tuple((each, each) for each in METHODS)),
        Field(
            name="accepted_statuses",
            label="Accepted statuses",
            type="lines",
            help="Codes, ranges and classes, with commas: 200-299, 304, 4xx.",
        ),
        Field(
            name="assertions",
            label="Assertions",
            type="rules",
            help='One a line, as: jsonpath $.status == "ok"; body contains welcome; response_ms < 500; '
            "tls_days > 14; header content-type contains json. With warn in front it makes the monitor "
            "slow, not down.",
            placeholder='jsonpath $.status == "ok"',
        ),
        Field(
            name="headers",
            label="Headers",
            type="pairs",
            help="One a line, as Name: value. Sealed and shown masked, but for Accept and its like.",
        ),
        Field(
            name="body_type",
            label="Body is",
            type="choice",
            choices=(
                ("none", "As written"),
                ("json", "JSON"),
                ("form", "Form"),
                ("xml", "XML"),
                ("text", "Text"),
                ("graphql", "GraphQL query"),
            ),
            is_rare=True,
        ),
        Field(name="body", label="Body", type="long", is_rare=True),
        Field(
            name="auth.type",
            label="Sign in by",
            type="choice",
            choices=(
                ("none", "Nothing"),
                ("basic", "Basic"),
                ("digest", "Digest"),
                ("bearer", "Bearer token"),
                ("api_key", "API key in a header"),
                ("oauth2", "OAuth 2 client credentials"),
                ("mtls", "Client certificate"),
            ),
        ),
        Field(name="auth.username", label="User name", is_rare=True),
        Field(name="auth.password", label="Password", type="secret", is_rare=True),
        Field(name="auth.token", label="Token or key", type="secret", is_rare=True),
        Field(name="auth.header", label="Header of the key", is_rare=True),
        Field(name="auth.token_url", label="Token URL", is_rare=True),
        Field(name="auth.client_id", label="Client id", is_rare=True),
        Field(name="auth.client_secret", label="Client secret", type="secret", is_rare=True),
        Field(name="auth.scope", label="Scope", is_rare=True),
        Field(name="auth.audience", label="Audience", is_rare=True),
        Field(
            name="auth.client_in",
            label="Client id and secret go in",
            type="choice",
            choices=(("header", "A header"), ("body", "The body")),
            is_rare=True,
        ),
        Field(name="auth.certificate", label="Client certificate (PEM)", type="long", is_rare=True),
        Field(name="auth.key", label="Client key (PEM)", type="secret", is_rare=True),
        Field(
            name="max_redirects",
            label="Redirects to follow",
            type="number",
            help="With 0 a redirect is the answer.",
            is_rare=True,
        ),
        Field(name="verify_tls", label="Verify the certificate", type="truth", is_rare=True),
        LOWEST_TLS,
        Field(name="authorities", label="Own authorities (PEM)", type="long", is_rare=True),
        Field(name="proxy.url", label="Proxy", placeholder="socks5://10.0.0.1:1080", is_rare=True),
        Field(name="proxy.username", label="Proxy user", is_rare=True),
        Field(name="proxy.password", label="Proxy password", type="secret", is_rare=True),
        Field(
            name="ip_family", label="IP version", type="number", help="4 or 6; 0 for either.", is_rare=True
        ),
        Field(name="cache_buster", label="Get past caches", type="truth", is_rare=True),
        Field(
            name="save_answer",
            label="Keep the answer that failed",
            type="truth",
            help="Masked, its first 4096 characters.",
            is_rare=True,
        ),
    ),
)
