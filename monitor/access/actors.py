"""What a person, a key or an anonymous visitor may do, as an Actor."""

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser, User

from monitor.lib.actors import NOBODY, ROLE_SCOPES, Actor, Role, Scope
from monitor.models import ApiKey, Membership, Organization

ANONYMOUS_SCOPES = {
    "none": frozenset[Scope](),
    "read": frozenset({Scope.READ}),
    "full": frozenset({Scope.READ, Scope.REPLAY, Scope.MANAGE}),
}


def anonymous_actor() -> Actor:
    """What ANONYMOUS_ACCESS grants, in the Default organization alone."""
    scopes = ANONYMOUS_SCOPES[settings.ANONYMOUS_ACCESS]
    if not scopes:
        return NOBODY
    return Actor(label="anonymous", grants={Organization.objects.default().id: scopes})


def actor_of_user(user: AbstractBaseUser | AnonymousUser) -> Actor:
    """The person's memberships as grants; a superuser owns every organization."""
    if not isinstance(user, User) or not user.is_active:
        return anonymous_actor()
    if user.is_superuser:
        grants = dict.fromkeys(Organization.objects.values_list("id", flat=True), ROLE_SCOPES[Role.OWNER])
    else:
        memberships = Membership.objects.filter(user=user).values_list("organization_id", "role")
        grants = {organization: ROLE_SCOPES[Role(role)] for organization, role in memberships}
    return Actor(label=f"user:{user.get_username()}", grants=grants, user_id=user.pk)


def actor_of_key(key: ApiKey) -> Actor:
    return Actor(
        label=f"key:{key.prefix}",
        grants={key.organization_id: frozenset(Scope(scope) for scope in key.scopes)},
        service_id=key.service_id,
        key_id=key.id,
    )
