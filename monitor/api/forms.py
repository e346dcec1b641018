"""Forms that are drawn by Django and judged by the API's serializers, so that pages and API agree."""

from collections.abc import Iterator
from typing import Any, ClassVar

from django import forms
from rest_framework.serializers import BaseSerializer


class SerializerForm(forms.Form):
    """Its fields say how to ask; `serializer_class` says what is right.

    With an `instance` it changes that, field by field. After `is_valid()`, `judge` is the valid serializer.
    """

    serializer_class: ClassVar[type[BaseSerializer[Any]]]

    def __init__(self, *args: Any, instance: Any = None, **options: Any) -> None:
        super().__init__(*args, **options)
        self.instance = instance
        self.judge: Any = None

    def sent(self) -> dict[str, Any]:
        """What the serializer gets to see."""
        return dict(self.cleaned_data)

    def clean(self) -> dict[str, Any]:
        super().clean()
        judge = self.serializer_class(self.instance, data=self.sent(), partial=self.instance is not None)
        if judge.is_valid():
            self.judge = judge
            return self.cleaned_data
        problems: Any = judge.errors
        for name, errors in problems.items():
            field = name if name in self.fields else None
            # What the form has found missing already need not be said twice.
            if field is None or field not in self.errors:
                self.add_error(field, list(sentences(errors)))
        return self.cleaned_data


def sentences(errors: Any) -> Iterator[str]:
    """A field's errors one by one; those of a list's items name their line."""
    if isinstance(errors, str):
        # Of a place within a field, as "auth.token" in the options: one, and no list of them.
        yield errors
    elif isinstance(errors, dict):
        for place, inner in errors.items():
            line = f"Line {place + 1}: " if isinstance(place, int) else f"{place}: "
            yield from (line + sentence for sentence in sentences(inner))
    else:
        yield from (str(error) for error in errors)
