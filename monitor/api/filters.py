"""What filters of several listings share."""

from datetime import datetime
from typing import Any

from django.db.models import QuerySet

from monitor.lib.ids import uuid7_since


class IdsByMoment:
    """Methods of `since` and `until` where ids carry the moment of their row, in whole milliseconds."""

    def from_then(self, found: QuerySet[Any], name: str, moment: datetime) -> QuerySet[Any]:
        return found.filter(id__gte=uuid7_since(moment))

    def before_then(self, found: QuerySet[Any], name: str, moment: datetime) -> QuerySet[Any]:
        return found.filter(id__lt=uuid7_since(moment))
