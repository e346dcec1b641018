"""The page that sends a kept request again and shows the answer beside the original's."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.cache import add_never_cache_headers
from django.views.decorators.http import require_http_methods

from monitor.access.gate import page_actor
from monitor.access.requests import client_address
from monitor.api.keyset import cut_page, read_cursor
from monitor.api.paths import uuid_or_none
from monitor.api.permissions import SAFE_METHODS, check_service
from monitor.lib.actors import Scope
from monitor.limits.policies import limited_as
from monitor.models import Replay
from monitor.replay.diff import Diff, diff_bodies, diff_headers
from monitor.replay.editor import Start, moved_to, start_of, target_of, targets_of, with_kept_overrides
from monitor.replay.forms import ReplayForm
from monitor.replay.prepare import ReplayRefused, TargetNotAllowed
from monitor.replay.send import replay as send_again
from monitor.search import LogDetail, reach_log, read_detail

HISTORY_ROWS = 20


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """An answer beside the original's. `latency_change_ms` is negative when the replay was faster."""

    record: Replay
    body: Diff
    headers: Diff
    latency_change_ms: float | None
    body_is_comparable: bool

    @classmethod
    def of(cls, record: Replay, detail: LogDetail) -> "Comparison":
        original = detail.log.latency_ms
        known = record.latency_ms is not None and original is not None
        return cls(
            record=record,
            body=diff_bodies(detail.response_body, record.response_body),
            headers=diff_headers(detail.response_headers, record.response_headers),
            latency_change_ms=record.latency_ms - original if known else None,  # type: ignore[operator] # known
            body_is_comparable=not (detail.response_body_dropped or detail.response_truncated),
        )


@limited_as(POST="replays")
@require_http_methods(["GET", "HEAD", "POST"])
def replay(request: HttpRequest, log_id: UUID) -> HttpResponse:
    """The editor and what came of it. A POST sends.

    The answer is shown by the POST itself, not after a redirect: secrets typed into the editor are kept
    nowhere, so only this answer can hold them for the next try.
    """
    actor = page_actor(request)
    sends = request.method == "POST"
    try:
        log = reach_log(actor, log_id, Scope.REPLAY if sends else Scope.READ)
    except Http404:
        if sends:
            raise
        return history_alone(request, log_id)
    detail = read_detail(log)
    start = start_of(detail, log.service)
    if not sends:
        shown = chosen_replay(request, log_id)
        return editor_page(
            request, detail, start, opened_form(request, start, shown, targets_of(log.service)), shown
        )
    form = ReplayForm(request.POST, start=start)
    record = None
    if form.is_valid():
        try:
            record = send_again(
                detail,
                form.overrides(),
                actor_label=actor.label,
                source_ip=client_address(request),
                now=timezone.now(),
            )
        except ReplayRefused as refused:
            form.target_refused = isinstance(refused, TargetNotAllowed)
            form.refuse(refused)
    # htmx swaps good answers only, and the field's errors are what it should show.
    status = 200 if record or request.headers.get("HX-Request") else 400
    response = editor_page(request, detail, start, form, record, status=status)
    add_never_cache_headers(response)
    return response


def chosen_replay(request: HttpRequest, log_id: UUID) -> Replay | None:
    """The earlier replay that the address names."""
    replay_id = uuid_or_none(request.GET.get("replay"))
    if replay_id is None:
        return None
    found = Replay.objects.visible_to(page_actor(request)).filter(id=replay_id, original_log_id=log_id)
    return found.first()


def opened_form(request: HttpRequest, start: Start, shown: Replay | None, targets: list[str]) -> ReplayForm:
    """The editor at the original, at an earlier replay, or at the original moved to another target."""
    initial: dict[str, Any] = {}
    if shown is not None:
        url, headers, body = with_kept_overrides(start, shown.overrides)
        initial = {"override_url": url, "override_headers": headers, "override_body": body}
    elif request.GET.get("target") in targets:
        initial = {"override_url": moved_to(start.url, request.GET["target"])}
    return ReplayForm(start=start, initial=initial)


def editor_page(
    request: HttpRequest,
    detail: LogDetail,
    start: Start,
    form: ReplayForm,
    shown: Replay | None,
    *,
    status: int = 200,
) -> HttpResponse:
    log, service = detail.log, detail.log.service
    actor = page_actor(request)
    url = form["override_url"].value() or ""
    context = {
        "section": "logs",
        "log": log,
        "detail": detail,
        "service": service,
        "start": start,
        "form": form,
        "may_replay": actor.may(Scope.REPLAY, service.organization_id),
        "may_manage": actor.may(Scope.MANAGE, service.organization_id),
        "changes_things": log.method not in SAFE_METHODS,
        "target": target_of(url, service, loopback_allowed=settings.QUICK_START),
        "targets": [(origin, moved_to(start.url, origin)) for origin in targets_of(service)],
        "shown": Comparison.of(shown, detail) if shown else None,
        "history": cut_page(
            Replay.objects.filter(service=service, original_log_id=log.id),
            limit=HISTORY_ROWS,
            cursor=read_cursor(request.GET),
        ),
        "timeout_s": settings.REPLAY_TIMEOUT_S,
    }
    return render(request, "replay/editor.html", context, status=status)


def history_alone(request: HttpRequest, log_id: UUID) -> HttpResponse:
    """The replays of a log that is no longer kept: they outlive it. Raises Http404 when there are none."""
    replays = Replay.objects.visible_to(page_actor(request)).filter(original_log_id=log_id)
    history = cut_page(replays.select_related("service"), limit=HISTORY_ROWS, cursor=read_cursor(request.GET))
    if not history.rows:
        raise Http404("No such log.")
    service = history.rows[0].service
    check_service(page_actor(request), service, Scope.READ)
    shown = chosen_replay(request, log_id)
    context = {"section": "logs", "service": service, "history": history, "record": shown}
    return render(request, "replay/aged_out.html", context)
