"""What a person does by a command: nobody has signed in there, so it is the system's doing, and told."""

from collections.abc import Iterator
from contextlib import contextmanager

from monitor.audit.visits import SYSTEM, Visit, begin_visit, end_visit, remember_actor
from monitor.models.audit import Face


@contextmanager
def by_command(name: str) -> Iterator[None]:
    """What is changed within is in the audit log, as done by `manage.py NAME`.

    Not around what takes thousands of rows away: those are told of by one row of their own.
    """
    begin_visit(Visit(face=Face.COMMAND, route=f"manage.py {name}"))
    remember_actor(SYSTEM)
    try:
        yield
    finally:
        end_visit()
