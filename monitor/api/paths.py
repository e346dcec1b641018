"""Ids in addresses."""

from typing import Any
from uuid import UUID

from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.views import APIView


def uuid_from(value: str, field: str) -> UUID:
    """Raises ValidationError, naming the field, for what is no UUID."""
    try:
        return UUID(value)
    except ValueError:
        raise ValidationError({field: "Must be a UUID."}, code="invalid") from None


def uuid_or_none(text: str | None) -> UUID | None:
    """For what is asked for in passing, where a damaged id may mean nothing was asked."""
    try:
        return UUID(text or "")
    except ValueError:
        return None


class IdsInPath(APIView):
    """Turns each `…_id` of the path into a UUID. A malformed one is 400 and named, an unknown one 404:
    a `<uuid:…>` route would make both a 404."""

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        for name, value in self.kwargs.items():
            if name.endswith("_id"):
                self.kwargs[name] = uuid_from(value, name)
