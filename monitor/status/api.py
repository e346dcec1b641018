"""/v1/status-pages: pages for the public, and the incidents that people tell of on them."""

from typing import Any
from uuid import UUID

from django.db.models import Prefetch, QuerySet
from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import serializers, viewsets
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from monitor.api.authentication import actor_of
from monitor.api.fields import StrictModelSerializer, TextField
from monitor.api.paging import KeysetPagination
from monitor.api.paths import IdsInPath
from monitor.api.permissions import scope_for
from monitor.lib.actors import Actor, Scope
from monitor.lib.stylesheets import BadStylesheet, checked_css
from monitor.models import Organization, StatusIncident, StatusPage, StatusUpdate
from monitor.models.status_pages import MAX_ENTRIES, SLUG, IncidentImpact, IncidentStatus, StatusTheme
from monitor.monitors.reach import NO_SUCH_ORGANIZATION, home_of, require_whole
from monitor.status.register import (
    BadPage,
    Shown,
    ShownGroup,
    checked_domain,
    groups_of,
    hashed,
    open_incident,
    picture_from,
    picture_of,
    reach_page,
    remove_page,
    save_page,
    say,
    take_back,
    touch,
)


class ShownSerializer(serializers.Serializer[Any]):
    monitor_id = serializers.UUIDField()
    name = TextField(max_length=128, required=False, allow_blank=True, help_text="Empty: the monitor's own.")


class ShownGroupSerializer(serializers.Serializer[Any]):
    name = TextField(max_length=128, required=False, allow_blank=True, help_text="Empty: no group.")
    monitors = ShownSerializer(many=True, max_length=MAX_ENTRIES)  # type: ignore[call-arg] # of the list


class StatusPageSerializer(StrictModelSerializer):
    organization = serializers.PrimaryKeyRelatedField(
        queryset=Organization.objects.all(),
        required=False,
        error_messages={"does_not_exist": NO_SUCH_ORGANIZATION},
        help_text="Left out: the key's organization, your only one, or Default.",
    )
    slug = serializers.RegexField(
        SLUG,
        max_length=63,
        help_text="The page is at /status/<slug>.",
        error_messages={"invalid": "Small letters, digits and hyphens between them."},
    )
    domain = TextField(
        max_length=253, required=False, allow_null=True, allow_blank=True, help_text="As status.example.com."
    )
    theme = serializers.ChoiceField(choices=StatusTheme.choices, required=False)
    days = serializers.IntegerField(required=False, default=90, min_value=7, max_value=90)
    password = TextField(
        max_length=128,
        required=False,
        allow_blank=True,
        write_only=True,
        help_text="Readers are asked for it; empty takes it away.",
    )
    logo = TextField(
        max_length=300_000,
        required=False,
        allow_blank=True,
        write_only=True,
        help_text="data:image/png;base64,… (PNG, JPEG, GIF, WebP; 200 KiB); empty takes it away.",
    )
    has_password = serializers.BooleanField(read_only=True)
    has_logo = serializers.SerializerMethodField()
    groups = ShownGroupSerializer(many=True, required=False, max_length=MAX_ENTRIES)  # type: ignore[call-arg] # of the list

    class Meta:
        model = StatusPage
        fields = (
            "id",
            "organization",
            "slug",
            "name",
            "description",
            "domain",
            "theme",
            "css",
            "logo",
            "has_logo",
            "password",
            "has_password",
            "is_published",
            "is_indexed",
            "shows_uptime",
            "takes_subscribers",
            "days",
            "groups",
            "version",
            "created_at",
            "updated_at",
        )
        read_only_fields = ("id", "version", "created_at", "updated_at")

    def get_has_logo(self, page: StatusPage) -> bool:
        return bool(page.logo_type)

    def to_representation(self, instance: StatusPage) -> dict[str, Any]:
        instance.groups = groups_of(instance)  # type: ignore[attr-defined] # as the field reads them
        return super().to_representation(instance)

    def _others(self) -> QuerySet[StatusPage]:
        pages = StatusPage.objects.all()
        return pages.exclude(pk=self.instance.pk) if self.instance else pages

    def validate_slug(self, slug: str) -> str:
        if self._others().filter(slug=slug).exists():
            raise ValidationError("Another page has this slug.")
        return slug

    def validate_domain(self, text: str | None) -> str | None:
        domain = as_valid(checked_domain, text or "")
        if domain and self._others().filter(domain=domain).exists():
            raise ValidationError("Another page has this domain.")
        return str(domain) if domain else None

    def validate_css(self, css: str) -> str:
        try:
            return checked_css(css)
        except BadStylesheet as error:
            raise ValidationError(str(error)) from None

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        page = self.instance
        if page is not None and attrs.pop("organization", page.organization) != page.organization:
            raise ValidationError({"organization": "A page stays in its organization."})
        if "password" in attrs:
            attrs["password"] = hashed(attrs["password"])
        if "logo" in attrs:
            logo = as_valid(picture_from, attrs["logo"], field="logo") if attrs["logo"] else None
            attrs["logo"] = logo
            attrs["logo_type"] = as_valid(picture_of, logo, field="logo") if logo else ""
        return attrs


