"""Monitors as the API takes and gives them; the pages and files hold them to the same."""

from typing import Any

from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.exceptions import ValidationError

from monitor.api.fields import StrictModelSerializer, TextField
from monitor.models import Monitor, Organization
from monitor.models.monitors import (
    MAX_INTERVAL_S,
    MAX_RETRIES,
    MAX_TAG_CHARACTERS,
    MAX_TAGS,
    MAX_TIMEOUT_S,
    MIN_INTERVAL_S,
    SETTINGS,
)
from monitor.monitors.config import filled
from monitor.monitors.reach import NO_SUCH_ORGANIZATION
from monitor.monitors.words import state_of
from monitor.probing import BadConfig, all_kinds, kind_named

MAX_DEPENDENCIES = 50
STATES = ("up", "slow", "down", "pending", "maintenance", "no_data", "new", "paused")
KINDS = [(kind.name, kind.words) for kind in all_kinds()]


@extend_schema_field(OpenApiTypes.OBJECT)
class ConfigField(serializers.DictField):
    """The kind's options. Secrets are shown masked; a masked value that is sent back keeps its secret."""


class MonitorSerializer(StrictModelSerializer):
    organization = serializers.PrimaryKeyRelatedField(
        queryset=Organization.objects.all(),
        required=False,
        error_messages={"does_not_exist": NO_SUCH_ORGANIZATION},
        help_text="Left out: the service's, the key's organization, your only one, or Default.",
    )
    service_id = serializers.UUIDField(required=False, allow_null=True, help_text="The service it watches.")
    parent_id = serializers.UUIDField(required=False, allow_null=True, help_text="The group it is part of.")
    proxy_id = serializers.UUIDField(
        required=False, allow_null=True, help_text="The proxy that its checks go through."
    )
    kind = serializers.ChoiceField(choices=KINDS)
    config = ConfigField(required=False)
    interval_s = serializers.IntegerField(
        required=False, default=60, min_value=MIN_INTERVAL_S, max_value=MAX_INTERVAL_S
    )
    timeout_s = serializers.IntegerField(required=False, default=20, min_value=1, max_value=MAX_TIMEOUT_S)
    max_retries = serializers.IntegerField(required=False, default=0, min_value=0, max_value=MAX_RETRIES)
    retry_interval_s = serializers.IntegerField(
        required=False, default=20, min_value=MIN_INTERVAL_S, max_value=MAX_INTERVAL_S
    )
    recovery_successes = serializers.IntegerField(required=False, default=1, min_value=1, max_value=100)
    degraded_ms = serializers.IntegerField(
        required=False, allow_null=True, min_value=1, max_value=120_000, help_text="Slower is degraded."
    )
    reminder_minutes = serializers.IntegerField(
        required=False, default=0, min_value=0, max_value=10_080, help_text="0 sends no reminders."
    )
    most_reminders = serializers.IntegerField(required=False, default=3, min_value=0, max_value=1000)
    regions = serializers.ListField(
        child=serializers.RegexField(r"^[a-z0-9][a-z0-9\-_]{0,31}$"),
        required=False,
        max_length=20,
        help_text="Where to check from: each has a prober of that name. Empty: anywhere.",
    )
    down_regions = serializers.IntegerField(
        required=False, default=1, min_value=1, max_value=20, help_text="Down when this many regions say so."
    )
    tags = serializers.ListField(
        child=TextField(max_length=MAX_TAG_CHARACTERS), required=False, max_length=MAX_TAGS
    )
    depends_on_ids = serializers.ListField(
        child=serializers.UUIDField(),
        required=False,
        max_length=MAX_DEPENDENCIES,
        help_text="While one of these is down, nobody is told that this one is.",
    )
    state = serializers.SerializerMethodField(help_text="How it stands now.")
    since = serializers.DateTimeField(source="standing.since", read_only=True, allow_null=True)
    message = serializers.CharField(source="standing.message", read_only=True)
    response_ms = serializers.FloatField(source="standing.response_ms", read_only=True, allow_null=True)
    last_beat_at = serializers.DateTimeField(source="standing.last_beat_at", read_only=True, allow_null=True)
    certificate_until = serializers.DateTimeField(
        source="standing.certificate_until", read_only=True, allow_null=True
    )
    domain_until = serializers.DateTimeField(
        source="standing.domain_until", read_only=True, allow_null=True, help_text="When watches_domain."
    )
    is_flapping = serializers.BooleanField(source="standing.is_flapping", read_only=True)

    class Meta:
        model = Monitor
        fields = (
            "id",
            "organization",
            "service_id",
            "parent_id",
            "proxy_id",
            "name",
            "description",
            "kind",
            "config",
            "is_active",
            *SETTINGS,
            "depends_on_ids",
            "state",
            "since",
            "message",
            "response_ms",
            "last_beat_at",
            "certificate_until",
            "domain_until",
            "is_flapping",
            "created_at",
            "updated_at",
        )
        read_only_fields = ("id", "created_at", "updated_at")

    @extend_schema_field(serializers.ChoiceField(choices=STATES))
    def get_state(self, monitor: Monitor) -> str:
        return state_of(monitor, now=timezone.now())

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if self.instance is not None:
            if attrs.pop("organization", self.instance.organization) != self.instance.organization:
                raise ValidationError({"organization": "A monitor stays in its organization."})
            if attrs.pop("kind", self.instance.kind) != self.instance.kind:
                raise ValidationError({"kind": "A monitor stays of its kind: make another one."})
        self.check_config(attrs)
        return attrs

    def check_config(self, attrs: dict[str, Any]) -> None:
        """What the kind says of its options, at its field."""
        kind = kind_named(attrs["kind"] if self.instance is None else self.instance.kind)
        if self.instance is None:
            attrs.setdefault("config", {})
        if "config" not in attrs:
            return
        try:
            filled(attrs["config"], kind=kind, monitor=self.instance)
        except BadConfig as error:
            raise as_invalid(error) from None


def as_invalid(error: BadConfig) -> ValidationError:
    if error.field in ("timeout_s", "kind", "depends_on_ids", "proxy_id"):
        return ValidationError({error.field: error.message})
    return ValidationError({"config": {error.field: error.message} if error.field else error.message})
