"""What can go wrong on the way out, in words fit for the user."""

from typing import Literal

ErrorClass = Literal["dns", "blocked", "connect", "tls", "timeout", "protocol"]

# One text for every cause: which address a name has inside, or which port answers, is nobody's business
# outside.
BLOCKED_MESSAGE = "The target address is not allowed."


class OutboundError(Exception):
    """A call that got no usable answer. `retryable` says whether the same call could succeed later unchanged.

    The message is one plain sentence that names no resolved address; what it came from is in `__cause__`.
    """

    error_class: ErrorClass
    retryable = True

    def __init__(self, message: str, *, retryable: bool | None = None) -> None:
        super().__init__(message)
        self.message = message
        if retryable is not None:
            self.retryable = retryable


class NameNotResolved(OutboundError):
    """The name has no address, or nobody who knows could be asked."""

    error_class = "dns"


class BlockedTarget(OutboundError):
    """The policy forbids the target; the same for every cause."""

    error_class = "blocked"
    retryable = False

    def __init__(self) -> None:
        super().__init__(BLOCKED_MESSAGE)


class NotConnected(OutboundError):
    """No connection came about."""

    error_class = "connect"


class TlsFailed(OutboundError):
    """The connection could not be made secure. A bad certificate is not retryable, a broken handshake is."""

    error_class = "tls"


class TimedOut(OutboundError):
    """The time given for the whole call ran out."""

    error_class = "timeout"


class BadAnswer(OutboundError):
    """The other side broke the connection or the protocol, or redirects without end."""

    error_class = "protocol"
