"""What people say about an issue."""

from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.http import Http404
from rest_framework.exceptions import NotAuthenticated, PermissionDenied

from monitor.api.permissions import KEY_OR_SIGN_IN, check_service
from monitor.lib.actors import Actor, Scope
from monitor.models import ErrorIssue

MEMBERS_ONLY = "Issues are seen to by members of the organization; viewers read them."
# States that somebody may put an issue into.
CHOSEN = ("open", "acknowledged", "resolved", "muted")


def find_issue(actor: Actor, issue_id: UUID) -> ErrorIssue:
    """Raises Http404 beyond the actor's organizations."""
    found = ErrorIssue.objects.filter(
        id=issue_id, service__deleted_at=None, service__organization__in=list(actor.grants)
    )
    issue = found.select_related("service", "endpoint").first()
    if issue is None:
        raise Http404("There is no such issue, or it belongs to another organization.")
    return issue


def reach_issue(actor: Actor, issue_id: UUID) -> ErrorIssue:
    """The issue, when the actor may read it: 404 beyond its organizations, else 403."""
    issue = find_issue(actor, issue_id)
    check_service(actor, issue.service, Scope.READ)
    return issue


def reach_to_change(actor: Actor, issue_id: UUID) -> ErrorIssue:
    """The issue, when the actor may change its state."""
    issue = find_issue(actor, issue_id)
    if not may_change(actor, issue.service.organization_id):
        if actor.is_anonymous:
            raise NotAuthenticated(KEY_OR_SIGN_IN)
        raise PermissionDenied(MEMBERS_ONLY, code="scope_missing")
    check_service(actor, issue.service, Scope.READ if actor.user_id is not None else Scope.MANAGE)
    return issue


def may_change(actor: Actor, organization_id: UUID) -> bool:
    """Members and above, as with views of the team, and keys that manage."""
    is_member = actor.user_id is not None and actor.may(Scope.REPLAY, organization_id)
    return is_member or actor.may(Scope.MANAGE, organization_id)


@transaction.atomic
def change_state(
    issue_id: UUID, state: str, *, by: str, now: datetime, mute_requests: int | None = None
) -> ErrorIssue:
    """The issue in another state; `mute_requests` is how many more it stays muted for, None for all.

    Waits for a round that counts into it, and counts what came until then.
    """
    locked = ErrorIssue.objects.select_for_update(no_key=True, of=("self",))
    issue = locked.select_related("service", "endpoint").get(id=issue_id)
    muted_until = issue.requests + mute_requests if mute_requests is not None else None
    issue.turn(state, at=now, by=by, muted_until=muted_until)
    issue.save(update_fields=["state", "state_changed_at", "state_changed_by", "muted_until_requests"])
    return issue
