"""Serializer fields that take what the document says and nothing that merely resembles it."""

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


class StrictModelSerializer(serializers.ModelSerializer[Any]):
    """A ModelSerializer whose texts are JSON strings, and whose flags are JSON booleans."""

    serializer_field_mapping = {
        **serializers.ModelSerializer.serializer_field_mapping,
        models.BooleanField: TruthField,
        models.CharField: TextField,
        models.TextField: TextField,
    }