def as_valid(check: Any, value: Any, *, field: str = "") -> Any:
    """What the check makes of it; what it refuses is the serializer's error."""
    try:
        return check(value)
    except BadPage as error:
        raise ValidationError({field: str(error)} if field else str(error)) from None


def kept(actor: Actor, page: StatusPage | None, given: dict[str, Any]) -> StatusPage:
    """Made or changed as a valid serializer says. Raises ValidationError and PermissionDenied."""
    require_whole(actor)
    fields = dict(given)
    organization = fields.pop("organization", None)
    groups = fields.pop("groups", None)
    if page is None:
        page = StatusPage(organization=home_of(actor, organization, None))
    wanted = None if groups is None else [shown_group(group) for group in groups]
    try:
        return save_page(page, fields, wanted)
    except BadPage as error:
        raise ValidationError({error.field: str(error)}) from None


def shown_group(given: dict[str, Any]) -> ShownGroup:
    return ShownGroup(
        name=given.get("name", ""), monitors=[Shown(**monitor) for monitor in given["monitors"]]
    )


@extend_schema_view(
    list=extend_schema(summary="List status pages, newest first"),
    create=extend_schema(summary="Make a status page"),
    retrieve=extend_schema(summary="Get a status page"),
    partial_update=extend_schema(summary="Change a status page"),
    destroy=extend_schema(summary="Remove a status page with its incidents"),
)
class StatusPageViewSet(IdsInPath, viewsets.ModelViewSet[StatusPage]):
    serializer_class = StatusPageSerializer
    pagination_class = KeysetPagination
    filter_backends = ()
    queryset = StatusPage.objects.none()
    problems = {"POST": ["404"]}

    def get_queryset(self) -> QuerySet[StatusPage]:
        seen = StatusPage.objects.visible_to(actor_of(self.request))
        return seen.defer("logo").prefetch_related("entries").order_by("-id")

    def get_object(self) -> StatusPage:
        scope = scope_for(self, self.request.method or "GET")
        return reach_page(actor_of(self.request), self.kwargs["status_page_id"], scope)

    def perform_create(self, serializer: Any) -> None:
        serializer.instance = kept(actor_of(self.request), None, serializer.validated_data)

    def perform_update(self, serializer: Any) -> None:
        serializer.instance = kept(actor_of(self.request), serializer.instance, serializer.validated_data)

    def perform_destroy(self, instance: StatusPage) -> None:
        remove_page(instance)


# --- Incidents ---------------------------------------------------------------------------------------------


class StatusUpdateSerializer(serializers.ModelSerializer[StatusUpdate]):
    status = serializers.ChoiceField(choices=IncidentStatus.choices)
    body = TextField(max_length=8192, help_text="Markdown.")
    notify = serializers.BooleanField(
        required=False, default=True, write_only=True, help_text="Whether subscribers are told."
    )

    class Meta:
        model = StatusUpdate
        fields = ("id", "status", "body", "notify", "created_at")
        read_only_fields = ("id", "created_at")


