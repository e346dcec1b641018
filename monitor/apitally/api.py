"""The hub's addresses as DRF views, for plain WSGI; under an ASGI server the lane answers them."""

from typing import Any

from django.http import Http404
from django.http.response import HttpResponseBase
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from monitor.access import KeyRejected, actor_of_key, authenticate_key
from monitor.apitally.doors import CALLS
from monitor.ingest.api import IngestDoor
from monitor.ingest.doors import Door
from monitor.lib.actors import Actor, Scope
from monitor.lib.apikeys import credential_of_client_id
from monitor.models import ApiKey


class ClientIdAuthentication(BaseAuthentication):
    """Gives the Actor and the ApiKey of the client ID in the address."""

    def authenticate(self, request: Request) -> tuple[Actor, ApiKey]:
        kwargs = (request.parser_context or {}).get("kwargs", {})
        try:
            key = authenticate_key(credential_of_client_id(kwargs["client_id"]), now=timezone.now())
        except KeyRejected as rejected:
            raise AuthenticationFailed(str(rejected), code=rejected.code) from None
        return actor_of_key(key), key

    def authenticate_header(self, request: Request) -> str:
        return "Apitally"


@extend_schema(exclude=True)
class HubCall(IngestDoor):
    """POST /v2/<client ID>/<environment>/startup, sync and log."""

    authentication_classes = [ClientIdAuthentication]
    # Other methods are turned away as such, not for want of a scope.
    scopes = dict.fromkeys(("GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"), Scope.INGEST)

    def door_met(self) -> Door:
        call = CALLS.get(self.kwargs["call"])
        if call is None:
            raise Http404
        return call(self.kwargs["client_id"], self.kwargs["environment"])

    def post(self, request: Request, **kwargs: Any) -> HttpResponseBase:
        return self.answer(request, self.door_met())
