"""Sessions as they are kept: what somebody posted waits in them sealed, until they have said who they are."""

from typing import Any

import msgspec
from allauth.account.internal.flows.reauthentication import STATE_SESSION_KEY
from django.contrib.sessions.serializers import JSONSerializer

from monitor.lib.secrets import CannotOpen, seal, unseal

SEALED = "sealed"


class SessionSerializer(JSONSerializer):
    """allauth keeps a whole request while it asks again who is there: with cookies, and secrets of forms."""

    def dumps(self, session: dict[str, Any]) -> bytes:
        waiting = session.get(STATE_SESSION_KEY)
        if waiting is not None:
            sealed = seal(msgspec.json.encode(waiting).decode()).decode()
            session = {**session, STATE_SESSION_KEY: {SEALED: sealed}}
        dumped: bytes = super().dumps(session)
        return dumped

    def loads(self, data: bytes) -> dict[str, Any]:
        session: dict[str, Any] = super().loads(data)
        waiting = session.get(STATE_SESSION_KEY) or {}
        if SEALED in waiting:
            try:
                session[STATE_SESSION_KEY] = msgspec.json.decode(unseal(waiting[SEALED].encode()))
            except CannotOpen:
                # Sealed with a key that is gone: the person goes on by hand.
                del session[STATE_SESSION_KEY]
        return session
