"""Days of logs to let go of. The clock stands at NOON; what a test leaves behind is dropped again."""

from datetime import date

import pytest

from monitor.models.partitions import drop_day, existing_days, make_day
from monitor.retention import make_days_ahead
from tests.moments import NOON


@pytest.fixture
def days(db):
    """Empty days around NOON alone, whatever days other tests and the real clock have made."""
    there = existing_days()
    for day in there:
        drop_day(day)
    make_days_ahead(now=NOON)
    yield
    for day in existing_days():
        drop_day(day)
    for day in there:
        make_day(day)


def day(age: int) -> date:
    """The day this many days before NOON's."""
    return date.fromordinal(NOON.date().toordinal() - age)