class StatusIncidentSerializer(StrictModelSerializer):
    impact = serializers.ChoiceField(choices=IncidentImpact.choices, required=False, default="minor")
    status = serializers.ChoiceField(choices=IncidentStatus.choices, required=False, default="investigating")
    body = TextField(max_length=8192, write_only=True, help_text="The first update, in Markdown.")
    notify = serializers.BooleanField(
        required=False, default=True, write_only=True, help_text="Whether subscribers are told."
    )
    updates = StatusUpdateSerializer(many=True, read_only=True)

    class Meta:
        model = StatusIncident
        fields = (
            "id",
            "title",
            "impact",
            "status",
            "body",
            "notify",
            "updates",
            "started_at",
            "resolved_at",
            "updated_at",
        )
        read_only_fields = ("id", "started_at", "resolved_at", "updated_at")


class IncidentChangeSerializer(StrictModelSerializer):
    """What is told of an incident as a whole; its status changes by an update."""

    impact = serializers.ChoiceField(choices=IncidentImpact.choices, required=False)

    class Meta:
        model = StatusIncident
        fields = ("title", "impact")


class OfPage(IdsInPath):
    def page(self, scope: Scope) -> StatusPage:
        return reach_page(actor_of(self.request), self.kwargs["status_page_id"], scope)

    def incidents(self, scope: Scope) -> QuerySet[StatusIncident]:
        newest_first = Prefetch("updates", StatusUpdate.objects.order_by("-created_at", "-id"))
        return StatusIncident.objects.filter(page=self.page(scope)).prefetch_related(newest_first)

    def incident(self, scope: Scope) -> StatusIncident:
        return get_object_or_404(self.incidents(scope), id=self.kwargs["incident_id"])


class StatusIncidentsView(OfPage):
    problems = {"POST": ["404"]}

    @extend_schema(
        summary="List the incidents of a status page, newest first",
        responses=StatusIncidentSerializer(many=True),
        operation_id="status_pages_incidents",
    )
    def get(self, request: Request, status_page_id: UUID) -> Response:
        pages = KeysetPagination()
        rows = pages.paginate_queryset(self.incidents(Scope.READ).order_by("-id"), request, view=self)
        return pages.get_paginated_response(StatusIncidentSerializer(rows or [], many=True).data)

    @extend_schema(
        summary="Tell of an incident on a status page",
        request=StatusIncidentSerializer,
        responses={201: StatusIncidentSerializer},
        operation_id="status_pages_incidents_create",
    )
    def post(self, request: Request, status_page_id: UUID) -> Response:
        page = self.page(Scope.MANAGE)
        form = StatusIncidentSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        made = open_incident(page, **form.validated_data, now=timezone.now())
        return Response(StatusIncidentSerializer(made).data, status=201)


class StatusIncidentView(OfPage):
    @extend_schema(
        summary="Get an incident of a status page",
        responses=StatusIncidentSerializer,
        operation_id="status_pages_incident",
    )
    def get(self, request: Request, status_page_id: UUID, incident_id: UUID) -> Response:
        return Response(StatusIncidentSerializer(self.incident(Scope.READ)).data)

    @extend_schema(
        summary="Change the title or the impact of an incident",
        request=IncidentChangeSerializer,
        responses=StatusIncidentSerializer,
        operation_id="status_pages_incident_change",
    )
    def patch(self, request: Request, status_page_id: UUID, incident_id: UUID) -> Response:
        incident = self.incident(Scope.MANAGE)
        form = IncidentChangeSerializer(incident, data=request.data, partial=True)
        form.is_valid(raise_exception=True)
        form.save(updated_at=timezone.now())
        touch(incident.page_id)
        return Response(StatusIncidentSerializer(incident).data)

    @extend_schema(
        summary="Remove an incident of a status page",
        responses={204: None},
        operation_id="status_pages_incident_remove",
    )
    def delete(self, request: Request, status_page_id: UUID, incident_id: UUID) -> Response:
        take_back(self.incident(Scope.MANAGE))
        return Response(status=204)


class StatusUpdatesView(OfPage):
    @extend_schema(
        summary="Say how an incident goes on; resolved ends it",
        request=StatusUpdateSerializer,
        responses={201: StatusIncidentSerializer},
        operation_id="status_pages_incident_update",
    )
    def post(self, request: Request, status_page_id: UUID, incident_id: UUID) -> Response:
        incident = self.incident(Scope.MANAGE)
        form = StatusUpdateSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        say(incident, **form.validated_data, now=timezone.now())
        return Response(StatusIncidentSerializer(self.incident(Scope.MANAGE)).data, status=201)
