"""Keep who did what, on what, from where. Lies below all rooms that do something.

What is changed records itself: the tables that `watched` names have triggers, so that no route can forget.
`record` is for what changes nothing: a secret that was shown, an export, somebody who signed in.
"""

from monitor.audit.commands import by_command
from monitor.audit.record import record, record_in_each, record_shown
from monitor.audit.refusals import note_blocked, note_blocked_for_caller
from monitor.audit.visits import (
    Visit,
    begin_visit,
    concern,
    current_visit,
    end_visit,
    remember_actor,
    unrecorded,
)

__all__ = [
    "Visit",
    "begin_visit",
    "by_command",
    "concern",
    "current_visit",
    "end_visit",
    "note_blocked",
    "note_blocked_for_caller",
    "record",
    "record_in_each",
    "record_shown",
    "remember_actor",
    "unrecorded",
]
