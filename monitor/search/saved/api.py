"""/v1/views."""

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import serializers, viewsets
from rest_framework.exceptions import ValidationError

from monitor.api.authentication import actor_of
from monitor.api.fields import StrictModelSerializer, TruthField
from monitor.api.paging import KeysetPagination
from monitor.api.paths import IdsInPath
from monitor.lib.actors import Actor, Scope
from monitor.models import Organization, SavedView
from monitor.models.tenants import DEFAULT_ORGANIZATION
from monitor.search.saved.keeping import NameTaken, change_view, keep_view, reach_view


class SavedViewSerializer(StrictModelSerializer):
    """`query` is the query string of the log table: the filters of `GET /v1/logs`, `window`, `columns`."""

    organization = serializers.PrimaryKeyRelatedField(
        queryset=Organization.objects.all(),
        required=False,
        help_text="Left out: the key's organization, your only one, or Default.",
    )
    is_team = TruthField(default=False, help_text="Whether everybody in the organization has it.")

    class Meta:
        model = SavedView
        fields = ("id", "organization", "name", "query", "is_team", "created_at", "updated_at")
        read_only_fields = ("id", "created_at", "updated_at")
        # A name that is taken is found by keeping it: between a look and that, somebody may take it.
        validators: list[Any] = []

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if self.instance is not None:
            if attrs.pop("organization", self.instance.organization) != self.instance.organization:
                raise ValidationError({"organization": "A view stays in its organization."})
            if attrs.pop("is_team", self.instance.is_team) != self.instance.is_team:
                raise ValidationError({"is_team": "A view stays whose it is: keep another one."})
        return attrs


def home_of(actor: Actor, asked: Organization | None) -> Organization:
    """Where a new view goes: as asked, else the actor's only organization, else Default."""
    mine = Organization.objects.visible_to(actor)
    if asked is not None:
        if asked.id not in actor.organizations():
            raise ValidationError({"organization": "No such organization."}, code="does_not_exist")
        return asked
    homes = list(mine[:2])
    home = homes[0] if len(homes) == 1 else mine.filter(name=DEFAULT_ORGANIZATION).first()
    if home is None:
        raise ValidationError({"organization": "You are in several organizations: name one."})
    return home


@extend_schema_view(
    list=extend_schema(summary="List saved views: your own and the team's"),
    create=extend_schema(summary="Save a view"),
    retrieve=extend_schema(summary="Get a saved view"),
    partial_update=extend_schema(summary="Change a saved view's name or query"),
    destroy=extend_schema(summary="Remove a saved view"),
)
class SavedViewViewSet(IdsInPath, viewsets.ModelViewSet[SavedView]):
    serializer_class = SavedViewSerializer
    pagination_class = KeysetPagination
    filter_backends = ()
    queryset = SavedView.objects.none()
    # Which of these may be done is a matter of the view: see reach_view and keep_view.
    scopes = {"POST": Scope.READ, "PATCH": Scope.READ, "DELETE": Scope.READ}

    def get_queryset(self) -> QuerySet[SavedView]:
        return SavedView.objects.visible_to(actor_of(self.request)).order_by("-id")

    def get_object(self) -> SavedView:
        return reach_view(actor_of(self.request), self.kwargs["view_id"], self.request.method or "GET")

    def perform_create(self, serializer: Any) -> None:
        actor = actor_of(self.request)
        given = serializer.validated_data
        organization = home_of(actor, given.get("organization"))
        try:
            serializer.instance = keep_view(
                actor,
                organization=organization,
                name=given["name"],
                query=given.get("query", ""),
                is_team=given["is_team"],
            )
        except NameTaken as taken:
            raise ValidationError({"name": str(taken)}, code="unique") from None

    def perform_update(self, serializer: Any) -> None:
        try:
            serializer.instance = change_view(serializer.instance, **serializer.validated_data)
        except NameTaken as taken:
            raise ValidationError({"name": str(taken)}, code="unique") from None
