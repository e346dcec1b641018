"""One log with everything that was kept of it."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.http import Http404

from monitor.api.permissions import check_service
from monitor.lib.actors import Actor, Scope
from monitor.models import LogPayload, RequestLog

Headers = dict[str, str | list[str]]


@dataclass(frozen=True, kw_only=True)
class LogDetail:
    """A log's row and its payload as one."""

    log: RequestLog
    error: str | None
    query_params: dict[str, Any] | None = None
    request_headers: Headers | None = None
    request_body: str | None = None
    request_truncated: bool = False
    request_body_dropped: bool = False
    response_headers: Headers | None = None
    response_body: str | None = None
    response_truncated: bool = False
    response_body_dropped: bool = False
    event_id: str | None = None
    span_id: str | None = None
    parent_span_id: str | None = None

    def __getattr__(self, name: str) -> Any:
        """What is not in the payload is in the row."""
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(self.log, name)


def reach_log(actor: Actor, log_id: UUID, scope: Scope) -> RequestLog:
    """The log, when the actor may do this to it.

    404 beyond the actor's organizations, 403 beyond a key's own service or scopes.
    """
    log = (
        RequestLog.objects.with_names()
        .filter(id=log_id, service__organization__in=list(actor.grants))
        .first()
    )
    if log is None or log.service.deleted_at is not None:
        raise Http404("No such log.")
    check_service(actor, log.service, scope)
    return log


def read_detail(log: RequestLog) -> LogDetail:
    """Of the payload what this version knows: a newer one may have kept more, while both run."""
    contents: dict[str, Any] = LogPayload.objects.contents_of(log.id)
    known = {name: value for name, value in contents.items() if name in LogDetail.__dataclass_fields__}
    return LogDetail(log=log, **{"error": log.error, **known})
