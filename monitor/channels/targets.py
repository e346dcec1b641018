"""Where channels may go: judged when an address is saved, and by the door to the outside at every call."""

from monitor.lib.masking import MASK
from monitor.lib.options import BadConfig
from monitor.lib.outbound import OutboundPolicy
from monitor.models.keys import Mode
from monitor.webhooks.targets import TargetRefused, check_against, policy_for


def check_url(url: str, *, field: str = "url", policy: OutboundPolicy | None = None) -> None:
    """By the policy of channels, where none is given. Raises BadConfig."""
    if MASK in url:
        raise BadConfig("Send the secret again: what came is its mask.", field=field)
    try:
        check_against(url, policy or policy_for(Mode.LIVE))
    except TargetRefused as refused:
        raise BadConfig(str(refused), field=field) from None
