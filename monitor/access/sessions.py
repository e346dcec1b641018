"""Sessions as they are kept: what is secret waits in them sealed.

That is what somebody posted before they had said who they are, and the secret of an authenticator app that is
being set up: once confirmed it is sealed in its own table, and until then it stood here in plain.
"""

from typing import Any

import msgspec
from allauth.account.internal.flows.reauthentication import STATE_SESSION_KEY
from allauth.mfa.totp.internal.auth import SECRET_SESSION_KEY
from django.contrib.sessions.serializers import JSONSerializer

from monitor.lib.secrets import CannotOpen, seal, unseal

SEALED = "sealed"
SECRET = (STATE_SESSION_KEY, SECRET_SESSION_KEY)


class SessionSerializer(JSONSerializer):
    """allauth keeps a whole request while it asks again who is there: with cookies, and secrets of forms."""

    def dumps(self, session: dict[str, Any]) -> bytes:
        waiting = {name: session[name] for name in SECRET if session.get(name) is not None}
        sealed = {
            name: {SEALED: seal(msgspec.json.encode(waiting[name]).decode()).decode()} for name in waiting
        }
        dumped: bytes = super().dumps({**session, **sealed})
        return dumped

    def loads(self, data: bytes) -> dict[str, Any]:
        session: dict[str, Any] = super().loads(data)
        for name in SECRET:
            waiting = session.get(name)
            if isinstance(waiting, dict) and SEALED in waiting:
                try:
                    session[name] = msgspec.json.decode(unseal(waiting[SEALED].encode()))
                except CannotOpen:
                    # Sealed with a key that is gone: the person begins again by hand.
                    del session[name]
        return session
