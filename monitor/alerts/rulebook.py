"""The active rules of a service, read once and kept until one of them changes."""

from collections.abc import Iterable, Iterator, Mapping
from uuid import UUID

from django.db import connection

from monitor.alerts.conditions import Comparison, Observed, read_condition
from monitor.alerts.thresholds import Thresholds
from monitor.models import AlertRule
from monitor.models.alerts import RuleKind

MAX_BOOKS = 10_000

# The number is renewed by a trigger with every change of a rule, in that change's own transaction, so a book
# of it is never older than the moment it was read. Numbers are not used twice, not even after a rollback.
NUMBERS = "SELECT service_id, number FROM alert_rule_change WHERE service_id = ANY(%s::uuid[])"
# Part of the statement that keeps logs (`ingest/rows.py`): whether the rules of these services are still
# those by which the logs were judged. A service that never had a rule has no number.
GUARD = (
    "guard AS MATERIALIZED (SELECT NOT EXISTS (SELECT FROM alert_rule_change"
    " WHERE service_id = ANY(%(services)b) AND (service_id, number) NOT IN"
    " (SELECT unnest(%(judged)b), unnest(%(judged_by)b))) OR %(unguarded)s AS ok)"
)

_books: dict[UUID, tuple[int, "RuleBook"]] = {}


class RuleBook:
    """Rules ready to be judged: those with a condition that means something, and those without."""

    def __init__(self, rules: Iterable[AlertRule]) -> None:
        self.sound: list[AlertRule] = []
        self.broken: list[tuple[AlertRule, Exception]] = []
        conditions: list[tuple[Comparison, int]] = []
        for rule in rules:
            try:
                condition = read_condition(
                    rule.condition_field, rule.condition_operator, rule.condition_value
                )
            except Exception as error:  # whatever it is, it is the rule's and not the log's
                self.broken.append((rule, error))
            else:
                conditions.append((condition, len(self.sound)))
                self.sound.append(rule)
        self._thresholds = Thresholds(conditions)

    def matching(self, observed: Observed) -> Iterator[AlertRule]:
        """The rules whose condition holds, in the order they were given."""
        return (self.sound[place] for place in sorted(self._thresholds.holding_for(observed)))


def numbers_of(service_ids: Iterable[UUID]) -> dict[UUID, int]:
    """The number of each service that has or had rules, as it is committed now."""
    with connection.cursor() as cursor:
        cursor.execute(NUMBERS, [list(service_ids)])
        return dict(cursor.fetchall())


def known_books(service_ids: Iterable[UUID]) -> dict[UUID, tuple[int, RuleBook]]:
    """The books of these services that this process has read, with their numbers. They may be out of date."""
    return {id_: known for id_ in service_ids if (known := _books.get(id_)) is not None}


def books_of(numbers: Mapping[UUID, int]) -> dict[UUID, RuleBook]:
    """The rules of services by the numbers they have now; reads those that have changed."""
    return {service_id: _book(service_id, number) for service_id, number in numbers.items()}


def _book(service_id: UUID, number: int) -> RuleBook:
    known = _books.get(service_id)
    if known is not None and known[0] == number:
        return known[1]
    # Rules that change between the two queries are read already, and read once more the next time.
    rules = AlertRule.objects.filter(service_id=service_id, kind=RuleKind.LOG, is_active=True)
    book = RuleBook(rules.order_by("id"))
    if len(_books) >= MAX_BOOKS:
        _books.clear()
    _books[service_id] = number, book
    return book
