"""Where webhooks may go. Looked at when an address is saved, and by the door to the outside at every send."""

import ipaddress

from django.conf import settings

from monitor.audit import note_blocked_for_caller
from monitor.lib.outbound import OutboundError, OutboundPolicy, UnusableUrl, parse_url, vet
from monitor.models.keys import Mode
from monitor.models.webhooks import MAX_URL_CHARS

# A receiver on the internet has no reason to listen elsewhere.
PUBLIC_PORTS = frozenset({80, 443, 8443})


class TargetRefused(ValueError):
    """The address cannot be sent to; the message says why in plain words."""


def policy_for(mode: str) -> OutboundPolicy:
    """https to the usual ports. Plain http in test mode; and http and any port on an installation whose
    operator opened private networks to outgoing calls, or runs it for this machine alone."""
    is_private = settings.QUICK_START or bool(settings.OUTBOUND_ALLOW)
    plain = is_private or mode == Mode.TEST
    return OutboundPolicy(
        allow=settings.OUTBOUND_ALLOW,
        allow_loopback=settings.QUICK_START,
        ports=None if is_private else PUBLIC_PORTS,
        schemes=frozenset({"http", "https"} if plain else {"https"}),
    )


def policy_for_strangers() -> OutboundPolicy:
    """What somebody without an account may have us call: https on the internet. Networks that the operator
    opened are open to members alone; this machine itself, while it is the only one that can ask."""
    is_home = settings.QUICK_START
    return OutboundPolicy(
        allow=(),
        allow_loopback=is_home,
        ports=None if is_home else PUBLIC_PORTS,
        schemes=frozenset({"http", "https"} if is_home else {"https"}),
    )


def check_target(url: str, *, mode: str) -> None:
    """Raises TargetRefused."""
    check_against(url, policy_for(mode))


def check_against(url: str, policy: OutboundPolicy) -> None:
    """Raises TargetRefused. A name is not looked up here: what it stands for is judged at every send."""
    try:
        parsed = parse_url(url, max_length=MAX_URL_CHARS)
    except UnusableUrl as error:
        raise TargetRefused(str(error)) from None
    if parsed.scheme not in policy.schemes:
        raise TargetRefused("Use https. Plain http is for test mode.")
    try:
        policy.check(parsed)
        if literal := _literal(parsed.host):
            vet(literal, policy)
    except OutboundError as error:
        note_blocked_for_caller(parsed.origin)
        raise TargetRefused(str(error)) from None


def _literal(host: str) -> str | None:
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        return None
