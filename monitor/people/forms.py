"""Forms of people's pages."""

from datetime import datetime, timedelta
from typing import Any

from allauth.account.models import EmailAddress
from django import forms
from django.contrib.auth.models import User
from django.contrib.auth.password_validation import validate_password
from django.contrib.auth.validators import UnicodeUsernameValidator

from monitor.access.tokens import TOKEN_SCOPES
from monitor.lib.actors import Role, Scope

SCOPE_WORDS = {
    Scope.READ: "read: search and measure",
    Scope.REPLAY: "replay: send kept requests again",
    Scope.MANAGE: "manage: change services, keys, alerts and people",
}
LIVES = (("30", "30 days"), ("90", "90 days"), ("365", "a year"), ("7", "7 days"), ("", "for good"))
ROLE_WORDS = (
    (Role.VIEWER.value, "Viewer: looks"),
    (Role.MEMBER.value, "Member: replays, sees to issues"),
    (Role.ADMIN.value, "Admin: manages services, keys and people"),
    (Role.OWNER.value, "Owner: admin, who may export and delete the organization"),
)


class TokenForm(forms.Form):
    """A new personal token."""

    name = forms.CharField(
        max_length=128,
        help_text="What will use it: a script, a machine.",
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    scopes = forms.MultipleChoiceField(
        label="It may, where you may",
        choices=[(scope.value, SCOPE_WORDS[scope]) for scope in TOKEN_SCOPES],
        initial=[Scope.READ.value],
        widget=forms.CheckboxSelectMultiple,
    )
    days = forms.ChoiceField(label="It works for", choices=LIVES, required=False, initial="30")

    def expires_at(self, now: datetime) -> datetime | None:
        days = self.cleaned_data["days"]
        return now + timedelta(days=int(days)) if days else None


class InviteForm(forms.Form):
    """Somebody to invite."""

    email = forms.EmailField(label="Email", max_length=254)
    role = forms.ChoiceField(choices=ROLE_WORDS, initial=Role.VIEWER)
    days = forms.IntegerField(label="The link works for (days)", min_value=1, max_value=30, initial=7)


class NewAccountForm(forms.Form):
    """The account of somebody who was invited; the address is the invitation's."""

    username = forms.CharField(
        max_length=150,
        validators=[UnicodeUsernameValidator()],
        widget=forms.TextInput(attrs={"autocomplete": "username", "autocapitalize": "none"}),
    )
    password = forms.CharField(
        max_length=256,
        strip=False,
        help_text="At least 10 characters.",
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )

    def __init__(self, *args: Any, email: str, **options: Any) -> None:
        super().__init__(*args, **options)
        self.email = email

    def clean_username(self) -> str:
        username: str = self.cleaned_data["username"]
        if User.objects.filter(username__iexact=username).exists():
            raise forms.ValidationError("This name is taken.")
        return username

    def clean(self) -> dict[str, Any]:
        fields = super().clean() or {}
        if EmailAddress.objects.filter(email__iexact=self.email, verified=True).exists():
            self.add_error(None, "There is an account with this address: sign in, and join with it.")
        password = fields.get("password")
        if password:
            try:
                validate_password(password, User(username=fields.get("username", ""), email=self.email))
            except forms.ValidationError as weak:
                self.add_error("password", weak)
        return fields
