"""/v1/personal-tokens: what acts in the name of the person who asks."""

from datetime import datetime
from typing import Any

from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import mixins, serializers, viewsets
from rest_framework.exceptions import NotAuthenticated, PermissionDenied
from rest_framework.request import Request
from rest_framework.response import Response

from monitor.access.tokens import TOKEN_SCOPES, issue_token, revoke_token
from monitor.api.authentication import actor_of, person_of_session
from monitor.api.fields import StrictModelSerializer
from monitor.api.paging import KeysetPagination
from monitor.api.paths import IdsInPath
from monitor.api.permissions import require_recent
from monitor.lib.actors import Scope
from monitor.models import PersonalToken

IN_PERSON = "Personal tokens are seen to in person: sign in. No key or token may make another."


def person_of(request: Request) -> User:
    """Who has signed in. Raises NotAuthenticated for visitors, PermissionDenied for keys and tokens."""
    person = person_of_session(request)
    if isinstance(person, User) and person.is_authenticated:
        return person
    actor = actor_of(request)
    if actor.key_id is None and actor.token_id is None:
        raise NotAuthenticated(IN_PERSON)
    raise PermissionDenied(IN_PERSON)


class PersonalTokenSerializer(StrictModelSerializer):
    scopes = serializers.ListField(
        child=serializers.ChoiceField(choices=[scope.value for scope in TOKEN_SCOPES]),
        default=lambda: [Scope.READ.value],
        allow_empty=False,
        help_text="What it may, where you may.",
    )
    is_active = serializers.SerializerMethodField()

    class Meta:
        model = PersonalToken
        fields = (
            *("id", "name", "prefix", "scopes", "is_active"),
            *("created_at", "expires_at", "revoked_at", "last_used_at"),
        )
        read_only_fields = ("id", "prefix", "created_at", "revoked_at", "last_used_at")

    def get_is_active(self, token: PersonalToken) -> bool:
        return token.is_active(timezone.now())

    def validate_scopes(self, scopes: list[str]) -> list[str]:
        return list(dict.fromkeys(scopes))

    def validate_expires_at(self, at: datetime | None) -> datetime | None:
        if at is not None and at <= timezone.now():
            raise serializers.ValidationError("This moment is past.")
        return at


class NewPersonalTokenSerializer(PersonalTokenSerializer):
    raw_token = serializers.CharField(help_text="The token itself, this once: only a fingerprint is kept.")

    class Meta(PersonalTokenSerializer.Meta):
        fields = (*PersonalTokenSerializer.Meta.fields, "raw_token")  # type: ignore[assignment] # one more


@extend_schema_view(
    list=extend_schema(summary="List your personal tokens, newest first; signed in people only"),
    create=extend_schema(
        summary="Make a personal token; people who signed in lately only",
        responses={201: NewPersonalTokenSerializer},
    ),
    destroy=extend_schema(summary="Revoke a personal token of yours"),
)
class PersonalTokenViewSet(
    IdsInPath, mixins.ListModelMixin, mixins.DestroyModelMixin, viewsets.GenericViewSet[PersonalToken]
):
    serializer_class = PersonalTokenSerializer
    pagination_class = KeysetPagination
    filter_backends = ()
    # A person's own, whatever their roles are.
    scopes = {"GET": Scope.READ, "POST": Scope.READ, "DELETE": Scope.READ}
    queryset = PersonalToken.objects.none()
    lookup_url_kwarg = "personal_token_id"

    def get_queryset(self) -> QuerySet[PersonalToken]:
        return PersonalToken.objects.of(person_of(self.request).id).order_by("-id")

    def create(self, request: Request) -> Response:
        person = person_of(request)
        form: Any = self.get_serializer(data=request.data)
        form.is_valid(raise_exception=True)
        require_recent(request)
        asked = form.validated_data
        token, raw = issue_token(
            user_id=person.id,
            name=asked["name"],
            scopes=asked["scopes"],
            expires_at=asked.get("expires_at"),
        )
        made = {**self.get_serializer(token).data, "raw_token": raw}
        return Response(made, status=201, headers={"Cache-Control": "no-store"})

    def perform_destroy(self, instance: PersonalToken) -> None:
        revoke_token(instance, now=timezone.now())
