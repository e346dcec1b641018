"""Signing in, as this product has it: by name or mail address, and with no open sign-up."""

import logging
import smtplib
from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.forms import LoginForm
from allauth.account.internal.userkit import filter_users_by_email, get_user_by_username
from allauth.account.views import LoginView
from allauth.core.internal.httpkit import clean_client_ip
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.models import User
from django.core.cache import cache
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import render, resolve_url

from monitor.access.gate import page_actor
from monitor.access.recent import signed_in_recently
from monitor.access.requests import client_address
from monitor.audit import record
from monitor.lib.actors import NOBODY

logger = logging.getLogger(__name__)
# Where no address is known, as behind a socket: such callers share the tries of one.
NO_ADDRESS = "::"
LOCK_TOLD_S = 60
WRONG = "Please enter a correct username and password."


class AccountAdapter(DefaultAccountAdapter):
    """What allauth asks of us about accounts."""

    error_messages = {
        **DefaultAccountAdapter.error_messages,
        # The same words for a wrong name and a wrong password.
        "username_password_mismatch": WRONG,
        "email_password_mismatch": WRONG,
        "too_many_login_attempts": "Too many failed attempts. Wait a little, then try again.",
    }

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """People come by invitation."""
        return False

    def get_client_ip(self, request: HttpRequest) -> str:
        return clean_client_ip(client_address(request) or "") or NO_ADDRESS

    def is_reauthentication_required(self, *, app: str, **kwargs: Any) -> bool:
        """Whoever has just signed in is not asked again at once."""
        return not signed_in_recently(self.request, self.request.user)

    def _get_login_attempts_cache_key(self, request: HttpRequest, **credentials: Any) -> str:
        """One for each account, by whichever of its names it is asked for, and one for each name that is
        nobody's. allauth puts the Host header before it, of which the caller chooses the port."""
        typed: str = credentials.get("email", credentials.get("username", "")).lower()
        account = account_called(typed)
        return f"account:{account}" if account is not None else f"name:{typed}"

    def pre_authenticate(self, request: HttpRequest, **credentials: Any) -> None:
        try:
            super().pre_authenticate(request, **credentials)
        except ValidationError:
            # No name: what was typed into the name's field may be a password.
            logger.warning("A sign-in was locked out.", extra={"client": client_address(request)})
            record_lock(self._get_login_attempts_cache_key(request, **credentials))
            raise

    def get_reset_password_from_key_url(self, key: str) -> str:
        uid, _, token = key.partition("-")
        return public(resolve_url("account_reset_password_from_key", uidb36=uid, key=token))

    def get_email_confirmation_url(self, request: HttpRequest, emailconfirmation: Any) -> str:
        return public(resolve_url("account_confirm_email", key=emailconfirmation.key))

    def get_password_change_redirect_url(self, request: HttpRequest) -> str:
        return resolve_url("pages:account")

    def get_email_verification_redirect_url(self, email_address: Any) -> str:
        return resolve_url("account_email" if self.request.user.is_authenticated else "login")

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """A mail server that is away must not undo what the person has done."""
        try:
            super().send_mail(template_prefix, email, {**context, "public_url": settings.PUBLIC_URL})
        except (OSError, smtplib.SMTPException):
            logger.exception("A mail of the sign-in could not be sent.", extra={"mail": template_prefix})
            if self.request.user.is_authenticated:
                messages.warning(self.request, "A mail about this could not be sent.")


def record_lock(key: str) -> None:
    """That an account is locked, once a minute however often it is tried; a name that is nobody's is in no
    log, as it may be a password."""
    kind, _, account = key.partition(":")
    if kind == "account" and cache.add(f"allauth:told-locked:{account}", 1, LOCK_TOLD_S):
        person = User.objects.get(pk=account)
        record(
            "auth.locked",
            target_type="user",
            target_id=person.pk,
            target_label=person.get_username(),
            actor=NOBODY,
        )


def account_called(typed: str) -> int | None:
    """Whose username or mail address this is; the oldest account's where several have the address."""
    by_name = get_user_by_username(typed)
    found = [by_name] if by_name else filter_users_by_email(typed, for_login=True)
    return min((user.pk for user in found), default=None)


class SignInForm(LoginForm):
    """The field of the name goes on to be called `username`, for people's browsers and scripts."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        name = self.fields["login"]
        name.label = "Username or email"
        name.widget.attrs = {"autocomplete": "username", "autofocus": True, "autocapitalize": "none"}
        self.fields["password"].widget.attrs.pop("placeholder", None)
        self.fields["password"].help_text = ""

    def add_prefix(self, field_name: str) -> str:
        prefixed: str = super().add_prefix("username" if field_name == "login" else field_name)
        return prefixed


class SignInView(LoginView):
    """The one sign-in page, of the pages and of the admin."""

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Who has signed in and belongs nowhere is told so: the gate would send them back here for ever."""
        if request.user.is_authenticated and not page_actor(request).grants:
            return render(request, "account/nothing_to_see.html")
        answer: HttpResponseBase = super().dispatch(request, *args, **kwargs)
        return answer

    def get_context_data(self, **options: Any) -> dict[str, Any]:
        return {**super().get_context_data(**options), "sends_mail": settings.SENDS_MAIL}


def public(address: str) -> str:
    """An address of ours for mails; never made of the Host header, which a caller chooses."""
    return f"{settings.PUBLIC_URL}{address}"
