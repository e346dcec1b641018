"""API keys: made, rotated and revoked. The text of a key is in one answer and nowhere else.

That answer is rendered for the POST itself. A redirect with a message would put the key into a cookie or,
when that is full, into the session's row.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.safestring import SafeString

from monitor.access import issue_key, revoke_key, rotate_key
from monitor.access.keys import KeyNotUsable
from monitor.access.recent import confirm_who
from monitor.admin.shared import NounAdmin
from monitor.admin.shown import code, list_of, moment
from monitor.lib.actors import Scope
from monitor.models import ApiKey
from monitor.models.keys import KeyKind, default_scopes
from monitor.models.limits import MAX_A_MINUTE
from monitor.services.snippets import for_apitally

SCOPE_WORDS = {
    Scope.INGEST: "ingest: send logs",
    Scope.READ: "read: search logs and metrics",
    Scope.REPLAY: "replay: send kept requests again",
    Scope.MANAGE: "manage: change services, keys and alerts",
}
OVERLAPS = {
    "0": "At once",
    "3600": "In an hour",
    "86400": "In a day",
    "604800": "In a week",
}


class NewKeyForm(forms.ModelForm):
    scopes = forms.MultipleChoiceField(
        choices=[(scope.value, words) for scope, words in SCOPE_WORDS.items()],
        initial=default_scopes,
        widget=forms.CheckboxSelectMultiple,
    )

    class Meta:
        model = ApiKey
        fields = (
            "service",
            "organization",
            "name",
            "kind",
            "scopes",
            "mode",
            "expires_at",
            "requests_per_minute",
            "logs_per_minute",
        )
        help_texts = {
            "service": "Leave empty for a key of the whole organization; such a key sends no logs.",
            "organization": "Needed only without a service.",
            "name": "Where the key will live, such as the program or the machine.",
            "kind": "Apitally's clients take their own form alone. Such keys report, and do nothing else.",
            "mode": "Logs sent with a test key are marked as test.",
            "expires_at": "Empty: never.",
            "requests_per_minute": "Calls of the API. Empty: as the plan or the installation is set.",
            "logs_per_minute": "Empty: no limit beside the organization's.",
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["organization"].required = self.fields["kind"].required = False

    def clean_kind(self) -> str:
        return self.cleaned_data["kind"] or KeyKind.OWN

    def clean_expires_at(self) -> datetime | None:
        moment: datetime | None = self.cleaned_data["expires_at"]
        if moment is not None and moment <= timezone.now():
            raise ValidationError("This moment has passed.")
        return moment

    def clean(self) -> dict[str, Any]:
        fields = super().clean() or {}
        service, organization = fields.get("service"), fields.get("organization")
        if service is not None and organization not in (None, service.organization):
            self.add_error("organization", "The service belongs to another organization.")
        elif service is not None:
            fields["organization"] = service.organization
        elif organization is None and not self.errors:
            self.add_error("service", "Choose a service, or an organization below.")
        if service is None and fields.get("kind") not in (None, KeyKind.OWN):
            self.add_error("service", "A client library reports for a service.")
        return fields


def with_snippet(key: Any) -> Any:
    """The key with the lines that set a client library up, where it is for one."""
    key.snippet = for_apitally(key.kind, public_url=settings.PUBLIC_URL, raw_key=key.raw_key)
    return key


class RotationForm(forms.Form):
    overlap = forms.ChoiceField(
        choices=list(OVERLAPS.items()),
        initial="86400",
        widget=forms.RadioSelect,
        label="The old key stops working",
    )


class LimitsForm(forms.Form):
    requests_per_minute = forms.IntegerField(
        min_value=1,
        max_value=MAX_A_MINUTE,
        required=False,
        help_text="Calls of the API. Empty: as the plan or the installation is set.",
    )
    logs_per_minute = forms.IntegerField(
        min_value=1,
        max_value=MAX_A_MINUTE,
        required=False,
        help_text="Empty: no limit beside the organization's.",
    )


class StateFilter(admin.SimpleListFilter):
    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("active", "Active"), ("expired", "Expired"), ("revoked", "Revoked")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        now = timezone.now()
        if self.value() == "active":
            return queryset.filter(Q(expires_at=None) | Q(expires_at__gt=now), revoked_at=None)
        if self.value() == "expired":
            return queryset.filter(expires_at__lte=now, revoked_at=None)
        if self.value() == "revoked":
            return queryset.exclude(revoked_at=None)
        return queryset


@admin.register(ApiKey)
class ApiKeyAdmin(NounAdmin):
    permissions = ("view", "add", "change")
    list_display = ("name", "key", "service", "state", "last_used", "scopes_held", "mode", "organization")
    list_filter = (StateFilter, "mode", "organization")
    list_select_related = ("service", "organization")
    search_fields = ("name", "prefix", "service__name")
    search_help_text = "Name, prefix or service. A whole key is never needed here."
    ordering = ("-id",)
    actions = ("rotate_keys", "revoke_keys", "limit_keys")
    change_form_template = "admin/monitor/apikey/change_form.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[ApiKey]:
        return super().get_queryset(request).filter(Q(service=None) | Q(service__deleted_at=None))

    def get_form(
        self, request: HttpRequest, obj: ApiKey | None = None, change: bool = False, **kwargs: Any
    ) -> Any:
        if obj is None:
            kwargs["form"] = NewKeyForm
        return super().get_form(request, obj, change=change, **kwargs)

    def get_fields(self, request: HttpRequest, obj: ApiKey | None = None) -> tuple[str, ...]:
        if obj is None:
            return NewKeyForm.Meta.fields
        return (
            "name",
            "key",
            "service",
            "organization",
            "scopes_held",
            "kind",
            "mode",
            "state",
            "last_used",
            "expires",
            "revoked",
            "requests_per_minute",
            "logs_per_minute",
            "created",
            "created_by",
        )

    def has_change_permission(self, request: HttpRequest, obj: ApiKey | None = None) -> bool:
        """A key is what it was made as; rotating and revoking are the actions."""
        return obj is None and super().has_change_permission(request)

    def has_delete_permission(self, request: HttpRequest, obj: ApiKey | None = None) -> bool:
        """Revoked keys stay, so that what they once sent can be traced to them."""
        return False

    def render_change_form(
        self,
        request: HttpRequest,
        context: dict[str, Any],
        add: bool = False,
        change: bool = False,
        form_url: str = "",
        obj: ApiKey | None = None,
    ) -> HttpResponse:
        """With buttons that begin the actions, where there is something to rotate or revoke."""
        open_key = obj is not None and obj.revoked_at is None
        context["may_rotate"] = open_key and self.has_change_permission(request)
        return super().render_change_form(request, context, add, change, form_url, obj)

    # --- Making ---

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        if request.method == "POST":
            confirm_who(request)
        one_button = {"show_save_and_continue": False, "show_save_and_add_another": False}
        return super().add_view(request, form_url, {**(extra_context or {}), **one_button})

    def save_model(self, request: HttpRequest, obj: ApiKey, form: Any, change: bool) -> None:
        key, raw = issue_key(**form.cleaned_data, created_by_id=request.user.pk)
        # Django goes on with its own object: it becomes the key that was made.
        obj.__dict__.update(key.__dict__)
        obj.raw_key = raw  # type: ignore[attr-defined] # for this answer only

    def response_add(
        self, request: HttpRequest, obj: ApiKey, post_url_continue: str | None = None
    ) -> HttpResponse:
        return self.show_once(request, [obj], title="The new key")

    def show_once(self, request: HttpRequest, keys: Iterable[ApiKey], *, title: str) -> HttpResponse:
        """The one page that holds the keys' texts (`raw_key`); never kept by browsers and proxies."""
        context = {
            **self.admin_site.each_context(request),
            "title": title,
            "opts": self.opts,
            "keys": [with_snippet(key) for key in keys],
            "public_url": settings.PUBLIC_URL,
            "list_url": list_of(ApiKey),
        }
        response = TemplateResponse(request, "admin/monitor/apikey/shown_once.html", context)
        response["Cache-Control"] = "no-store"
        return response

    # --- Actions ---

    @admin.action(description="Rotate the chosen keys", permissions=["change"])
    def rotate_keys(self, request: HttpRequest, queryset: QuerySet[ApiKey]) -> HttpResponse | None:
        form = RotationForm(request.POST if "confirmed" in request.POST else None)
        if not form.is_valid():
            return self.ask(request, queryset, action="rotate_keys", title="Rotate keys", form=form)
        confirm_who(request)
        overlap = timedelta(seconds=int(form.cleaned_data["overlap"]))
        successors = [self.rotate(request, key, overlap) for key in queryset.order_by("id")]
        made = [key for key in successors if key is not None]
        return self.show_once(request, made, title="The successors") if made else None

    @transaction.atomic
    def rotate(self, request: HttpRequest, key: ApiKey, overlap: timedelta) -> ApiKey | None:
        """The successor with its text, or None and a message when the key is past rotating."""
        now = timezone.now()
        try:
            successor, raw = rotate_key(key, now=now, overlap=overlap, created_by_id=request.user.pk)
        except KeyNotUsable as error:
            self.message_user(request, f"{key}: {error}", messages.WARNING)
            return None
        self.log_change(request, key, f"Rotated: {successor.prefix}… takes over.")
        self.log_addition(request, successor, f"Made as the successor of {key.prefix}….")
        successor.raw_key = raw  # type: ignore[attr-defined] # for this answer only
        return successor

    @admin.action(description="Set the limits of the chosen keys", permissions=["change"])
    def limit_keys(self, request: HttpRequest, queryset: QuerySet[ApiKey]) -> HttpResponse | None:
        form = LimitsForm(request.POST if "confirmed" in request.POST else None)
        if not form.is_valid():
            return self.ask(request, queryset, action="limit_keys", title="Set limits", form=form)
        with transaction.atomic():
            for key in queryset.order_by("id"):
                for name, value in form.cleaned_data.items():
                    setattr(key, name, value)
                key.save(update_fields=list(form.cleaned_data))
                self.log_change(request, key, "Limits set.")
        self.message_user(request, "The limits are set.", messages.SUCCESS)
        return None

    @admin.action(description="Revoke the chosen keys", permissions=["change"])
    def revoke_keys(self, request: HttpRequest, queryset: QuerySet[ApiKey]) -> HttpResponse | None:
        if "confirmed" not in request.POST:
            return self.ask(request, queryset, action="revoke_keys", title="Revoke keys")
        open_keys = list(queryset.filter(revoked_at=None))
        for key in open_keys:
            with transaction.atomic():
                revoke_key(key, now=timezone.now())
                self.log_change(request, key, "Revoked.")
        count = len(open_keys)
        words = f"{count} key{'' if count == 1 else 's'} revoked." if count else "They were revoked already."
        self.message_user(request, words, messages.SUCCESS)
        return None

    def ask(
        self,
        request: HttpRequest,
        queryset: QuerySet[ApiKey],
        *,
        action: str,
        title: str,
        form: forms.Form | None = None,
    ) -> HttpResponse:
        """A page that names the keys and asks whether to go on; it posts the action again, confirmed."""
        context = {
            **self.admin_site.each_context(request),
            "title": title,
            "opts": self.opts,
            "keys": queryset.select_related("service"),
            "action": action,
            "form": form,
            "list_url": list_of(ApiKey),
        }
        return TemplateResponse(request, "admin/monitor/apikey/confirm.html", context)

    # --- Columns ---

    @admin.display(description="Key", ordering="prefix")
    def key(self, key: ApiKey) -> SafeString:
        return code(f"{key.prefix}…")

    @admin.display(description="Scopes")
    def scopes_held(self, key: ApiKey) -> str:
        return ", ".join(key.scopes)

    @admin.display(description="State")
    def state(self, key: ApiKey) -> str:
        if key.revoked_at is not None:
            return "Revoked"
        if not key.is_active(timezone.now()):
            return "Expired"
        return "Active" if key.expires_at is None else "Active, expires"

    @admin.display(description="Last used", ordering="last_used_at")
    def last_used(self, key: ApiKey) -> SafeString | str:
        return moment(key.last_used_at, "relative", otherwise="never")

    @admin.display(description="Expires at")
    def expires(self, key: ApiKey) -> SafeString | str:
        return moment(key.expires_at, otherwise="never")

    @admin.display(description="Revoked at")
    def revoked(self, key: ApiKey) -> SafeString | str:
        return moment(key.revoked_at)

    @admin.display(description="Created at")
    def created(self, key: ApiKey) -> SafeString | str:
        return moment(key.created_at)
