"""Serializer fields that take what the document says and nothing that merely resembles it."""

from collections.abc import Mapping
from typing import Any

from django.db import models
from rest_framework import serializers


class TextField(serializers.CharField):
    """A JSON string. DRF's own field also takes numbers and makes texts of them."""

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        return super().to_internal_value(data)


class TruthField(serializers.BooleanField):
    """A JSON true or false. DRF's own field also takes "no", "on" and 1."""

    def to_internal_value(self, data: Any) -> bool:
        if not isinstance(data, bool):
            self.fail("invalid", input=data)
        return data


class NothingElse(serializers.Serializer[Any]):
    """Takes the fields it names and no others: a `dry_run` that is spelled wrong must not do it for good."""

    def to_internal_value(self, data: Any) -> Any:
        others = [str(name) for name in data if name not in self.fields] if isinstance(data, Mapping) else []
        if others:
            raise serializers.ValidationError(
                {name: ["There is no such field."] for name in others}, code="unknown"
            )
        return super().to_internal_value(data)


class StrictModelSerializer(serializers.ModelSerializer[Any]):
    """A ModelSerializer whose texts are JSON strings, and whose flags are JSON booleans."""

    serializer_field_mapping = {
        **serializers.ModelSerializer.serializer_field_mapping,
        models.BooleanField: TruthField,
        models.CharField: TextField,
        models.TextField: TextField,
    }
