"""What rules of windows ask of the numbers, and how it is answered: from rollups wherever they can tell, and
many rules by one statement."""

import logging
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from uuid import UUID

from django.core.exceptions import EmptyResultSet
from django.db.models import Count

from monitor.alerts.burning import LENGTHS, PAIRS, start_of
from monitor.lib.time_limit import TookTooLong, time_limit
from monitor.metrics import Question, WindowQuestion, read_windows
from monitor.metrics.cells import Cell
from monitor.metrics.gather import gather_logs
from monitor.metrics.question import GroupBy
from monitor.metrics.windows import Detail, Groups
from monitor.models import AlertRule, Consumer, Instance, RequestLog
from monitor.models.alerts import Per, RuleKind
from monitor.models.keys import Mode
from monitor.models.logs import RequestLogQuerySet
from monitor.models.metrics import Family
from monitor.search.clauses import narrowed
from monitor.search.language import Exactly, Field, Term

logger = logging.getLogger(__name__)
# As much as one statement should answer; beyond, another one begins. One for fifty services ran into the
# limit below on a busy machine; so, 1,000 rules take 1.4 s a round (scripts/bench alerts).
SERVICES_A_STATEMENT = 10
SHARED_LIMIT = timedelta(seconds=15)
# Where only the logs can tell: for one rule, and for all of one minute.
LOGS_LIMIT = timedelta(seconds=2)
LOGS_LIMIT_OF_ALL_S = 15.0
# A subject that nothing has.
NOBODY = "nobody"
BY_CONSUMER, BY_ENDPOINT = frozenset({"consumer"}), frozenset({"endpoint"})


class CannotTell(Exception):
    """A rule whose requests could not be counted. The text is for its owner."""


@dataclass(frozen=True, kw_only=True)
class Ask:
    """A rule's window: the question that rollups answer, or none where only the logs can, or processes.

    `by_length` are the windows of an objective, which has several; the question is the first of them.
    """

    rule: AlertRule
    since: datetime
    until: datetime
    question: WindowQuestion | None
    by_length: Mapping[timedelta, WindowQuestion] = field(default_factory=dict)

    @property
    def questions(self) -> list[WindowQuestion]:
        return list(self.by_length.values()) or ([self.question] if self.question is not None else [])


@dataclass(frozen=True, kw_only=True)
class Reply:
    """Cells by group, or why there are none; and how long the reading took, shared or not. `by_length` are
    those of each window of an objective."""

    groups: Groups
    duration_ms: float
    error: str = ""
    by_length: Mapping[timedelta, Groups] = field(default_factory=dict)


def needs_logs(rule: AlertRule) -> bool:
    """Whether rollups do not tell its requests apart: tags, and endpoints and consumers together."""
    return bool(rule.tag) or told_apart(rule) == BY_CONSUMER | BY_ENDPOINT


def is_of_processes(rule: AlertRule) -> bool:
    """Whether it asks who reported, and nothing of requests."""
    return rule.kind == RuleKind.SILENCE


def told_apart(rule: AlertRule) -> frozenset[str]:
    narrowed = {
        name for name, value in (("endpoint", rule.endpoint_id), ("consumer", rule.consumer)) if value
    }
    return frozenset(narrowed | ({str(rule.per)} & {Per.ENDPOINT.value, Per.CONSUMER.value}))


def asks_of(rules: Iterable[AlertRule], *, until: datetime, details: Mapping[UUID, Detail]) -> list[Ask]:
    """What each rule asks of the window that ends then."""
    listed = list(rules)
    consumers = ids_of_consumers(listed)
    return [ask_of(rule, until=until, consumers=consumers, detail=details[rule.id]) for rule in listed]


def ask_of(
    rule: AlertRule, *, until: datetime, consumers: Mapping[tuple[UUID, str], UUID], detail: Detail
) -> Ask:
    if needs_logs(rule) or is_of_processes(rule):
        return Ask(rule=rule, since=until - rule.window, until=until, question=None)
    question = question_of(rule, until=until, consumers=consumers, detail=detail)
    if rule.kind != RuleKind.SLO:
        return Ask(rule=rule, since=question.since, until=until, question=question)
    by_length = {length: replace(question, since=start_of(until, length)) for length in LENGTHS}
    first = by_length[PAIRS[0].long]
    return Ask(rule=rule, since=first.since, until=until, question=first, by_length=by_length)


