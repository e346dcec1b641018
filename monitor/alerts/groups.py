"""The groups of a rule: which of them are judged, what is said of each, what people call them."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from uuid import UUID

from monitor.alerts.asking import Ask, Reply
from monitor.alerts.baseline import Band, hour_of
from monitor.alerts.burning import LENGTHS, burn_of, key_of, label_of, subject_in, subject_of
from monitor.alerts.kinds import KINDS, Judgement, judge_by_band, judge_objective
from monitor.alerts.standing import Verdict
from monitor.alerts.usual import MAX_GROUPS
from monitor.metrics.answer import names_of
from monitor.metrics.cells import Cell
from monitor.metrics.question import GroupBy
from monitor.metrics.windows import Groups
from monitor.models import AlertGroup, AlertRule
from monitor.models.alerts import OF_NOTHING, Per, RuleKind

# A group without requests for so long is not one any more.
FORGOTTEN_AFTER = timedelta(days=7)


def judge_groups(
    ask: Ask, reply: Reply, known: Mapping[str, AlertGroup], bands: Mapping[str, Band], *, now: datetime
) -> dict[str, Judgement]:
    """The judgement of each group that has requests now or had some lately."""
    rule = ask.rule
    if rule.kind == RuleKind.SLO:
        return judge_burns(rule, reply.by_length, known, now=now)
    if rule.kind in OF_NOTHING and not known and ask.since < rule.created_at:
        # What sends nothing yet has not stopped: the first window that counts begins with the rule.
        return {"": Judgement(verdict=Verdict.CALM, value=None, requests=0)} if not rule.per else {}
    cells = reply.groups if rule.per else {"": reply.groups.get("", Cell())}
    there = [key for key, group in known.items() if key in cells or not is_forgotten(group, now)]
    return {
        key: judge_one(ask, key, cells.get(key, Cell()), bands) for key in keys_to_judge(rule, cells, there)
    }


def keys_to_judge(rule: AlertRule, cells: Groups, known: Iterable[str]) -> list[str]:
    """The groups that are known, then the busiest of the others, as many as a rule may have."""
    keys = list(dict.fromkeys(known))
    keys += sorted(cells.keys() - set(keys), key=lambda key: (-cells[key].requests, key))
    if rule.per == Per.CONSUMER:
        # Requests of nobody in particular are not a consumer's.
        keys = [key for key in keys if key]
    return keys[:MAX_GROUPS]


def judge_burns(
    rule: AlertRule,
    by_length: Mapping[timedelta, Groups],
    known: Mapping[str, AlertGroup],
    *,
    now: datetime,
) -> dict[str, Judgement]:
    """Two judgements of each group of an objective that has requests in its longest window or had some
    lately."""
    longest = by_length[LENGTHS[-1]] if rule.per else {"": Cell()}
    there = [
        subject_of(key)
        for key, group in known.items()
        if subject_of(key) in longest or not is_forgotten(group, now)
    ]
    judged: dict[str, Judgement] = {}
    for subject in keys_to_judge(rule, longest, there):
        cells = {length: groups.get(subject, Cell()) for length, groups in by_length.items()}
        judged |= {key_of(burn, subject): each for burn, each in judge_objective(rule, cells).items()}
    return judged


def judge_one(ask: Ask, key: str, cell: Cell, bands: Mapping[str, Band]) -> Judgement:
    if ask.rule.kind == RuleKind.BASELINE:
        band = bands.get(key) or Band(of=hour_of(ask.since, ask.until))
        return judge_by_band(ask.rule, cell, band)
    return KINDS[ask.rule.kind](ask.rule, cell)


def is_forgotten(group: AlertGroup, now: datetime) -> bool:
    """Whether it had no requests for so long that it is no group any more. The two of a whole stay."""
    is_one_of_many = bool(group.key) and bool(group.rule.per)
    return is_one_of_many and group.seen_at is not None and now - group.seen_at > FORGOTTEN_AFTER


def new_group(
    rule: AlertRule, key: str, labels: Mapping[tuple[UUID, str], str], *, now: datetime
) -> AlertGroup:
    return AlertGroup(
        rule=rule,
        key=key,
        label=labels.get((rule.id, key), key)[:300],
        state="",
        since=now,
        evaluated_at=now,
        recorded_at=now,
    )


def labels_of(
    judged: Iterable[tuple[Ask, Mapping[str, Judgement], float]],
    known: Mapping[UUID, Mapping[str, AlertGroup]],
) -> dict[tuple[UUID, str], str]:
    """What people call the groups that are new."""
    new = [
        (ask.rule, key)
        for ask, judgements, _ in judged
        for key in judgements
        if key not in known[ask.rule.id]
    ]
    subjects: dict[GroupBy, set[str]] = defaultdict(set)
    for rule, key in new:
        if rule.per:
            subjects[GroupBy(rule.per)].add(subject_in(rule, key))
    names = {by: names_of(by, list(keys)) for by, keys in subjects.items()}
    labels: dict[tuple[UUID, str], str] = {}
    for rule, key in new:
        name = (names[GroupBy(rule.per)][subject_in(rule, key)][1] or "(none)") if rule.per else ""
        labels[rule.id, key] = label_of(burn_of(key), name) if rule.kind == RuleKind.SLO else name
    return labels


def names_of_group(rule: AlertRule, group: AlertGroup) -> list[str]:
    """What a silence may call it: one of `GET /orders` silences both of its burns."""
    is_burn_of_one = rule.kind == RuleKind.SLO and bool(rule.per)
    return [group.label, *([group.label.rpartition(", ")[0]] if is_burn_of_one else [])]
