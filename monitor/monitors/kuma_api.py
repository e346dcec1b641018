"""POST /v1/monitors/import-kuma: the backup of an Uptime Kuma, as a plan or for good."""

from typing import Any

import msgspec
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from monitor.api.authentication import actor_of
from monitor.api.fields import NothingElse
from monitor.api.permissions import require
from monitor.lib.actors import Scope
from monitor.models import Organization
from monitor.monitors.importing import bring_kuma, counts_of
from monitor.monitors.kuma import BadBackup
from monitor.monitors.reach import NO_SUCH_ORGANIZATION, home_of, refuse_service_keys


@extend_schema_field(OpenApiTypes.OBJECT)
class BackupField(serializers.DictField):
    """The file as Kuma wrote it."""


class KumaImportSerializer(NothingElse):
    organization = serializers.PrimaryKeyRelatedField(
        queryset=Organization.objects.all(),
        required=False,
        error_messages={"does_not_exist": NO_SUCH_ORGANIZATION},
        help_text="Left out: the key's organization, your only one, or Default.",
    )
    backup = BackupField(help_text="What Settings, Backup, Export wrote.")
    dry_run = serializers.BooleanField(default=False, help_text="Say what would come of each; make nothing.")


class ToldSerializer(serializers.Serializer[Any]):
    name = serializers.CharField()
    kind = serializers.CharField(help_text="Kuma's word for it.")
    outcome = serializers.CharField(help_text="taken, changed (and not quite the same), or left out.")
    notes = serializers.ListField(child=serializers.CharField())


class KumaReportSerializer(serializers.Serializer[Any]):
    dry_run = serializers.BooleanField()
    taken = serializers.IntegerField()
    changed = serializers.IntegerField()
    left_out = serializers.IntegerField()
    monitors = ToldSerializer(many=True)


class KumaImportView(APIView):
    @extend_schema(
        summary="Bring in the backup of an Uptime Kuma",
        description="Monitors whose names are new are made, as near to what Kuma did as can be; `notes` say"
        " what differs and why one is left out. A larger file: in parts, or by `manage.py monitors"
        " import-kuma`.",
        request=KumaImportSerializer,
        responses=KumaReportSerializer,
        operation_id="monitors_import_kuma",
    )
    def post(self, request: Request) -> Response:
        actor = actor_of(request)
        require(actor, Scope.MANAGE)
        refuse_service_keys(actor)
        form = KumaImportSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        asked = form.validated_data
        home = home_of(actor, asked.get("organization"), None)
        text = msgspec.json.encode(asked["backup"])
        try:
            told = bring_kuma(home, text, now=timezone.now(), is_dry_run=asked["dry_run"])
        except BadBackup as error:
            raise ValidationError({"backup": str(error)}) from None
        counts = counts_of(told)
        report = {
            "dry_run": asked["dry_run"],
            "taken": counts["taken"],
            "changed": counts["changed"],
            "left_out": counts["left out"],
            "monitors": told,
        }
        return Response(KumaReportSerializer(report).data)
