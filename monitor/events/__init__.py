"""Say what happened, so that other programs can hear of it. Lies below all rooms that say something."""

from monitor.events.draft import Draft
from monitor.events.listening import is_wanted
from monitor.events.record import hand_over, record_event, record_events

__all__ = ["Draft", "hand_over", "is_wanted", "record_event", "record_events"]
