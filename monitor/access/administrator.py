"""The first administrator of an installation."""

import secrets
from dataclasses import dataclass

from allauth.account.models import EmailAddress
from django.contrib.auth import get_user_model
from django.contrib.auth.password_validation import validate_password
from django.db import transaction

from monitor.lib.actors import Role
from monitor.models import Membership, Organization

DEFAULT_ADDRESS = "admin@localhost"


@dataclass(frozen=True, kw_only=True)
class Administrator:
    username: str
    generated_password: str | None


@transaction.atomic
def ensure_administrator(
    *, username: str, password: str | None, email: str = DEFAULT_ADDRESS
) -> Administrator | None:
    """Make the first administrator, owner of the Default organization. None when there is one already.

    Without a password one is generated; it is in the answer and nowhere else. A password that is given
    must pass the validators: raises django's ValidationError. An existing account is never changed.
    """
    users = get_user_model().objects
    if users.filter(is_superuser=True, is_active=True).exists() or users.filter(username=username).exists():
        return None
    generated = None if password else secrets.token_urlsafe(15)
    if password:
        validate_password(password)
    user = users.create_superuser(username=username, email=email, password=password or generated)
    # Whoever sets the installation up vouches for it; a second factor cannot be added to an unverified one.
    EmailAddress.objects.create(user=user, email=email, verified=True, primary=True)
    Membership.objects.create(organization=Organization.objects.default(), user=user, role=Role.OWNER)
    return Administrator(username=username, generated_password=generated)
