"""Who is asking, and may they: keys, people, anonymous visitors."""

from monitor.access.actors import actor_of_key, actor_of_user, anonymous_actor
from monitor.access.keys import KeyRejected, authenticate_key, issue_key, revoke_key, rotate_key

__all__ = [
    "KeyRejected",
    "actor_of_key",
    "actor_of_user",
    "anonymous_actor",
    "authenticate_key",
    "issue_key",
    "revoke_key",
    "rotate_key",
]