def question_of(
    rule: AlertRule, *, until: datetime, consumers: Mapping[tuple[UUID, str], UUID], detail: Detail
) -> WindowQuestion:
    apart = told_apart(rule)
    subject: str | None = None
    if rule.endpoint_id:
        subject = str(rule.endpoint_id)
    elif rule.consumer:
        subject = str(consumers.get((rule.service.organization_id, rule.consumer), NOBODY))
    return WindowQuestion(
        service_id=rule.service_id,
        since=until - rule.window,
        until=until,
        family={BY_ENDPOINT: Family.ENDPOINT, BY_CONSUMER: Family.CONSUMER}.get(apart, Family.TOTAL),
        environment=rule.environment,
        subject=subject,
        by_environment=rule.per == Per.ENVIRONMENT,
        by_subject=rule.per in (Per.ENDPOINT, Per.CONSUMER),
        detail=detail,
    )


def ids_of_consumers(rules: Sequence[AlertRule]) -> dict[tuple[UUID, str], UUID]:
    """The consumers that rules name, by organization and identifier."""
    named = {(rule.service.organization_id, rule.consumer) for rule in rules if rule.consumer}
    if not named:
        return {}
    found = Consumer.objects.filter(
        organization_id__in={organization for organization, _ in named},
        identifier__in={identifier for _, identifier in named},
    )
    return {
        (organization, identifier): id_
        for organization, identifier, id_ in found.values_list("organization_id", "identifier", "id")
    }


# --- Answers -----------------------------------------------------------------------------------------------


def replies_to(asks: Sequence[Ask], *, now: datetime) -> list[Reply]:
    """The reply to each, in their order. What fails fails for itself."""
    shared = shared_replies([question for ask in asks for question in ask.questions], now=now)
    heard = replies_about_processes([ask for ask in asks if is_of_processes(ask.rule)])
    give_up_at = time.monotonic() + LOGS_LIMIT_OF_ALL_S
    replies = []
    for ask in asks:
        if ask.question is not None:
            replies.append(reply_of_lengths(ask, shared) if ask.by_length else shared[ask.question])
        elif is_of_processes(ask.rule):
            replies.append(heard[ask.rule.id])
        else:
            replies.append(reply_from_logs(ask, give_up_at=give_up_at, now=now))
    return replies


def reply_of_lengths(ask: Ask, shared: Mapping[WindowQuestion, Reply]) -> Reply:
    """The windows of one objective together; the longest of them is the first to fail."""
    replies = {length: shared[question] for length, question in ask.by_length.items()}
    return Reply(
        groups={},
        duration_ms=max(reply.duration_ms for reply in replies.values()),
        error=next((reply.error for reply in replies.values() if reply.error), ""),
        by_length={length: reply.groups for length, reply in replies.items()},
    )


def replies_about_processes(asks: Sequence[Ask]) -> dict[UUID, Reply]:
    """How many live processes were heard in each rule's window: one statement for each length of window."""
    by_start: dict[datetime, list[Ask]] = {}
    for ask in asks:
        by_start.setdefault(ask.since, []).append(ask)
    replies: dict[UUID, Reply] = {}
    for since, some in by_start.items():
        begun = time.perf_counter()
        try:
            with time_limit(SHARED_LIMIT):
                heard = count_processes({ask.rule.service_id for ask in some}, since=since)
        except Exception as error:  # as below
            failed = Reply(groups={}, duration_ms=since_ms(begun), error=words_of(error))
            replies |= {ask.rule.id: failed for ask in some}
            continue
        duration_ms = since_ms(begun)
        for ask in some:
            count = sum(
                number
                for (service_id, environment), number in heard.items()
                if service_id == ask.rule.service_id and ask.rule.environment in ("", environment)
            )
            replies[ask.rule.id] = Reply(groups={"": Cell(requests=count)}, duration_ms=duration_ms)
    return replies


