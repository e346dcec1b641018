"""TLS certificate: the chain is valid, and enough days are left."""

import ssl
from datetime import UTC, datetime
from typing import Annotated, Literal

import msgspec

from monitor.lib.outbound.errors import TlsFailed
from monitor.lib.outbound.lines import Phases, TlsWish
from monitor.probing.certificates import certificate_of, read_certificate
from monitor.probing.finding import Finding, Outcome, Way
from monitor.probing.kinds.tcp import HOST, Host, Port
from monitor.probing.registry import LOWEST_TLS, Field, Kind
from monitor.probing.starttls import Protocol, open_by_starttls


class TlsOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    host: Host
    port: Port = 443
    # The protocol that begins in the clear; empty: TLS from the first byte.
    starttls: Protocol = ""
    server_name: Annotated[str, msgspec.Meta(max_length=253)] = ""
    # Fewer days left than this is down; fewer than `warn_days` is slow.
    days: Annotated[int, msgspec.Meta(ge=0, le=398)] = 7
    warn_days: Annotated[int, msgspec.Meta(ge=0, le=398)] = 21
    lowest_tls: Literal["", "1.2", "1.3"] = ""
    authorities: Annotated[str, msgspec.Meta(max_length=65_536)] = ""


async def probe(options: TlsOptions, way: Way) -> Finding:
    problem, phases = "", None
    try:
        line = await open_by_starttls(
            options.starttls,
            options.host,
            options.port,
            policy=way.policy,
            tls=TlsWish(lowest=options.lowest_tls, authorities=options.authorities),
            server_name=options.server_name,
            resolve=way.resolve,
        )
        async with line:
            der = line.tls.getpeercert(binary_form=True) if isinstance(line.tls, ssl.SSLObject) else None
            phases = line.phases
        certificate = read_certificate(der) if der else None
    except TlsFailed as error:
        problem = str(error)
        certificate = await certificate_of(
            options.host,
            options.port,
            policy=way.policy,
            server_name=options.server_name,
            starttls=options.starttls,
            resolve=way.resolve,
        )
    if certificate is None:
        return Finding(outcome=Outcome.FAILED, message=problem or "No certificate was shown.")
    left = certificate.days_left(datetime.now(UTC))
    outcome = Outcome.OK
    if problem or left < options.days:
        outcome = Outcome.FAILED
    elif left < options.warn_days:
        outcome = Outcome.SLOW
    days = f"{abs(left):.0f} day{'' if round(abs(left)) == 1 else 's'}"
    words = f"{days} left" if left >= 0 else f"Expired {days} ago"
    return Finding(
        outcome=outcome,
        message=f"{problem} {words}".strip(),
        response_ms=total(phases),
        phases=phases,
        certificate_until=certificate.valid_until,
        detail={"certificate": certificate.as_detail(options.server_name or options.host)},
    )


def total(phases: Phases | None) -> float | None:
    return round(sum(part or 0 for part in phases.listed()), 3) if phases else None


KIND = Kind(
    name="tls",
    words="TLS certificate",
    order=6,
    options=TlsOptions,
    probe=probe,
    target=lambda options: f"{options.host}:{options.port}",
    fields=(
        HOST,
        Field(name="port", label="Port", type="number"),
        Field(name="days", label="Down with fewer days than", type="number"),
        Field(name="warn_days", label="Slow with fewer days than", type="number"),
        Field(
            name="starttls",
            label="Begins with",
            type="choice",
            choices=(
                ("", "TLS at once"),
                ("smtp", "SMTP, STARTTLS"),
                ("imap", "IMAP, STARTTLS"),
                ("pop3", "POP3, STLS"),
                ("ldap", "LDAP, StartTLS"),
                ("postgres", "PostgreSQL"),
            ),
        ),
        Field(name="server_name", label="Server name", help="When it differs from the host.", is_rare=True),
        LOWEST_TLS,
        Field(name="authorities", label="Own authorities (PEM)", type="long", is_rare=True),
    ),
)
