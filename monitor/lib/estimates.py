"""How much a query would find, without looking."""

import json
from typing import Any

from django.db.models import QuerySet


def estimated_rows(queryset: QuerySet[Any, Any]) -> int:
    """The planner's guess: from statistics, within about a millisecond, and exact only by luck."""
    plan = queryset.order_by().explain(format="json")
    # Django asks nothing where a filter can leave nothing, such as `id__in=[]`.
    return int(json.loads(plan)[0]["Plan"]["Plan Rows"]) if plan else 0
