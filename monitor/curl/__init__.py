"""A curl command that somebody pasted: read, sent through the guarded door, and kept as a log."""

from monitor.curl.command import CurlRequest, read_command
from monitor.curl.send import send_and_keep
from monitor.curl.words import NotUnderstood

__all__ = ["CurlRequest", "NotUnderstood", "read_command", "send_and_keep"]
