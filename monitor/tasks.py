"""A short list: every room's tasks."""

from monitor.services.tasks import purge_service

__all__ = ["purge_service"]
