"""A short list: importing it puts every noun on the admin site."""

from monitor.admin import (
    alerts,
    audit,
    audit_log,
    catalogue,
    channels,
    deployments,
    issues,
    jobs,
    keys,
    logs,
    people,
    plans,
    replays,
    services,
    views,
    webhooks,
)

__all__ = [
    "alerts",
    "audit",
    "audit_log",
    "catalogue",
    "channels",
    "deployments",
    "issues",
    "jobs",
    "keys",
    "logs",
    "people",
    "plans",
    "replays",
    "services",
    "views",
    "webhooks",
]