def count_processes(service_ids: Iterable[UUID], *, since: datetime) -> dict[tuple[UUID, str], int]:
    """By service and environment."""
    found = Instance.objects.heard_since(since).filter(service_id__in=service_ids, mode=Mode.LIVE)
    counted = found.values_list("service_id", "environment").annotate(number=Count("id")).order_by()
    return {(service_id, environment): number for service_id, environment, number in counted}


def shared_replies(questions: Sequence[WindowQuestion], *, now: datetime) -> dict[WindowQuestion, Reply]:
    """Each question once, many by one statement."""
    by_service: dict[UUID, list[WindowQuestion]] = {}
    for question in dict.fromkeys(questions):
        by_service.setdefault(question.service_id, []).append(question)
    services = list(by_service.values())
    replies: dict[WindowQuestion, Reply] = {}
    for start in range(0, len(services), SERVICES_A_STATEMENT):
        some = [each for asked in services[start : start + SERVICES_A_STATEMENT] for each in asked]
        replies |= read_together(some, now=now)
    return replies


def read_together(questions: Sequence[WindowQuestion], *, now: datetime) -> dict[WindowQuestion, Reply]:
    """By one statement; when that fails, each half by itself, until the one at fault fails alone."""
    begun = time.perf_counter()
    try:
        with time_limit(SHARED_LIMIT):
            answers = read_windows(questions, now=now)
    except Exception as error:  # whatever it is, it must not reach the rules that others made
        if len(questions) == 1:
            return {questions[0]: Reply(groups={}, duration_ms=since_ms(begun), error=words_of(error))}
        middle = len(questions) // 2
        return read_together(questions[:middle], now=now) | read_together(questions[middle:], now=now)
    duration_ms = since_ms(begun)
    return {question: Reply(groups=answers[question], duration_ms=duration_ms) for question in questions}


def reply_from_logs(ask: Ask, *, give_up_at: float, now: datetime) -> Reply:
    begun = time.perf_counter()
    try:
        if time.monotonic() > give_up_at:
            raise CannotTell(
                "Too many rules ask what only the logs can tell: by tag, or by endpoint and consumer."
            )
        with time_limit(LOGS_LIMIT):
            groups = count_logs(ask, now=now)
    except Exception as error:  # as above
        return Reply(groups={}, duration_ms=since_ms(begun), error=words_of(error))
    return Reply(groups=groups, duration_ms=since_ms(begun))


def question_about(rule: AlertRule, *, since: datetime, until: datetime, now: datetime) -> Question:
    """The rule's requests within any window, as the other rooms ask for them."""
    named = {
        "endpoint_id": rule.endpoint_id,
        "consumer": rule.consumer,
        "environment": rule.environment,
        "tag": rule.tag,
        "mode": Mode.LIVE.value,
    }
    return Question(
        service_ids=[rule.service_id],
        since=since,
        until=until,
        now=now,
        filters={name: value for name, value in named.items() if value},
        logs=logs_of(rule),
    )


def count_logs(ask: Ask, *, now: datetime) -> Groups:
    by = GroupBy(ask.rule.per) if ask.rule.per else None
    question = question_about(ask.rule, since=ask.since, until=ask.until, now=now)
    try:
        return {slot.group: cell for slot, cell in gather_logs(question, by=by).items()}
    except EmptyResultSet:
        return {}


def logs_of(rule: AlertRule) -> RequestLogQuerySet:
    """The rule's requests in the log table, of any time."""
    named = {Field.CONSUMER: rule.consumer, Field.ENVIRONMENT: rule.environment, Field.TAG: rule.tag}
    terms = [Term(field=field, value=Exactly(text=text)) for field, text in named.items() if text]
    logs = RequestLog.objects.of_services([rule.service_id]).filter(mode=Mode.LIVE)
    if rule.endpoint_id:
        logs = logs.filter(endpoint_id=rule.endpoint_id)
    return narrowed(logs, terms)


def words_of(error: Exception) -> str:
    """Why, for the rule's owner."""
    if isinstance(error, TookTooLong):
        return "Counting its requests took too long. Choose a shorter window, or narrow it less."
    if not isinstance(error, CannotTell):
        logger.warning("What a rule asks could not be counted", exc_info=error)
    return str(error)[:512] or type(error).__name__


def since_ms(begun: float) -> float:
    return 1000 * (time.perf_counter() - begun)
