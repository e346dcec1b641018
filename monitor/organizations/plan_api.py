"""/v1/plans: how much organizations may ask, under names."""

from collections.abc import Mapping
from typing import Any, ClassVar

from django.db import IntegrityError, transaction
from django.db.models import Count, QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import serializers, viewsets
from rest_framework.request import Request

from monitor.api.authentication import actor_of
from monitor.api.errors import Conflict
from monitor.api.fields import StrictModelSerializer, TextField
from monitor.api.paging import KeysetPagination
from monitor.api.paths import IdsInPath
from monitor.models import Plan
from monitor.organizations.operators import require_operator
from monitor.services.api import PerMinuteField

TAKEN = "There is a plan of this name."
LIMITS: Mapping[str, str] = {
    "key_requests": "Calls of each key that says nothing else.",
    "requests": "Calls of all keys together.",
    "writes": "Changes.",
    "replays": "Requests and webhooks sent again.",
    "tests": "Tests of channels, webhooks and monitors.",
    "exports": "Exports.",
    "logs": "Logs of all keys together.",
}


class PlanSerializer(StrictModelSerializer):
    """Limits a minute. null: as the installation is set; 0: none. Test keys have a quarter."""

    name = TextField(max_length=64)
    key_requests = PerMinuteField(min_value=0, help_text=LIMITS["key_requests"])
    requests = PerMinuteField(min_value=0, help_text=LIMITS["requests"])
    writes = PerMinuteField(min_value=0, help_text=LIMITS["writes"])
    replays = PerMinuteField(min_value=0, help_text=LIMITS["replays"])
    tests = PerMinuteField(min_value=0, help_text=LIMITS["tests"])
    exports = PerMinuteField(min_value=0, help_text=LIMITS["exports"])
    logs = PerMinuteField(min_value=0, help_text=LIMITS["logs"])
    organizations = serializers.IntegerField(source="users", read_only=True, help_text="How many have it.")

    class Meta:
        model = Plan
        fields = ("id", "name", *LIMITS, "organizations", "created_at")
        read_only_fields = ("id", "created_at")
        # The database says what is there already.
        validators: tuple[()] = ()


@extend_schema_view(
    list=extend_schema(summary="List the plans of this installation, newest first"),
    create=extend_schema(
        summary="Make a plan",
        description="`PATCH /v1/organizations/{id}` gives it to an organization. It holds within seconds.",
    ),
    retrieve=extend_schema(summary="Get a plan"),
    partial_update=extend_schema(summary="Change a plan, for all organizations that have it"),
    destroy=extend_schema(
        summary="Remove a plan",
        description="What the installation is set to holds for its organizations then.",
    ),
)
class PlanViewSet(IdsInPath, viewsets.ModelViewSet[Plan]):
    """Of operators: people who hold the same permission in the admin."""

    serializer_class = PlanSerializer
    pagination_class = KeysetPagination
    filter_backends = ()
    problems = {"POST": ["409"], "PATCH": ["409"]}
    queryset = Plan.objects.none()
    lookup_url_kwarg = "plan_id"
    # By action: what a route does not know is told as that (405), to whoever asks.
    permissions: ClassVar[Mapping[str | None, str]] = {
        "list": "view_plan",
        "retrieve": "view_plan",
        "create": "add_plan",
        "partial_update": "change_plan",
        "destroy": "delete_plan",
    }

    def check_permissions(self, request: Request) -> None:
        super().check_permissions(request)
        if self.action not in (None, "metadata"):
            require_operator(actor_of(request), self.permissions[self.action])

    def get_queryset(self) -> QuerySet[Plan]:
        return Plan.objects.annotate(users=Count("organizations")).order_by("-id")

    def perform_create(self, serializer: Any) -> None:
        save(serializer)
        serializer.instance.users = 0

    def perform_update(self, serializer: Any) -> None:
        save(serializer)


def save(serializer: Any) -> None:
    """Raises Conflict for a name that another plan has."""
    try:
        with transaction.atomic():
            serializer.save()
    except IntegrityError:
        raise Conflict("name", TAKEN) from None
