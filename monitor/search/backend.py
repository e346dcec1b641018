"""How API views apply the log filter."""

from typing import Any

from django_filters.rest_framework import DjangoFilterBackend

from monitor.models.logs import RequestLogQuerySet
from monitor.search.filters import refusal


class LogFilterBackend(DjangoFilterBackend):
    """Refuses a bad `q` with the place of its token, which django-filter's own answer has no room for."""

    def filter_queryset(self, request: Any, queryset: Any, view: Any) -> RequestLogQuerySet:
        filterset = self.get_filterset(request, queryset, view)
        if not filterset.is_valid():
            raise refusal(filterset)
        logs: RequestLogQuerySet = filterset.qs
        return logs
