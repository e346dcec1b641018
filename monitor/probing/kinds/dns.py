"""dns: a resolver gives records, and they are what they should be."""

import time
from typing import Annotated, Literal

import dns.asyncquery
import dns.exception
import dns.message
import dns.rcode
import dns.rdatatype
import msgspec

from monitor.lib.outbound.lines import addresses_of
from monitor.lib.outbound.turns import take_turn
from monitor.probing.bounds import JUDGING, BadAssertion, TooSlow
from monitor.probing.finding import Finding, Outcome, Way
from monitor.probing.kinds.tcp import Host, Port
from monitor.probing.patterns import compiled_pattern, matches_any
from monitor.probing.registry import Field, Kind
from monitor.probing.showing import shown

TYPES = ("A", "AAAA", "CAA", "CNAME", "MX", "NS", "PTR", "SOA", "SRV", "TXT")


class DnsOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    name: Annotated[str, msgspec.Meta(min_length=1, max_length=253)]
    # Named always: this machine's own resolver may know names that are nobody's business outside.
    resolver: Host
    port: Port = 53
    type: Literal["A", "AAAA", "CAA", "CNAME", "MX", "NS", "PTR", "SOA", "SRV", "TXT"] = "A"
    # A pattern that at least one record matches; empty: any record will do.
    expect: Annotated[str, msgspec.Meta(max_length=512)] = ""

    def __post_init__(self) -> None:
        try:
            compiled_pattern(self.expect)
            dns.message.make_query(self.name, self.type)
        except BadAssertion as error:
            raise ValueError(f"expect: {error}") from None
        except (dns.exception.DNSException, UnicodeError):
            raise ValueError("name: not a name that can be asked for") from None


async def probe(options: DnsOptions, way: Way) -> Finding:
    address = (await addresses_of(options.resolver, options.port, policy=way.policy, resolve=way.resolve))[0]
    asked = dns.message.make_query(options.name, options.type)
    began = time.perf_counter()
    try:
        answer, _ = await dns.asyncquery.udp_with_fallback(
            asked, address, port=options.port, timeout=way.timeout_s
        )
    except (OSError, EOFError) as error:
        return Finding(
            outcome=Outcome.FAILED, message=f"The resolver gave no answer ({type(error).__name__})."
        )
    except dns.exception.Timeout:
        return Finding(outcome=Outcome.FAILED, message="The resolver gave no answer in time.")
    except dns.exception.DNSException:
        return Finding(outcome=Outcome.FAILED, message="The answer of the resolver is not valid.")
    took_ms = round((time.perf_counter() - began) * 1000, 3)
    wanted = dns.rdatatype.from_text(options.type)
    # Resolvers turn the order round from answer to answer.
    records = sorted(str(item) for rrset in answer.answer if rrset.rdtype == wanted for item in rrset)
    words, outcome = await take_turn(JUDGING, judged, options, records, dns.rcode.to_text(answer.rcode()))
    return Finding(
        outcome=outcome,
        message=words,
        response_ms=took_ms,
        detail={"records": [shown(record) for record in records[:50]]} if outcome == Outcome.FAILED else {},
    )


def judged(options: DnsOptions, records: list[str], rcode: str) -> tuple[str, Outcome]:
    if not records:
        return f"No {options.type} record ({rcode}).", Outcome.FAILED
    try:
        if options.expect and not matches_any(options.expect, records):
            return f"No record matches: {shown(', '.join(records))}", Outcome.FAILED
    except TooSlow:
        return "The pattern took too long.", Outcome.FAILED
    return shown(", ".join(records)), Outcome.OK


KIND = Kind(
    name="dns",
    words="DNS",
    order=4,
    options=DnsOptions,
    probe=probe,
    target=lambda options: f"{options.type} {options.name} at {options.resolver}",
    fields=(
        Field(name="name", label="Name", placeholder="shop.example.com", required=True),
        Field(name="type", label="Record", type="choice", choices=tuple((each, each) for each in TYPES)),
        Field(name="resolver", label="Resolver", placeholder="1.1.1.1", required=True),
        Field(name="port", label="Port", type="number", is_rare=True),
        Field(name="expect", label="A record matches", help="A regular expression; empty for any record."),
    ),
)
