"""All the rest, through Apprise: of its services those that speak by HTTP alone, through our own door."""

from urllib.parse import urlsplit

import msgspec

from monitor.audit import note_blocked_for_caller
from monitor.channels.apprise_services import SCHEMES, scheme_of
from monitor.channels.message import Message
from monitor.channels.registry import Kind
from monitor.channels.way import NotTold, Way
from monitor.lib.options import BadConfig, Field
from monitor.lib.outbound import OutboundError, vet
from monitor.models.keys import Mode
from monitor.webhooks.targets import policy_for

MAX_URL_CHARS = 2048


class Options(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    url: str


def check(options: Options) -> None:
    url = options.url
    if len(url) > MAX_URL_CHARS or not url.isprintable() or "://" not in url:
        raise BadConfig("An Apprise URL, as ntfys://ntfy.sh/topic.", field="url")
    if scheme_of(url) not in SCHEMES:
        known = ", ".join(sorted(SCHEMES))
        raise BadConfig(
            f"{scheme_of(url)[:20]}:// is not among those that are allowed: {known}.", field="url"
        )
    try:
        host = urlsplit(url).hostname or ""
    except ValueError:
        raise BadConfig("This is no URL.", field="url") from None
    try:
        vet(host, policy_for(Mode.LIVE))
    except OutboundError as error:
        note_blocked_for_caller(host)
        raise BadConfig(str(error), field="url") from None
    except ValueError:
        # A name, or no host at all but a token: what is called is judged at every call.
        pass

    # Imported late: it takes 20 MB and a fifth of a second, and most installations never need it.
    from monitor.channels.apprise_way import plugin_of

    try:
        plugin_of(url)
    except NotTold as error:
        raise BadConfig(error.message, field="url") from None


def tell(options: Options, message: Message, way: Way) -> None:
    from monitor.channels.apprise_way import notify

    check_again(options)
    notify(options.url, message, way)


def check_again(options: Options) -> None:
    """An address that was fit when it was saved, under other rules."""
    try:
        check(options)
    except BadConfig as error:
        raise NotTold(error.message, error_class="blocked", is_permanent=True) from None


KIND = Kind(
    name="apprise",
    words="Others",
    options=Options,
    fields=(
        Field(
            name="url",
            label="Apprise URL",
            type="secret",
            required=True,
            help="As ntfys://ntfy.sh/topic or pover://user@token.",
        ),
    ),
    tell=tell,
    target=lambda options: SCHEMES.get(scheme_of(options.url), scheme_of(options.url)),
    check=check,
    secrets=frozenset({"url"}),
    about="Through Apprise: " + ", ".join(sorted(set(SCHEMES.values()), key=str.lower)) + ".",
    order=9,
)
