"""The second factor: sealed at rest, and asked for where this installation wants one."""

from allauth.account.internal.flows.login import get_authentication_records, record_authentication
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator
from allauth.mfa.signals import authenticator_added
from django.conf import settings
from django.contrib.auth.models import AnonymousUser, User
from django.http import HttpRequest

from monitor.lib.secrets import seal, unseal

WHY = "This installation asks for a second factor. Add an authenticator app or a passkey to go on."


class SecondFactorAdapter(DefaultMFAAdapter):
    """What allauth asks of us about second factors."""

    def encrypt(self, text: str) -> str:
        """The secret of an authenticator app, or the seed of recovery codes, as it is kept."""
        return seal(text).decode()

    def decrypt(self, encrypted_text: str) -> str:
        return unseal(encrypted_text.encode())

    def can_delete_authenticator(self, authenticator: Authenticator) -> bool:
        """The last one stays where one is asked for; another may be added first."""
        user = authenticator.user
        if not is_required_of(user) and not is_required_in_admin(user):
            return True
        others = Authenticator.objects.filter(user=user).exclude(id=authenticator.id)
        return bool(others.exclude(type=Authenticator.Type.RECOVERY_CODES).exists())


def is_required_of(user: User | AnonymousUser) -> bool:
    """Whether this person needs a second factor everywhere."""
    if not user.is_authenticated:
        return False
    return settings.SECOND_FACTOR == "everyone" or (settings.SECOND_FACTOR == "staff" and user.is_staff)


def is_required_in_admin(user: User | AnonymousUser) -> bool:
    """Whether this person needs one to enter the admin."""
    return is_required_of(user) or (settings.SECOND_FACTOR == "admin" and user.is_staff)


def used_second_factor(request: HttpRequest) -> bool:
    """Whether this session has shown one. Asks the session alone, which every page has read already."""
    records = get_authentication_records(request, request.user)
    return any(record.get("method") == "mfa" for record in records)


def has_second_factor(user: User) -> bool:
    """Whether the person has one to show; recovery codes alone are none."""
    own = Authenticator.objects.filter(user=user)
    return bool(own.exclude(type=Authenticator.Type.RECOVERY_CODES).exists())


def count_as_shown(
    sender: object, request: HttpRequest, authenticator: Authenticator, **about: object
) -> None:
    """Whoever adds a second factor has just shown it: the session needs no second look."""
    if authenticator.type != Authenticator.Type.RECOVERY_CODES:
        record_authentication(request, request.user, method="mfa", type=authenticator.type)


authenticator_added.connect(count_as_shown, dispatch_uid="count_as_shown")
