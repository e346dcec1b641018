"""POST and DELETE /v1/sandbox."""

import random
from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from monitor.api.authentication import actor_of
from monitor.api.fields import NothingElse
from monitor.api.permissions import reach_service
from monitor.audit import record
from monitor.lib.actors import Actor, Scope
from monitor.models import Organization, Service
from monitor.sandbox.fill import MOST_HOURS, MOST_REQUESTS, fill, sandbox_service
from monitor.sandbox.tasks import drop_sandbox
from monitor.services.api import organization_for


class FillSerializer(NothingElse):
    """How much to make up."""

    service_id = serializers.UUIDField(
        required=False, help_text="Left out: the organization's service `sandbox`, made when there is none."
    )
    requests = serializers.IntegerField(min_value=1, max_value=MOST_REQUESTS, default=500)
    hours = serializers.IntegerField(
        min_value=1, max_value=MOST_HOURS, default=24, help_text="Over so many hours up to now."
    )


class FilledSerializer(serializers.Serializer[Any]):
    service_id = serializers.UUIDField()
    kept = serializers.IntegerField(help_text="Requests that were kept, in test mode.")


class SandboxView(APIView):
    problems = {"POST": ("404",)}

    @extend_schema(
        summary="Make up requests in test mode",
        description="A shop and its customers: orders, payments that fail now and then, slow reports, wrong"
        " passwords. They go through the pipeline as any log, so alert rules judge them, too.",
        request=FillSerializer,
        responses={201: FilledSerializer},
    )
    def post(self, request: Request) -> Response:
        form = FillSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        asked = form.validated_data
        service = service_for(actor_of(request), asked.pop("service_id", None))
        kept = fill_and_record(service, **asked)
        return Response(FilledSerializer({"service_id": service.id, "kept": kept}).data, status=201)

    @extend_schema(
        summary="Drop all test data of the organization",
        description="Logs, numbers, issues, events and deliveries of test mode, of all its services, by a"
        " task within moments. Keys, endpoints and consumers stay.",
        responses={202: None},
    )
    def delete(self, request: Request) -> Response:
        drop_and_record(organization_for(actor_of(request), None))
        return Response(status=202)


def service_for(actor: Actor, service_id: Any) -> Service:
    """The service that is named, or the sandbox of the actor's organization."""
    if service_id is not None:
        return reach_service(actor, service_id, Scope.MANAGE)
    return sandbox_service(organization_for(actor, None))


def fill_and_record(service: Service, *, requests: int, hours: int) -> int:
    # What is made up is no secret.
    chance = random.Random()  # noqa: S311
    kept = fill(service, requests=requests, hours=hours, now=timezone.now(), chance=chance)
    record(
        "sandbox.filled",
        organization_id=service.organization_id,
        target_type="service",
        target_id=service.id,
        target_label=service.name,
        note=f"{kept} requests",
    )
    return kept


def drop_and_record(organization: Organization) -> None:
    record(
        "sandbox.dropped",
        organization_id=organization.id,
        target_type="organization",
        target_id=organization.id,
        target_label=organization.name,
    )
    drop_sandbox.defer(organization_id=str(organization.id))
