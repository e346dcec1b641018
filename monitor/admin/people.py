"""Organizations, the people in them, and who may enter this admin."""

from typing import Any

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount, SocialApp, SocialToken
from allauth.usersessions.models import UserSession
from django.contrib import admin, messages
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.models import Group, Permission, User
from django.contrib.contenttypes.models import ContentType
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString

from monitor.access.recent import confirm_who
from monitor.admin.shared import LeanDeletionAdmin, NounAdmin, PlainChoices
from monitor.admin.shown import moment
from monitor.models import Membership, Organization
from monitor.models.tenants import DEFAULT_ORGANIZATION

# What people may do in an organization is their role in it; groups would be a second answer.
admin.site.unregister(Group)
admin.site.unregister(User)
# What people set for themselves about signing in. An operator takes a lost second factor away by the action
# below; secrets, sessions and the accounts of other providers are nothing to edit here.
for model in (EmailAddress, Authenticator, UserSession, SocialAccount, SocialApp, SocialToken):
    admin.site.unregister(model)


class MembershipInline(PlainChoices, admin.TabularInline):
    model = Membership
    extra = 0
    fields = ("organization", "user", "role")
    autocomplete_fields = ("user",)


@admin.register(Organization)
class OrganizationAdmin(LeanDeletionAdmin):
    list_display = ("name", "plan", "service_count", "member_count", "created")
    search_fields = ("name",)
    fields = ("name", "plan", "retention_days", "error_retention_days")
    list_select_related = ("plan",)
    ordering = ("name",)
    inlines = (MembershipInline,)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Organization]:
        organizations: QuerySet[Organization] = super().get_queryset(request)
        return organizations.annotate(
            members=Count("memberships", distinct=True),
            living=Count("services", filter=Q(services__deleted_at=None), distinct=True),
        )

    def get_readonly_fields(self, request: HttpRequest, obj: Organization | None = None) -> tuple[str, ...]:
        """Anonymous visitors and new services find the Default organization by its name."""
        return ("name",) if obj is not None and obj.name == DEFAULT_ORGANIZATION else ()

    def has_delete_permission(self, request: HttpRequest, obj: Organization | None = None) -> bool:
        """Once its services are gone, those that a task is still removing included."""
        if obj is not None and (obj.name == DEFAULT_ORGANIZATION or obj.services.exists()):
            return False
        return super().has_delete_permission(request, obj)

    def goes_along(self, obj: Organization) -> str:
        return "with its members' roles, keys and consumers"

    @admin.display(description="Services", ordering="living")
    def service_count(self, organization: Any) -> int:
        count: int = organization.living
        return count

    @admin.display(description="Members", ordering="members")
    def member_count(self, organization: Any) -> int:
        count: int = organization.members
        return count

    @admin.display(description="Created at", ordering="created_at")
    def created(self, organization: Organization) -> SafeString | str:
        return moment(organization.created_at)


@admin.register(Membership)
class MembershipAdmin(NounAdmin):
    list_display = ("user", "organization", "role", "created")
    list_filter = ("role", "organization")
    list_select_related = ("user", "organization")
    search_fields = ("user__username", "user__email", "organization__name")
    fields = ("organization", "user", "role")
    autocomplete_fields = ("organization", "user")
    ordering = ("organization__name", "user__username", "id")

    def get_readonly_fields(self, request: HttpRequest, obj: Membership | None = None) -> tuple[str, ...]:
        return () if obj is None else ("organization", "user")

    @admin.display(description="Since", ordering="created_at")
    def created(self, membership: Membership) -> SafeString | str:
        return moment(membership.created_at)


@admin.register(User)
class PersonAdmin(NounAdmin, UserAdmin):
    """People. Staff who are not superusers cannot make anyone, themselves included, more powerful."""

    list_display = ("username", "email", "roles", "is_active", "is_staff", "is_superuser", "last_seen")
    list_filter = ("is_active", "is_staff", "is_superuser", "memberships__organization")
    filter_horizontal = ("user_permissions",)
    ordering = ("username",)
    inlines = (MembershipInline,)
    fieldsets = (
        (None, {"fields": ("username", "password", "is_active")}),
        ("Person", {"fields": ("first_name", "last_name", "email", "last_seen", "joined")}),
        (
            "This admin",
            {
                "fields": ("is_staff", "is_superuser", "user_permissions"),
                "description": "Staff see all organizations here, as far as their permissions go. "
                "What a person may do on the pages and through the API is the role of each membership below.",
            },
        ),
    )
    readonly_fields = ("last_seen", "joined")
    actions = ("remove_second_factors",)

    @admin.action(description="Remove the second factors of the chosen people", permissions=["change"])
    def remove_second_factors(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        """For who has lost the phone and the recovery codes. They sign in with the password alone until they
        add another."""
        confirm_who(request)
        people = [user for user in queryset if may_touch(request, user)]
        for user in people:
            if Authenticator.objects.filter(user=user).delete()[0]:
                self.log_change(request, user, "Second factors removed.")
        self.message_user(request, f"Second factors removed of {len(people)}.", messages.SUCCESS)

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        return super().get_queryset(request).prefetch_related("memberships__organization")

    def get_inlines(self, request: HttpRequest, obj: User | None) -> tuple[type[MembershipInline], ...]:
        """A new person is made first and placed then, as Django's form asks for the password alone."""
        return self.inlines if obj is not None else ()

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> tuple[str, ...]:
        power = () if is_superuser(request) else ("is_staff", "is_superuser", "user_permissions")
        return (*self.readonly_fields, *power)

    def has_change_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        return may_touch(request, obj) and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        return may_touch(request, obj) and super().has_delete_permission(request, obj)

    def formfield_for_manytomany(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        field = super().formfield_for_manytomany(db_field, request, **kwargs)
        if db_field.name == "user_permissions" and field is not None:
            field.queryset = useful_permissions()
        return field

    @admin.display(description="Roles")
    def roles(self, user: User) -> str:
        return ", ".join(f"{each.role} of {each.organization.name}" for each in user.memberships.all())

    @admin.display(description="Last login", ordering="last_login")
    def last_seen(self, user: User) -> SafeString | str:
        return moment(user.last_login, "relative", otherwise="never")

    @admin.display(description="Joined")
    def joined(self, user: User) -> SafeString | str:
        return moment(user.date_joined)


def useful_permissions() -> QuerySet[Permission]:
    """Those that open something in this admin."""
    useful = Q(pk__in=[])
    for model, model_admin in admin.site._registry.items():
        if isinstance(model_admin, NounAdmin):
            names = [f"{name}_{model._meta.model_name}" for name in model_admin.permissions]
            useful |= Q(content_type=ContentType.objects.get_for_model(model), codename__in=names)
    return Permission.objects.filter(useful).select_related("content_type").order_by("content_type", "id")


def is_superuser(request: HttpRequest) -> bool:
    return isinstance(request.user, User) and request.user.is_superuser


def may_touch(request: HttpRequest, user: User | None) -> bool:
    """Whoever changes a superuser's or other staff's password could sign in as them."""
    return user is None or is_superuser(request) or not (user.is_superuser or user.is_staff)
