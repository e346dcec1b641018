"""Organizations: what holds for all of their services."""

from monitor.organizations.change import RetentionTooShort, change_organization

__all__ = ["RetentionTooShort", "change_organization"]
