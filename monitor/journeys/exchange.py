"""One step's request: filled, signed in, sent hop by hop with its cookies."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from urllib.parse import quote, quote_plus

import msgspec

from monitor.journeys.cookies import Cookies
from monitor.journeys.document import Journey, Step, StepAuth
from monitor.journeys.templates import Scope
from monitor.lib.outbound import UnusableUrl, parse_url
from monitor.lib.outbound.errors import BadAnswer
from monitor.lib.outbound.fetching import Fetched, Hop, fetch
from monitor.lib.outbound.lines import TlsWish
from monitor.lib.outbound.messages import Headers, OutboundRequest, build_request, follow, redirect_target
from monitor.probing.finding import Way
from monitor.probing.kinds.http import MAX_READ_BYTES, HttpOptions, request_body, request_headers
from monitor.probing.logins import Auth, client_tls, digest_answer, forget_token, login_headers

# What may stand in a URL as it is; the rest of what variables bring is percent-encoded.
_URL_CHARACTERS = "-._~:/?#[]@!$&'()*+,;=%"


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """A step with its variables filled in, ready to be sent."""

    options: HttpOptions
    extra_headers: Headers = ()

    @property
    def headers(self) -> list[tuple[str, str]]:
        given = {name.lower() for name, _ in self.extra_headers}
        own = [pair for pair in request_headers(self.options) if pair[0].lower() not in given]
        return [*own, *self.extra_headers]


@dataclass(frozen=True, kw_only=True)
class Exchanged:
    """The answer, and the request of the first hop as it left."""

    answer: Fetched
    sent_headers: Headers


def prepared(step: Step, journey: Journey, scope: Scope) -> Prepared:
    """Raises BadTemplate and UnusableUrl."""
    headers = [(scope.fill(name), scope.fill(value)) for name, value in step.headers]
    # In a form, a value's own & and = would be signs of the form.
    body = scope.fill(step.body, encode=quote_plus if step.body_type == "form" else None)
    if any(name.lower() == "content-type" and "multipart/" in value.lower() for name, value in headers):
        # RFC 2046 ends lines with CRLF, which forms on pages and YAML do not keep.
        body = body.replace("\r\n", "\n").replace("\n", "\r\n")
    url = quote(scope.fill(step.url).strip().partition("#")[0], safe=_URL_CHARACTERS)
    parse_url(url)
    return Prepared(
        options=HttpOptions(
            url=url,
            method=step.method,
            headers=headers,
            body=body,
            body_type=step.body_type,
            auth=filled_auth(step.auth, scope),
            proxy=journey.proxy,
            verify_tls=journey.verify_tls,
            authorities=journey.authorities,
            ip_family=journey.ip_family,
            max_redirects=step.max_redirects,
        )
    )


def filled_auth(auth: StepAuth, scope: Scope) -> Auth:
    values = {name: scope.fill(value) for name, value in msgspec.structs.asdict(auth).items()}
    for secret in (values["password"], values["token"], values["client_secret"]):
        scope.veil.add(secret)
    try:
        return msgspec.convert(values, Auth)
    except msgspec.ValidationError as error:
        raise UnusableUrl(f"auth: {str(error).partition(' - at `$')[0].rstrip('.')}.") from None


async def exchange(prepared: Prepared, way: Way, cookies: Cookies | None) -> Exchanged:
    """The answer, logged in as asked. The caller bounds the time. Raises OutboundError, NoToken,
    UnusableUrl and BadHeader."""
    options = prepared.options
    headers = [*prepared.headers, *await login_headers(options.auth, way)]
    exchanged = await _through_redirects(options, headers, way, cookies)
    answer = exchanged.answer
    if answer.status_code != 401:
        return exchanged
    if options.auth.type == "digest":
        target = parse_url(answer.url).target
        for name, challenge in answer.headers:
            if name.lower() != "www-authenticate":
                continue
            if login := digest_answer(options.auth, challenge, method=options.method, target=target):
                signed = [*headers, ("Authorization", login)]
                return await _through_redirects(options, signed, way, cookies)
    if options.auth.type == "oauth2":
        forget_token(options.auth, way)
    return exchanged


async def _through_redirects(
    options: HttpOptions, headers: Sequence[tuple[str, str]], way: Way, cookies: Cookies | None
) -> Exchanged:
    """As `fetch` follows them, but each hop takes and brings cookies; each passes the guard by itself."""
    request = build_request(options.method, parse_url(options.url), headers, request_body(options))
    tls = client_tls(
        options.auth,
        TlsWish(verify=options.verify_tls, lowest=options.lowest_tls, authorities=options.authorities),
    )
    hops: list[Hop] = []
    took_ms = 0.0
    sent: Headers | None = None
    while True:
        bare, request = request, _with_cookies(request, cookies)
        sent = sent if sent is not None else request.headers
        answer = await fetch(
            request.method,
            str(request.url),
            headers=request.headers,
            body=request.body,
            policy=way.policy,
            max_response_bytes=MAX_READ_BYTES,
            tls=tls,
            proxy=options.proxy.parsed(),
            family=options.ip_family,
            resolve=way.resolve,
        )
        took_ms += answer.latency_ms
        if cookies is not None:
            cookies.take(str(request.url), answer.headers)
        target = (
            redirect_target(answer.status_code, answer.headers, request.url)
            if options.max_redirects
            else None
        )
        if target is None:
            whole = replace(answer, latency_ms=round(took_ms, 3), redirects=tuple(hops))
            return Exchanged(answer=whole, sent_headers=sent)
        if len(hops) == options.max_redirects:
            raise BadAnswer(f"The answer redirects more than {options.max_redirects} times.", retryable=False)
        hops.append(Hop(status_code=answer.status_code, url=str(request.url)))
        if target.origin != request.url.origin:
            tls = replace(tls, certificate="", key="")
        request = follow(bare, answer.status_code, target)


def _with_cookies(request: OutboundRequest, cookies: Cookies | None) -> OutboundRequest:
    kept = cookies.header_for(str(request.url)) if cookies is not None else ""
    if not kept:
        return request
    own = [value for name, value in request.headers if name.lower() == "cookie"]
    others = tuple(pair for pair in request.headers if pair[0].lower() != "cookie")
    return replace(request, headers=(*others, ("Cookie", "; ".join([*own, kept]))))
