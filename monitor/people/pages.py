"""The page of an organization's people: members, roles, invitations."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.cache import add_never_cache_headers
from django.views.decorators.http import require_http_methods

from monitor.access.gate import page_actor
from monitor.access.recent import confirm_who
from monitor.api.paths import uuid_or_none
from monitor.api.permissions import require
from monitor.lib.actors import Actor, Scope
from monitor.models import Invitation, Membership, Organization
from monitor.people.forms import ROLE_WORDS, InviteForm
from monitor.people.invitations import AlreadyMember, invite, revoke_invitation, send_or_hand
from monitor.people.members import LastOwner, change_role, remove_member
from monitor.people.roles import require_say, role_in

MAX_LISTED = 500
reading_or_posting = require_http_methods(["GET", "HEAD", "POST"])


@dataclass(frozen=True, kw_only=True)
class Handed:
    """A link that has to be handed over by hand, as no mail went out."""

    email: str
    link: str


def organization_of_page(request: HttpRequest, actor: Actor) -> Organization:
    """The one that is asked for, else the first that the actor manages."""
    require(actor, Scope.MANAGE)
    mine = Organization.objects.filter(id__in=actor.organizations(Scope.MANAGE)).order_by("name", "id")
    asked = uuid_or_none(request.GET.get("organization"))
    found = mine.filter(id=asked).first() if asked else mine.first()
    if found is None:
        raise Http404("No such organization.")
    return found


@reading_or_posting
def people(request: HttpRequest) -> HttpResponse:
    """Who belongs here. A POST invites somebody."""
    actor = page_actor(request)
    organization = organization_of_page(request, actor)
    if request.method != "POST":
        return people_page(request, actor, organization)
    form = InviteForm(request.POST, auto_id="invite_%s")
    if not form.is_valid():
        return people_page(request, actor, organization, status=400, form=form)
    require_say(actor, organization.id, form.cleaned_data["role"])
    confirm_who(request)
    try:
        invitation, link = invite(
            organization=organization,
            email=form.cleaned_data["email"],
            role=form.cleaned_data["role"],
            life=timedelta(days=form.cleaned_data["days"]),
            invited_by_id=actor.user_id,
            now=timezone.now(),
        )
    except AlreadyMember as there:
        form.add_error("email", str(there))
        return people_page(request, actor, organization, status=400, form=form)
    handed = send_or_hand(invitation, link, sends_mail=settings.SENDS_MAIL)
    if handed is not None:
        shown = Handed(email=invitation.email, link=handed)
        response = people_page(request, actor, organization, status=201, handed=shown)
        add_never_cache_headers(response)
        return response
    messages.success(request, f"{invitation.email} is invited. The link works once.")
    return redirect(address_of(organization))


def people_page(
    request: HttpRequest, actor: Actor, organization: Organization, *, status: int = 200, **shown: Any
) -> HttpResponse:
    members = organization.memberships.select_related("user").order_by("user__username", "id")
    managed = Organization.objects.filter(id__in=actor.organizations(Scope.MANAGE)).order_by("name", "id")
    context = {
        "section": "people",
        "organization": organization,
        "organizations": list(managed[:MAX_LISTED]),
        "own_role": role_in(actor, organization.id),
        "members": list(members[:MAX_LISTED]),
        "invitations": list(
            Invitation.objects.open(timezone.now())
            .filter(organization=organization)
            .select_related("invited_by")
            .order_by("-id")[:MAX_LISTED]
        ),
        "roles": [value for value, _ in ROLE_WORDS],
        "form": InviteForm(auto_id="invite_%s"),
        "sends_mail": settings.SENDS_MAIL,
        **shown,
    }
    return render(request, "people/people.html", context, status=status)


@reading_or_posting
def change_member(request: HttpRequest, membership_id: UUID) -> HttpResponse:
    """A POST gives the member another role, or takes them out, as `action` says."""
    if request.method != "POST":
        return redirect("pages:people")
    actor = page_actor(request)
    membership = reach_member(actor, membership_id)
    role = request.POST.get("role", "")
    try:
        if request.POST.get("action") == "remove":
            require_say(actor, membership.organization_id, membership.role)
            remove_member(membership)
            messages.success(request, f"{membership.user} does not belong here any more.")
        elif role in dict(ROLE_WORDS):
            require_say(actor, membership.organization_id, membership.role, role)
            confirm_who(request)
            change_role(membership, role=role)
            messages.success(request, f"{membership.user} is {role} now.")
    except LastOwner as last:
        messages.error(request, str(last))
    return redirect(address_of(membership.organization))


def reach_member(actor: Actor, membership_id: UUID) -> Membership:
    """A member of an organization that the actor manages; 404 for others."""
    reachable = Membership.objects.filter(organization__in=list(actor.grants))
    membership = get_object_or_404(reachable.select_related("user", "organization"), id=membership_id)
    require(actor, Scope.MANAGE, membership.organization_id)
    return membership


@reading_or_posting
def take_back(request: HttpRequest, invitation_id: UUID) -> HttpResponse:
    """A POST makes the link of an invitation open nothing."""
    if request.method != "POST":
        return redirect("pages:people")
    actor = page_actor(request)
    reachable = Invitation.objects.filter(organization__in=list(actor.grants))
    invitation = get_object_or_404(reachable.select_related("organization"), id=invitation_id)
    require_say(actor, invitation.organization_id, invitation.role)
    revoke_invitation(invitation, now=timezone.now())
    messages.success(request, f"The invitation of {invitation.email} is taken back.")
    return redirect(address_of(invitation.organization))


def address_of(organization: Organization) -> str:
    return f"{redirect('pages:people').url}?organization={organization.id}"
