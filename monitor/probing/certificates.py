"""What a certificate says, read also where it was refused: that is when people want to know."""

from dataclasses import dataclass
from datetime import UTC, datetime
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
    names: tuple[str, ...]
    serial: str
    valid_from: datetime
    valid_until: datetime
    fingerprint: str
    key: str

    def days_left(self, now: datetime) -> float:
        """Negative once it has expired."""
        return round((self.valid_until - now).total_seconds() / 86_400, 2)

    def as_detail(self) -> dict[str, Any]:
        return {
            "subject": self.subject,
            "issuer": self.issuer,
            "names": list(self.names),
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
        return Certificate(
            subject=parsed.subject.rfc4514_string()[:300],
            issuer=parsed.issuer.rfc4514_string()[:300],
            names=_names(parsed),
            serial=f"{parsed.serial_number:x}",
            valid_from=parsed.not_valid_before_utc.astimezone(UTC),
            valid_until=parsed.not_valid_after_utc.astimezone(UTC),
            fingerprint=parsed.fingerprint(SHA256()).hex(),
            key=_key(parsed),
        )
    except ValueError:
        return None


def _names(parsed: x509.Certificate) -> tuple[str, ...]:
    try:
        found = parsed.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return ()
    return tuple(found.get_values_for_type(x509.DNSName))[:SHOWN_NAMES]


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
