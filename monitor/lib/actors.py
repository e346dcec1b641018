"""Who is acting: plain data that every tenant filter and permission check reads."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from uuid import UUID


class Scope(StrEnum):
    """What an actor may do. Each key holds some of these; each role stands for some of these."""

    INGEST = "ingest"
    READ = "read"
    REPLAY = "replay"
    MANAGE = "manage"


class Role(StrEnum):
    OWNER = "owner"
    ADMIN = "admin"
    MEMBER = "member"
    VIEWER = "viewer"


ROLE_SCOPES: Mapping[Role, frozenset[Scope]] = {
    Role.VIEWER: frozenset({Scope.READ}),
    Role.MEMBER: frozenset({Scope.READ, Scope.REPLAY}),
    Role.ADMIN: frozenset({Scope.READ, Scope.REPLAY, Scope.MANAGE}),
    Role.OWNER: frozenset({Scope.READ, Scope.REPLAY, Scope.MANAGE}),
}


@dataclass(frozen=True, kw_only=True)
class Actor:
    """A person, a key or an anonymous visitor, with what each may do in which organization.

    `label` names the actor in audit rows (`user:ada`, `key:mkey_1a2b3c4d`, `anonymous`).
    `token_id` is set where a personal token acts for its person, `service_id` for a key that belongs to one
    service: it reaches nothing beside it.
    """

    label: str
    grants: Mapping[UUID, frozenset[Scope]] = field(default_factory=dict)
    service_id: UUID | None = None
    user_id: int | None = None
    key_id: UUID | None = None
    token_id: UUID | None = None

    @property
    def is_anonymous(self) -> bool:
        return self.user_id is None and self.key_id is None

    def may(self, scope: Scope, organization_id: UUID | None = None) -> bool:
        """Whether the actor holds the scope in this organization, or in any when none is named."""
        if organization_id is not None:
            return scope in self.grants.get(organization_id, frozenset())
        return any(scope in scopes for scopes in self.grants.values())

    def organizations(self, scope: Scope = Scope.READ) -> list[UUID]:
        return [organization for organization, scopes in self.grants.items() if scope in scopes]


NOBODY = Actor(label="anonymous")
