"""Tell people: what happened becomes a notification, and a delivery for each channel that takes it."""

from monitor.channels.announcing import Announcement, announce
from monitor.channels.looking import Look

__all__ = ["Announcement", "Look", "announce"]
