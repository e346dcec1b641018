"""Who calls, asked once a request: before the view is entered, and then by the view itself."""

from dataclasses import dataclass
from uuid import UUID

from django.http import HttpRequest
from rest_framework.request import Request

from monitor.api.authentication import ActorAuthentication
from monitor.lib.actors import Actor
from monitor.models import ApiKey


@dataclass(frozen=True, kw_only=True)
class Caller:
    """`key` is None for people and visitors."""

    actor: Actor
    key: ApiKey | None

    @property
    def mode(self) -> str:
        """The key's; empty for people, who act in both."""
        return self.key.mode if self.key else ""

    @property
    def organization_id(self) -> UUID | None:
        """The one organization it can be; None for people of several, who say it in what they ask."""
        grants = list(self.actor.grants)
        return grants[0] if len(grants) == 1 else None


def identify(request: HttpRequest) -> Caller:
    """Who calls this API route. Raises the APIException that the view would answer with."""
    actor, key = ActorAuthentication().authenticate(Request(request))
    return Caller(actor=actor, key=key)
