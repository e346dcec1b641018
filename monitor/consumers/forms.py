"""The form of a consumer."""

from typing import Any

from django import forms

from monitor.api.forms import SerializerForm
from monitor.consumers.api import ChangedConsumerSerializer
from monitor.models import Consumer


class ConsumerForm(SerializerForm):
    serializer_class = ChangedConsumerSerializer

    name = forms.CharField(max_length=128, required=False, help_text="Shown in place of the identifier.")
    group = forms.CharField(max_length=64, required=False)
    is_hidden = forms.BooleanField(label="Leave it out of the list", required=False)

    @classmethod
    def of(cls, consumer: Consumer, data: Any = None) -> "ConsumerForm":
        initial = {name: getattr(consumer, name) for name in cls.base_fields}
        return cls(data, instance=consumer, initial=initial, auto_id="consumer_%s")
