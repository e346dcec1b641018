"""The one door to the outside: every outgoing call is vetted, bounded in time and bytes, and leaves alone.

A name is resolved once, all its addresses are judged, and the judged address itself is dialled; redirects
pass the same guard. `policy`, `urls` and `messages` are pure and know no sockets, so an async `send` can
share them.
"""

from monitor.lib.outbound.errors import BLOCKED_MESSAGE, OutboundError
from monitor.lib.outbound.messages import BadHeader, OutboundRequest, OutboundResponse
from monitor.lib.outbound.policy import OutboundPolicy, parse_allow_list, vet, vet_all
from monitor.lib.outbound.sending import send
from monitor.lib.outbound.urls import ParsedUrl, UnusableUrl, origin_of, parse_url

__all__ = [
    "BLOCKED_MESSAGE",
    "BadHeader",
    "OutboundError",
    "OutboundPolicy",
    "OutboundRequest",
    "OutboundResponse",
    "ParsedUrl",
    "UnusableUrl",
    "origin_of",
    "parse_allow_list",
    "parse_url",
    "send",
    "vet",
    "vet_all",
]
