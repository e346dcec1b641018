"""Forms for what monitors of an organization share. The API's serializers judge them."""

from typing import Any

from django import forms

from monitor.api.forms import SerializerForm
from monitor.lib.actors import Actor, Scope
from monitor.lib.masking import MASK
from monitor.models import Organization
from monitor.models.monitors import MAX_TAG_CHARACTERS
from monitor.monitors.shared_api import ProxySerializer, TagSerializer


def homes_of(actor: Actor) -> list[Organization]:
    """Where the actor may make something."""
    return list(Organization.objects.filter(id__in=actor.organizations(Scope.MANAGE)).order_by("name", "id"))


class OwnedForm(SerializerForm):
    """Asks for the organization only where there is a choice."""

    organization = forms.ChoiceField()

    def __init__(self, *args: Any, homes: list[Organization], **options: Any) -> None:
        super().__init__(*args, **options)
        if self.instance is not None or len(homes) < 2:
            del self.fields["organization"]
        else:
            choice: Any = self.fields["organization"]
            choice.choices = [(str(home.id), home.name) for home in homes]


class TagForm(OwnedForm):
    serializer_class = TagSerializer
    field_order = ("name", "organization")

    name = forms.CharField(max_length=MAX_TAG_CHARACTERS)


class ProxyForm(OwnedForm):
    serializer_class = ProxySerializer
    field_order = ("name", "url", "username", "password", "organization")

    name = forms.CharField(max_length=128)
    url = forms.CharField(
        label="Address",
        max_length=512,
        widget=forms.TextInput(attrs={"placeholder": "http://proxy.example.com:3128", "class": "mono"}),
        help_text="http://, socks5:// or socks5h:// (which looks names up itself), with the port.",
    )
    username = forms.CharField(label="User name", max_length=255, required=False)
    password = forms.CharField(
        max_length=255,
        required=False,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )
    forget_password = forms.BooleanField(label="Without a password from now on", required=False)

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        if self.instance is None or self.instance.sealed is None:
            del self.fields["forget_password"]
        else:
            self.fields["password"].help_text = "Sealed, and never shown. Left empty, it stays."

    def sent(self) -> dict[str, Any]:
        sent = dict(self.cleaned_data)
        if sent.pop("forget_password", False):
            sent["password"] = ""
        elif not sent.get("password") and self.instance is not None and self.instance.sealed is not None:
            sent["password"] = MASK
        return sent
