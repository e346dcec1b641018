"""Where readers have a page, and the links that letters carry. Light: the sender of letters imports it."""

from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit
from uuid import UUID

from django.conf import settings
from django.core.signing import BadSignature, Signer

from monitor.models import StatusPage

# What a link does. The one of leaving is good for ever, so it is signed and not kept.
Use = Literal["confirm", "unsubscribe"]


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where readers have the page: `address` is whole, `base` the path its links begin with."""

    address: str
    base: str

    def below(self, path: str) -> str:
        return f"{self.address.rstrip('/')}/{path}"


def at_domain(domain: str) -> Place:
    return Place(address=f"{urlsplit(settings.PUBLIC_URL).scheme}://{domain}/", base="")


def below_status(slug: str) -> Place:
    return Place(address=f"{settings.PUBLIC_URL}/status/{slug}", base=f"/status/{slug}")


def place_of(page: StatusPage) -> Place:
    """Its domain where it has one: the installation itself may be out of its readers' reach."""
    return at_domain(page.domain) if page.domain else below_status(page.slug)


def link(page: StatusPage, subscriber_id: UUID, use: Use) -> str:
    return place_of(page).below(f"{use}/{token_of(subscriber_id, use)}")


def token_of(subscriber_id: UUID, use: Use) -> str:
    return _signer(use).sign(subscriber_id.hex)


def subscriber_in(token: str, use: Use) -> UUID | None:
    """Whose token it is; None when it is none of ours, or for another use."""
    try:
        return UUID(_signer(use).unsign(token))
    except (BadSignature, ValueError):
        return None


def _signer(use: Use) -> Signer:
    return Signer(sep=".", salt=f"monitor.status.{use}")
