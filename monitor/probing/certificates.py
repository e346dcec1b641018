"""What a certificate says, read also where it was refused: that is when people want to know."""

from dataclasses import dataclass
from datetime import UTC, datetime
from ipaddress import ip_address
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import SHA256

from monitor.lib.outbound import OutboundError, OutboundPolicy
from monitor.lib.outbound.connecting import Resolve, system_resolve
from monitor.lib.outbound.lines import TlsWish
from monitor.probing.starttls import Protocol, open_by_starttls

SHOWN_NAMES = 20


@dataclass(frozen=True, kw_only=True)
class Certificate:
    subject: str
    issuer: str
    hosts: tuple[str, ...]
    addresses: tuple[str, ...]
    serial: str
    valid_from: datetime
    valid_until: datetime
    fingerprint: str
    key: str

    def days_left(self, now: datetime) -> float:
        """Negative once it has expired."""
        return round((self.valid_until - now).total_seconds() / 86_400, 2)

    def covers(self, host: str) -> bool:
        """Whether it names the host (RFC 9525): an address as such alone, a wildcard for one part."""
        try:
            return str(ip_address(host)) in self.addresses
        except ValueError:
            asked = host.lower().rstrip(".")
        known = {name.lower() for name in self.hosts}
        return asked in known or f"*.{asked.partition('.')[2]}" in known

    def as_detail(self, host: str) -> dict[str, Any]:
        """What is kept of it, and whether it is one for this host."""
        names = [*self.hosts, *self.addresses]
        return {
            "subject": self.subject,
            "issuer": self.issuer,
            "names": names[:SHOWN_NAMES],
            "names_left_off": len(names[SHOWN_NAMES:]),
            "host": host,
            "covers_host": self.covers(host),
            "serial": self.serial,
            "valid_from": self.valid_from.isoformat(),
            "valid_until": self.valid_until.isoformat(),
            "fingerprint": self.fingerprint,
            "key": self.key,
        }


def read_certificate(der: bytes) -> Certificate | None:
    """None for what is no certificate we can read."""
    try:
        parsed = x509.load_der_x509_certificate(der)
        hosts, addresses = _names(parsed)
        return Certificate(
            subject=parsed.subject.rfc4514_string()[:300],
            issuer=parsed.issuer.rfc4514_string()[:300],
            hosts=hosts,
            addresses=addresses,
            serial=f"{parsed.serial_number:x}",
            valid_from=parsed.not_valid_before_utc.astimezone(UTC),
            valid_until=parsed.not_valid_after_utc.astimezone(UTC),
            fingerprint=parsed.fingerprint(SHA256()).hex(),
            key=_key(parsed),
        )
    except ValueError:
        return None


def _names(parsed: x509.Certificate) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Hosts, and addresses in their one spelling."""
    try:
        found = parsed.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return (), ()
    addresses = tuple(str(address) for address in found.get_values_for_type(x509.IPAddress))
    return tuple(found.get_values_for_type(x509.DNSName)), addresses


def _key(parsed: x509.Certificate) -> str:
    key = parsed.public_key()
    if isinstance(key, rsa.RSAPublicKey):
        return f"RSA {key.key_size}"
    if isinstance(key, ec.EllipticCurvePublicKey):
        return f"EC {key.curve.name}"
    return type(key).__name__.removesuffix("PublicKey").strip("_")


async def certificate_of(
    host: str,
    port: int,
    *,
    policy: OutboundPolicy,
    server_name: str = "",
    starttls: Protocol = "",
    resolve: Resolve = system_resolve,
) -> Certificate | None:
    """The certificate that the host shows, unverified; None when none could be had."""
    try:
        line = await open_by_starttls(
            starttls,
            host,
            port,
            policy=policy,
            tls=TlsWish(verify=False),
            server_name=server_name,
            resolve=resolve,
        )
    except OutboundError:
        return None
    async with line:
        der = line.tls.getpeercert(binary_form=True) if line.tls else None
    return read_certificate(der) if der else None
