"""/v1/members and /v1/invitations."""

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db.models import QuerySet
from django.http import Http404
from django.utils import timezone
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import mixins, serializers, viewsets
from rest_framework.exceptions import PermissionDenied
from rest_framework.request import Request
from rest_framework.response import Response

from monitor.api.authentication import actor_of
from monitor.api.errors import Conflict
from monitor.api.fields import StrictModelSerializer
from monitor.api.paging import KeysetPagination
from monitor.api.paths import IdsInPath
from monitor.api.permissions import require, require_recent
from monitor.lib.actors import Actor, Scope
from monitor.models import Invitation, Membership, Organization
from monitor.people.invitations import LONGEST_LIFE, AlreadyMember, invite, revoke_invitation, send_or_hand
from monitor.people.members import LastOwner, change_role, remove_member
from monitor.people.roles import require_say
from monitor.services.api import NO_SUCH_ORGANIZATION, organization_for

OTHER_SERVICE = "People belong to the organization: a key of one service has no say in them."


def require_whole(actor: Actor) -> None:
    """Raises PermissionDenied for a key of one service."""
    if actor.service_id is not None:
        raise PermissionDenied(OTHER_SERVICE, code="other_service")


class MemberSerializer(StrictModelSerializer):
    username = serializers.CharField(source="user.username", read_only=True)
    email = serializers.CharField(source="user.email", read_only=True)
    last_login = serializers.DateTimeField(source="user.last_login", read_only=True, allow_null=True)

    class Meta:
        model = Membership
        fields = ("id", "organization", "username", "email", "role", "last_login", "created_at")
        read_only_fields = ("id", "organization", "created_at")


@extend_schema_view(
    list=extend_schema(summary="List the members of the organizations you manage"),
    partial_update=extend_schema(summary="Give a member another role; people only, up to their own role"),
    destroy=extend_schema(summary="Take a member out of the organization; people only"),
)
class MemberViewSet(
    IdsInPath,
    mixins.ListModelMixin,
    mixins.UpdateModelMixin,
    mixins.DestroyModelMixin,
    viewsets.GenericViewSet[Membership],
):
    serializer_class = MemberSerializer
    pagination_class = KeysetPagination
    filter_backends = ()
    scopes = {"GET": Scope.MANAGE}
    problems = {"PATCH": ["409"], "DELETE": ["409"]}
    queryset = Membership.objects.none()

    def get_queryset(self) -> QuerySet[Membership]:
        actor = actor_of(self.request)
        require_whole(actor)
        mine = Membership.objects.filter(organization__in=actor.organizations(Scope.MANAGE))
        return mine.select_related("user").order_by("-id")

    def get_object(self) -> Membership:
        """404 for what is in none of the actor's organizations, 403 where the role is too small."""
        actor = actor_of(self.request)
        require_whole(actor)
        reachable = Membership.objects.filter(organization__in=list(actor.grants))
        membership = reachable.select_related("user").filter(id=self.kwargs["member_id"]).first()
        if membership is None:
            raise Http404("No such member.")
        require_say(actor, membership.organization_id, membership.role)
        return membership

    def perform_update(self, serializer: Any) -> None:
        membership, role = serializer.instance, serializer.validated_data.get("role")
        if role is None:
            return
        require_say(actor_of(self.request), membership.organization_id, role)
        require_recent(self.request)
        try:
            change_role(membership, role=role)
        except LastOwner as last:
            raise Conflict("role", str(last)) from None
        membership.role = role

    def perform_destroy(self, instance: Membership) -> None:
        try:
            remove_member(instance)
        except LastOwner as last:
            raise Conflict("role", str(last)) from None


class InvitationSerializer(StrictModelSerializer):
    organization = serializers.PrimaryKeyRelatedField(
        queryset=Organization.objects.all(),
        required=False,
        error_messages={"does_not_exist": NO_SUCH_ORGANIZATION},
        help_text="Left out: your only one, or Default.",
    )
    days = serializers.IntegerField(
        min_value=1,
        max_value=LONGEST_LIFE.days,
        default=7,
        write_only=True,
        help_text="How long the link works.",
    )

    class Meta:
        model = Invitation
        fields = ("id", "organization", "email", "role", "days", "created_at", "expires_at")
        read_only_fields = ("id", "created_at", "expires_at")


class NewInvitationSerializer(InvitationSerializer):
    link = serializers.CharField(
        allow_null=True, help_text="Given where no mail went out, this once: hand it over."
    )

    class Meta(InvitationSerializer.Meta):
        fields = (*InvitationSerializer.Meta.fields, "link")  # type: ignore[assignment] # one more


@extend_schema_view(
    list=extend_schema(summary="List the open invitations of the organizations you manage, newest first"),
    create=extend_schema(
        summary="Invite somebody by mail; people only, up to their own role",
        responses={201: NewInvitationSerializer},
    ),
    destroy=extend_schema(summary="Take an invitation back"),
)
class InvitationViewSet(
    IdsInPath,
    mixins.ListModelMixin,
    mixins.DestroyModelMixin,
    viewsets.GenericViewSet[Invitation],
):
    serializer_class = InvitationSerializer
    pagination_class = KeysetPagination
    filter_backends = ()
    scopes = {"GET": Scope.MANAGE}
    problems = {"POST": ["409"]}
    queryset = Invitation.objects.none()

    def get_queryset(self) -> QuerySet[Invitation]:
        actor = actor_of(self.request)
        require_whole(actor)
        return Invitation.objects.visible_to(actor).open(timezone.now()).order_by("-id")

    def get_object(self) -> Invitation:
        actor = actor_of(self.request)
        require_whole(actor)
        reachable = Invitation.objects.filter(organization__in=list(actor.grants))
        invitation = reachable.filter(id=self.kwargs["invitation_id"]).first()
        if invitation is None:
            raise Http404("No such invitation.")
        require_say(actor, invitation.organization_id, invitation.role)
        return invitation

    def create(self, request: Request) -> Response:
        actor = actor_of(request)
        require(actor, Scope.MANAGE)
        require_whole(actor)
        form = self.get_serializer(data=request.data)
        form.is_valid(raise_exception=True)
        asked = form.validated_data
        organization = organization_for(actor, asked.get("organization"))
        role = asked.get("role", Invitation._meta.get_field("role").default)
        require_say(actor, organization.id, role)
        require_recent(request)
        try:
            invitation, link = invite(
                organization=organization,
                email=asked["email"],
                role=role,
                life=timedelta(days=asked["days"]),
                invited_by_id=actor.user_id,
                now=timezone.now(),
            )
        except AlreadyMember as there:
            raise Conflict("email", str(there)) from None
        handed = send_or_hand(invitation, link, sends_mail=settings.SENDS_MAIL)
        return Response({**self.get_serializer(invitation).data, "link": handed}, status=201)

    def perform_destroy(self, instance: Invitation) -> None:
        revoke_invitation(instance, now=timezone.now())
