"""The nouns of the product, a file for each family."""

from monitor.models.alert_groups import AlertEvaluation, AlertGroup
from monitor.models.alert_news import AlertArrival, AlertTally
from monitor.models.alert_silences import AlertBudget, AlertSilence
from monitor.models.alerts import AlertEvent, AlertRule, AlertRuleChange
from monitor.models.audit import AuditEntry
from monitor.models.channels import (
    Notification,
    NotificationAttempt,
    NotificationChannel,
    NotificationDelivery,
)
from monitor.models.clients import CountedDay, CountedSeries, ErrorCount, Instance, ReceivedMessage
from monitor.models.deployments import Deployment
from monitor.models.dictionaries import PayloadDictionary
from monitor.models.events import Event, EventOutbox
from monitor.models.health import Counter, CounterMinute
from monitor.models.idempotency import IdempotentRequest
from monitor.models.issues import ErrorArrival, ErrorIssue, ErrorIssueConsumer, ErrorIssueHour
from monitor.models.keys import ApiKey
from monitor.models.limits import Plan, RateBucket
from monitor.models.logs import LogPayload, RequestLog
from monitor.models.maintenance import Maintenance
from monitor.models.metrics import MetricDelta, MetricFold, MetricRollup
from monitor.models.monitors import (
    Beat,
    Monitor,
    MonitorBadge,
    MonitorCheck,
    MonitorDay,
    MonitorEvent,
    MonitorExpiry,
    MonitorHour,
    MonitorProxy,
    MonitorStanding,
    MonitorTag,
)
from monitor.models.people import Invitation, OrganizationDeletion, PersonalToken
from monitor.models.push import Ping, PingKey, PushTarget
from monitor.models.replays import Replay
from monitor.models.services import Consumer, ConsumerErasure, Endpoint, EndpointMove, ExclusionRule, Service
from monitor.models.status_pages import StatusEntry, StatusIncident, StatusPage, StatusUpdate
from monitor.models.status_subscribers import StatusDelivery, StatusNotice, StatusSubscriber
from monitor.models.storage import StorageEvent
from monitor.models.tenants import Membership, Organization
from monitor.models.usage import UsageDay, UsageDelta
from monitor.models.views import SavedView
from monitor.models.webhooks import WebhookAttempt, WebhookDelivery, WebhookEndpoint, WebhookSecret

__all__ = [
    "AlertArrival",
    "AlertBudget",
    "AlertEvaluation",
    "AlertEvent",
    "AlertGroup",
    "AlertRule",
    "AlertRuleChange",
    "AlertSilence",
    "AlertTally",
    "ApiKey",
    "AuditEntry",
    "Beat",
    "Consumer",
    "ConsumerErasure",
    "CountedDay",
    "CountedSeries",
    "Counter",
    "CounterMinute",
    "Deployment",
    "Endpoint",
    "EndpointMove",
    "ErrorArrival",
    "ErrorCount",
    "ErrorIssue",
    "ErrorIssueConsumer",
    "ErrorIssueHour",
    "Event",
    "EventOutbox",
    "ExclusionRule",
    "IdempotentRequest",
    "Instance",
    "Invitation",
    "LogPayload",
    "Maintenance",
    "Membership",
    "MetricDelta",
    "MetricFold",
    "MetricRollup",
    "Monitor",
    "MonitorBadge",
    "MonitorCheck",
    "MonitorDay",
    "MonitorEvent",
    "MonitorExpiry",
    "MonitorHour",
    "MonitorProxy",
    "MonitorStanding",
    "MonitorTag",
    "Notification",
    "NotificationAttempt",
    "NotificationChannel",
    "NotificationDelivery",
    "Organization",
    "OrganizationDeletion",
    "PayloadDictionary",
    "PersonalToken",
    "Ping",
    "PingKey",
    "Plan",
    "PushTarget",
    "RateBucket",
    "ReceivedMessage",
    "Replay",
    "RequestLog",
    "SavedView",
    "Service",
    "StatusDelivery",
    "StatusEntry",
    "StatusIncident",
    "StatusNotice",
    "StatusPage",
    "StatusSubscriber",
    "StatusUpdate",
    "StorageEvent",
    "UsageDay",
    "UsageDelta",
    "WebhookAttempt",
    "WebhookDelivery",
    "WebhookEndpoint",
    "WebhookSecret",
]
