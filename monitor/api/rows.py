"""The log row that doors answer with and lists are made of."""

from typing import Any

from rest_framework import serializers

from monitor.models.keys import Mode


class LogRowSerializer(serializers.Serializer[Any]):
    """A log without its headers and bodies. `captured_at` is when the request happened."""

    id = serializers.UUIDField()
    service_id = serializers.UUIDField()
    method = serializers.CharField()
    url = serializers.CharField()
    path = serializers.CharField()
    route = serializers.CharField(help_text="The endpoint's template, as sent or inferred from the path.")
    status_code = serializers.IntegerField(allow_null=True)
    latency_ms = serializers.FloatField(allow_null=True)
    error = serializers.CharField(allow_null=True, help_text="The first 2,048 characters.")
    tags = serializers.ListField(child=serializers.CharField())
    consumer = serializers.CharField(source="consumer_identifier", help_text="Empty when none was sent.")
    environment = serializers.CharField()
    mode = serializers.ChoiceField(choices=Mode.choices)
    trace_id = serializers.CharField()
    captured_at = serializers.DateTimeField()
