"""Once a minute: judge all rules of windows, remember how their groups stand, and tell what changed."""

import logging
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from monitor.alerts.asking import Ask, asks_of, replies_to
from monitor.alerts.changes import Changes, keep_changes
from monitor.alerts.following import follow, forget, note_failure
from monitor.alerts.groups import is_forgotten, judge_groups, labels_of, new_group
from monitor.alerts.kinds import Judgement, detail_of
from monitor.alerts.quiet import quiet_at
from monitor.alerts.telling import tell_digests
from monitor.alerts.usual import bands_of
from monitor.metrics.tiles import floor
from monitor.models import AlertGroup, AlertRule

logger = logging.getLogger(__name__)
MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, kw_only=True)
class Round:
    """How one minute went."""

    rules: int = 0
    failed: int = 0
    told: int = 0


def judge_windows(*, now: datetime) -> Round:
    """Judge the window that ended with the last whole minute. A rule that fails stops no other."""
    tell_digests(now=now)
    until = floor(now, MINUTE)
    rules = list(AlertRule.objects.of_windows().select_related("service", "endpoint").order_by("id"))
    if not rules:
        return Round()
    known: dict[UUID, dict[str, AlertGroup]] = defaultdict(dict)
    by_id = {rule.id: rule for rule in rules}
    for group in AlertGroup.objects.filter(rule__in=rules):
        group.rule = by_id[group.rule_id]
        known[group.rule_id][group.key] = group
    changes = Changes(quiet=quiet_at(now))
    judged: list[tuple[Ask, Mapping[str, Judgement], float]] = []
    asks = asks_of(rules, until=until, details={rule.id: detail_of(rule) for rule in rules})
    replies = replies_to(asks, now=now)
    bands = bands_of(asks, replies, known, now=now)
    for ask, reply in zip(asks, replies, strict=True):
        try:
            band = bands.get(ask.rule.id, {})
            if reply.error or isinstance(band, str):
                raise CannotJudge(reply.error or band)
            made = judge_groups(ask, reply, known[ask.rule.id], band, now=now)
            judged.append((ask, made, reply.duration_ms))
        except Exception as error:  # whatever it is, it is this rule's and nobody else's
            if not isinstance(error, CannotJudge):
                logger.warning("Rule %s could not be judged", ask.rule.id, exc_info=error)
            note_failure(changes, ask, known[ask.rule.id], str(error)[:512], reply.duration_ms, now=now)
        else:
            if ask.rule.last_error and not ask.rule.is_untold:
                changes.mended.append(ask.rule)
    labels = labels_of(judged, known)
    for ask, judgements, duration_ms in judged:
        for key, judgement in judgements.items():
            group = known[ask.rule.id].get(key) or new_group(ask.rule, key, labels, now=now)
            follow(changes, ask, group, judgement, duration_ms, now=now)
        for group in known[ask.rule.id].values():
            if is_forgotten(group, now):
                forget(changes, ask.rule, group, now=now)
    told = keep_changes(changes, now=now)
    return Round(rules=len(rules), failed=len(changes.broken), told=told)


class CannotJudge(Exception):
    """Why a rule says nothing this minute."""
