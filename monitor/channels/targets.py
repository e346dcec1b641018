"""Where channels may go: judged when an address is saved, and by the door to the outside at every call."""

from monitor.lib.masking import MASK
from monitor.lib.options import BadConfig
from monitor.models.keys import Mode
from monitor.webhooks.targets import TargetRefused, check_target


def check_url(url: str, *, field: str = "url") -> None:
    """Raises BadConfig."""
    if MASK in url:
        raise BadConfig("Send the secret again: what came is its mask.", field=field)
    try:
        check_target(url, mode=Mode.LIVE)
    except TargetRefused as refused:
        raise BadConfig(str(refused), field=field) from None
