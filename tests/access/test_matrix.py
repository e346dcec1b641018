"""Who may do what: every route of the URL configuration, with every kind of caller.

A route that is missing from the tables below fails the first tests here, so that none can be forgotten.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from django.test import Client
from django.utils import timezone

from monitor.access import revoke_key
from monitor.access.tokens import issue_token
from monitor.apitally.urls import hub_routes
from monitor.channels.register import make_channel, send_test
from monitor.events import record_event
from monitor.issues.grouping import group_errors
from monitor.models import (
    AlertSilence,
    ApiKey,
    AuditEntry,
    Consumer,
    Endpoint,
    ErrorIssue,
    Maintenance,
    MonitorTag,
    NotificationChannel,
    Organization,
    Plan,
    SavedView,
    Service,
    StatusPage,
)
from monitor.people.invitations import invite
from monitor.services.exclusions import add_rule
from monitor.status.register import open_incident
from monitor.status.rendering import ALL_PARTS
from monitor.status.subscribing import add
from monitor.webhooks.endpoints import make_endpoint
from tests.access.routes import API_PREFIXES, all_routes, api_routes
from tests.factories import (
    UNKNOWN_ID,
    a_client,
    a_key,
    a_log,
    a_rule,
    a_service,
    a_user,
    an_organization,
    keep_logs,
    the_default_organization,
)
from tests.imports.files import chrome_entry
from tests.monitors.scenes import a_monitor, a_proxy, check

EVERY_SCOPE = ("ingest", "read", "replay", "manage")

# Strangers by ANONYMOUS_ACCESS; people by role; keys of the service by their one scope; keys with all scopes
# of the organization, of another service in it, and of a service elsewhere; keys that open nothing any more.
CALLERS = (
    (
        "none read full | viewer member admin owner outsider"
        " | key:ingest key:read key:replay key:manage | key:organization key:sibling key:foreign"
        " | key:revoked key:expired key:unknown"
    )
    .replace(" |", "")
    .split()
)

# What each caller is answered, in that order. 400 on a replay: the caller was let through, and then told that
# the kept body is masked; 415 on an import, and then told that JSON is no NDJSON.
TABLE = {
    ("GET", "v1/services"): "401 200 200 | 200 200 200 200 200 | 403 200 403 403 | 200 200 200 | 401 401 401",
    (
        "POST",
        "v1/services",
    ): "401 401 201 | 403 403 201 201 201 | 403 403 403 403 | 201 403 403 | 401 401 401",
    ("GET", "v1/services/<str:service_id>"): (
        "401 200 200 | 200 200 200 200 404 | 403 200 403 403 | 200 403 404 | 401 401 401"
    ),
    ("PATCH", "v1/services/<str:service_id>"): (
        "401 401 200 | 403 403 200 200 404 | 403 403 403 200 | 200 403 404 | 401 401 401"
    ),
    ("DELETE", "v1/services/<str:service_id>"): (
        "401 401 204 | 403 403 204 204 404 | 403 403 403 204 | 204 403 404 | 401 401 401"
    ),
    ("GET", "v1/services/<str:service_id>/exclusions"): (
        "401 200 200 | 200 200 200 200 404 | 403 200 403 403 | 200 403 404 | 401 401 401"
    ),
    ("POST", "v1/services/<str:service_id>/exclusions"): (
        "401 401 201 | 403 403 201 201 404 | 403 403 403 201 | 201 403 404 | 401 401 401"
    ),
    ("DELETE", "v1/services/<str:service_id>/exclusions/<str:exclusion_id>"): (
        "401 401 204 | 403 403 204 204 404 | 403 403 403 204 | 204 403 404 | 401 401 401"
    ),
    ("GET", "v1/services/<str:service_id>/keys"): (
        "401 200 200 | 200 200 200 200 404 | 403 200 403 403 | 200 403 404 | 401 401 401"
    ),
    ("POST", "v1/services/<str:service_id>/keys"): (
        "401 401 201 | 403 403 201 201 404 | 403 403 403 201 | 201 403 404 | 401 401 401"
    ),
    ("DELETE", "v1/services/<str:service_id>/keys/<str:key_id>"): (
        "401 401 204 | 403 403 204 204 404 | 403 403 403 204 | 204 403 404 | 401 401 401"
    ),
    ("PATCH", "v1/services/<str:service_id>/keys/<str:key_id>"): (
        "401 401 200 | 403 403 200 200 404 | 403 403 403 200 | 200 403 404 | 401 401 401"
    ),
    ("GET", "v1/services/<str:service_id>/instances"): (
        "401 200 200 | 200 200 200 200 404 | 403 200 403 403 | 200 403 404 | 401 401 401"
    ),
    ("GET", "v1/logs"): "401 200 200 | 200 200 200 200 200 | 403 200 403 403 | 200 200 200 | 401 401 401",
    (
        "GET",
        "v1/logs/facets",
    ): "401 200 200 | 200 200 200 200 200 | 403 200 403 403 | 200 200 200 | 401 401 401",
    ("POST", "v1/logs"): "401 401 401 | 403 403 403 403 403 | 201 403 403 403 | 403 201 201 | 401 401 401",
    (
        "POST",
        "v1/logs/batch",
    ): "401 401 401 | 403 403 403 403 403 | 201 403 403 403 | 403 201 201 | 401 401 401",
    (
        "POST",
        "v1/import/har",
    ): "401 401 401 | 403 403 403 403 403 | 201 403 403 403 | 403 201 201 | 401 401 401",
    (
        "POST",
        "v1/import/ndjson",
    ): "401 401 401 | 403 403 403 403 403 | 415 403 403 403 | 403 415 415 | 401 401 401",
    **{
        ("POST", address): "401 401 401 | 403 403 403 403 403 | 200 403 403 403 | 403 200 200 | 401 401 401"
        for address in ("v1/traces", "v1/metrics", "otlp/v1/traces", "otlp/v1/metrics", "otlp/v1/logs")
    },
    # Django has no streams; whoever may read is told so here, and in front of it gets one (tests/tail).
    (
        "GET",
        "v1/logs/tail",
    ): "401 404 404 | 404 404 404 404 404 | 403 404 403 403 | 404 404 404 | 401 401 401",
    (
        "GET",
        "v1/logs/export",
    ): "401 200 200 | 200 200 200 200 200 | 403 200 403 403 | 200 200 200 | 401 401 401",
    ("GET", "v1/logs/<str:log_id>"): (
        "401 200 200 | 200 200 200 200 404 | 403 200 403 403 | 200 403 404 | 401 401 401"
    ),
    ("POST", "v1/logs/<str:log_id>/replay"): (
        "401 401 400 | 403 400 400 400 404 | 403 403 400 403 | 400 403 404 | 401 401 401"
    ),
    ("GET", "v1/logs/<str:log_id>/replays"): (
        "401 200 200 | 200 200 200 200 404 | 403 200 403 403 | 200 403 404 | 401 401 401"
    ),
    ("GET", "v1/metrics"): "401 200 200 | 200 200 200 200 200 | 403 200 403 403 | 200 200 200 | 401 401 401",
    (
        "GET",
        "v1/deployments",
    ): "401 200 200 | 200 200 200 200 200 | 403 200 403 403 | 200 200 200 | 401 401 401",
    (
        "GET",
        "v1/endpoints",
    ): "401 200 200 | 200 200 200 200 200 | 403 200 403 403 | 200 200 200 | 401 401 401",
    ("GET", "v1/endpoints/<str:endpoint_id>"): (
        "401 200 200 | 200 200 200 200 404 | 403 200 403 403 | 200 403 404 | 401 401 401"
    ),
    ("PATCH", "v1/endpoints/<str:endpoint_id>"): (
        "401 401 200 | 403 403 200 200 404 | 403 403 403 200 | 200 403 404 | 401 401 401"
    ),
    # 400: an endpoint cannot be merged into itself.
    ("POST", "v1/endpoints/<str:endpoint_id>/merge"): (
        "401 401 400 | 403 403 400 400 404 | 403 403 403 400 | 400 403 404 | 401 401 401"
    ),
    ("POST", "v1/endpoints/<str:endpoint_id>/split"): (
        "401 401 202 | 403 403 202 202 404 | 403 403 403 202 | 202 403 404 | 401 401 401"
    ),
    # Consumers belong to the organization: a key of one service names none. Customers are the same resource.
    **{
        (method, f"v1/{noun}{verb}"): codes
        for noun in ("consumers", "customers")
        for method, verb, codes in (
            ("GET", "", "401 200 200 | 200 200 200 200 200 | 403 200 403 403 | 200 200 200 | 401 401 401"),
            ("POST", "", "401 401 201 | 403 403 201 201 201 | 403 403 403 403 | 201 403 403 | 401 401 401"),
            (
                *("GET", "/<str:consumer_id>"),
                "401 200 200 | 200 200 200 200 404 | 403 200 403 403 | 200 404 404 | 401 401 401",
            ),
            (
                *("PATCH", "/<str:consumer_id>"),
                "401 401 200 | 403 403 200 200 404 | 403 403 403 403 | 200 403 404 | 401 401 401",
            ),
        )
    },
    ("POST", "v1/consumers/<str:consumer_id>/forget"): (
        "401 401 202 | 403 403 202 202 404 | 403 403 403 403 | 202 403 404 | 401 401 401"
    ),
    ("GET", "v1/issues"): "401 200 200 | 200 200 200 200 200 | 403 200 403 403 | 200 200 200 | 401 401 401",
    ("GET", "v1/issues/<str:issue_id>"): (
        "401 200 200 | 200 200 200 200 404 | 403 200 403 403 | 200 403 404 | 401 401 401"
    ),
    # Seen to by members, and by keys that manage.
    ("PATCH", "v1/issues/<str:issue_id>"): (
        "401 401 200 | 403 200 200 200 404 | 403 403 403 200 | 200 403 404 | 401 401 401"
    ),
    # What reports logs says what it runs; people who manage the service may say it for it.
    (
        "POST",
        "v1/deployments",
    ): "401 401 201 | 403 403 201 201 404 | 201 403 403 201 | 201 403 404 | 401 401 401",
    ("GET", "v1/alerts"): "401 200 200 | 200 200 200 200 200 | 403 200 403 403 | 200 200 200 | 401 401 401",
    ("POST", "v1/alerts"): "401 401 201 | 403 403 201 201 404 | 403 403 403 201 | 201 403 404 | 401 401 401",
    ("GET", "v1/alerts/<str:alert_id>"): (
        "401 200 200 | 200 200 200 200 404 | 403 200 403 403 | 200 403 404 | 401 401 401"
    ),
    ("PATCH", "v1/alerts/<str:alert_id>"): (
        "401 401 200 | 403 403 200 200 404 | 403 403 403 200 | 200 403 404 | 401 401 401"
    ),
    ("DELETE", "v1/alerts/<str:alert_id>"): (
        "401 401 204 | 403 403 204 204 404 | 403 403 403 204 | 204 403 404 | 401 401 401"
    ),
    # What others did: for those who manage, and for no key of a service.
    **{
        ("GET", f"v1/audit-log{verb}"): (
            "401 401 200 | 403 403 200 200 200 | 403 403 403 403 | 200 403 403 | 401 401 401"
        )
        for verb in ("", "/export")
    },
    ("GET", "v1/request-logs"): (
        "401 200 200 | 200 200 200 200 200 | 403 403 403 403 | 200 403 403 | 401 401 401"
    ),
    (
        "POST",
        "v1/sandbox",
    ): "401 401 201 | 403 403 201 201 404 | 403 403 403 201 | 201 403 404 | 401 401 401",
    (
        "DELETE",
        "v1/sandbox",
    ): "401 401 202 | 403 403 202 202 202 | 403 403 403 403 | 202 403 403 | 401 401 401",
    # A view of the team: members keep and change them; keys of one service have nothing to do with them.
    ("GET", "v1/views"): "401 200 200 | 200 200 200 200 200 | 403 200 403 403 | 200 200 200 | 401 401 401",
    ("POST", "v1/views"): "401 401 201 | 403 201 201 201 201 | 403 403 403 403 | 201 403 403 | 401 401 401",
    ("GET", "v1/views/<str:view_id>"): (
        "401 200 200 | 200 200 200 200 404 | 403 403 403 403 | 200 403 404 | 401 401 401"
    ),
    ("PATCH", "v1/views/<str:view_id>"): (
        "401 401 200 | 403 200 200 200 404 | 403 403 403 403 | 200 403 404 | 401 401 401"
    ),
    ("DELETE", "v1/views/<str:view_id>"): (
        "401 401 204 | 403 204 204 204 404 | 403 403 403 403 | 204 403 404 | 401 401 401"
    ),
    # What reports logs may tell of more; a key of a service sees and tells what is about that service.
    ("GET", "v1/events"): "401 200 200 | 200 200 200 200 200 | 403 200 403 403 | 200 200 200 | 401 401 401",
    ("POST", "v1/events"): "401 401 201 | 403 403 201 201 201 | 201 403 403 201 | 201 201 201 | 401 401 401",
    ("GET", "v1/events/<str:event_id>"): (
        "401 200 200 | 200 200 200 200 404 | 403 200 403 403 | 200 404 404 | 401 401 401"
    ),
    (
        "GET",
        "v1/event-types",
    ): "401 200 200 | 200 200 200 200 200 | 403 200 403 403 | 200 200 200 | 401 401 401",
    # Endpoints and deliveries belong to the organization: a key of one service has no say in them.
    # So do channels and what they were told.
    **{
        ("GET", f"v1/notification-{noun}"): (
            "401 200 200 | 200 200 200 200 200 | 403 200 403 403 | 200 200 200 | 401 401 401"
        )
        for noun in ("channels", "deliveries")
    },
    (
        "POST",
        "v1/notification-channels",
    ): "401 401 201 | 403 403 201 201 201 | 403 403 403 403 | 201 403 403 | 401 401 401",
    **{
        ("GET", address): "401 200 200 | 200 200 200 200 404 | 403 403 403 403 | 200 403 404 | 401 401 401"
        for address in (
            "v1/notification-channels/<str:channel_id>",
            "v1/notification-deliveries/<str:notification_delivery_id>",
        )
    },
    **{
        (method, f"v1/notification-channels/<str:channel_id>{verb}"): (
            f"401 401 {done} | 403 403 {done} {done} 404 | 403 403 403 403 | {done} 403 404 | 401 401 401"
        )
        for method, verb, done in (("PATCH", "", 200), ("DELETE", "", 204), ("POST", "/test", 202))
    },
    ("POST", "v1/notification-deliveries/<str:notification_delivery_id>/retry"): (
        "401 401 202 | 403 202 202 202 404 | 403 403 403 403 | 202 403 404 | 401 401 401"
    ),
    **{
        ("GET", f"v1/webhook-{noun}"): (
            "401 200 200 | 200 200 200 200 200 | 403 200 403 403 | 200 200 200 | 401 401 401"
        )
        for noun in ("endpoints", "deliveries")
    },
    (
        "POST",
        "v1/webhook-endpoints",
    ): "401 401 201 | 403 403 201 201 201 | 403 403 403 403 | 201 403 403 | 401 401 401",
    **{
        ("GET", address): "401 200 200 | 200 200 200 200 404 | 403 403 403 403 | 200 403 404 | 401 401 401"
        for address in (
            "v1/webhook-endpoints/<str:webhook_id>",
            "v1/webhook-deliveries/<str:delivery_id>",
        )
    },
    **{
        (method, f"v1/webhook-endpoints/<str:webhook_id>{verb}"): (
            f"401 401 {done} | 403 403 {done} {done} 404 | 403 403 403 403 | {done} 403 404 | 401 401 401"
        )
        for method, verb, done in (
            ("PATCH", "", 200),
            ("DELETE", "", 204),
            ("POST", "/rotate-secret", 201),
            ("POST", "/test", 202),
        )
    },
    **{
        ("POST", f"v1/webhook-{address}"): (
            f"401 401 {done} | 403 {done} {done} {done} 404 | 403 403 403 403 | {done} 403 404 | 401 401 401"
        )
        for address, done in (
            ("endpoints/<str:webhook_id>/replay-failed", 202),
            ("endpoints/<str:webhook_id>/stop-replays", 200),
            ("deliveries/<str:delivery_id>/retry", 202),
        )
    },
    **{
        ("GET", f"v1/alerts/<str:alert_id>/{part}"): (
            "401 200 200 | 200 200 200 200 404 | 403 200 403 403 | 200 403 404 | 401 401 401"
        )
        for part in ("groups", "evaluations", "backtest")
    },
    # The rule is no objective, so whoever may read it hears that it has no budget.
    ("GET", "v1/alerts/<str:alert_id>/budget"): (
        "401 404 404 | 404 404 404 404 404 | 403 404 403 403 | 404 403 404 | 401 401 401"
    ),
    # It changes nothing, so it is reading.
    ("POST", "v1/alerts/backtest"): (
        "401 200 200 | 200 200 200 200 404 | 403 200 403 403 | 200 403 404 | 401 401 401"
    ),
    # A key of one service speaks of the rules of that service alone, be it none.
    ("GET", "v1/alerts/export"): (
        "401 200 200 | 200 200 200 200 200 | 403 200 403 403 | 200 200 200 | 401 401 401"
    ),
    ("POST", "v1/alerts/plan"): (
        "401 200 200 | 200 200 200 200 200 | 403 200 403 403 | 200 200 200 | 401 401 401"
    ),
    ("POST", "v1/alerts/apply"): (
        "401 401 200 | 403 403 200 200 200 | 403 403 403 200 | 200 200 200 | 401 401 401"
    ),
    ("POST", "v1/alerts/<str:alert_id>/acknowledge"): (
        "401 401 200 | 403 403 200 200 404 | 403 403 403 200 | 200 403 404 | 401 401 401"
    ),
    (
        "GET",
        "v1/alert-silences",
    ): "401 200 200 | 200 200 200 200 200 | 403 200 403 403 | 200 200 200 | 401 401 401",
    (
        "POST",
        "v1/alert-silences",
    ): "401 401 201 | 403 403 201 201 404 | 403 403 403 201 | 201 403 404 | 401 401 401",
    ("GET", "v1/alert-silences/<str:silence_id>"): (
        "401 200 200 | 200 200 200 200 404 | 403 200 403 403 | 200 403 404 | 401 401 401"
    ),
    ("DELETE", "v1/alert-silences/<str:silence_id>"): (
        "401 401 204 | 403 403 204 204 404 | 403 403 403 204 | 204 403 404 | 401 401 401"
    ),
    # A monitor that watches a service is reached by that service's keys; others by the organization's alone.
    ("GET", "v1/monitors"): "401 200 200 | 200 200 200 200 200 | 403 200 403 403 | 200 200 200 | 401 401 401",
    (
        "POST",
        "v1/monitors",
    ): "401 401 201 | 403 403 201 201 404 | 403 403 403 201 | 201 403 404 | 401 401 401",
    ("POST", "v1/monitors/batch"): (
        "401 401 200 | 403 403 200 200 404 | 403 403 403 200 | 200 403 404 | 401 401 401"
    ),
    # What all services share is no key's of one service. 400: the outsider may not name this organization.
    **{
        ("GET", pattern): ("401 200 200 | 200 200 200 200 200 | 403 200 403 403 | 200 200 200 | 401 401 401")
        for pattern in ("v1/tags", "v1/proxies")
    },
    **{
        ("POST", pattern): ("401 401 201 | 403 403 201 201 400 | 403 403 403 403 | 201 403 403 | 401 401 401")
        for pattern in ("v1/tags", "v1/proxies")
    },
    **{
        ("GET", pattern): ("401 200 200 | 200 200 200 200 404 | 403 200 403 403 | 200 200 404 | 401 401 401")
        for pattern in ("v1/tags/<str:tag_id>", "v1/proxies/<str:proxy_id>")
    },
    **{
        (method, pattern): (
            f"401 401 {code} | 403 403 {code} {code} 404 | 403 403 403 403 | {code} 403 404 | 401 401 401"
        )
        for pattern in ("v1/tags/<str:tag_id>", "v1/proxies/<str:proxy_id>")
        for method, code in (("PATCH", 200), ("DELETE", 204))
    },
    # As of tags: of the organization, and no key's of one service.
    ("POST", "v1/monitors/import-kuma"): (
        "401 401 200 | 403 403 200 200 400 | 403 403 403 403 | 200 403 403 | 401 401 401"
    ),
    # 400: let through, and then told that a state set by hand is not looked at.
    ("POST", "v1/monitors/test"): (
        "401 401 400 | 403 403 400 400 400 | 403 403 403 400 | 400 400 400 | 401 401 401"
    ),
    ("POST", "v1/journeys/import"): (
        "401 401 200 | 403 403 200 200 200 | 403 403 403 200 | 200 200 200 | 401 401 401"
    ),
    ("GET", "v1/journeys/ready-made"): (
        "401 200 200 | 200 200 200 200 200 | 403 200 403 403 | 200 200 200 | 401 401 401"
    ),
    **{
        ("GET", f"v1/monitors/<str:monitor_id>{rest}"): (
            "401 200 200 | 200 200 200 200 404 | 403 200 403 403 | 200 403 404 | 401 401 401"
        )
        for rest in ("", "/heartbeats", "/heartbeats/<str:beat_id>", "/events", "/stats", "/badge")
    },
    **{
        (method, f"v1/monitors/<str:monitor_id>{rest}"): (
            f"401 401 {code} | 403 403 {code} {code} 404 | 403 403 403 {code} | {code} 403 404 | 401 401 401"
        )
        for method, rest, code in (
            ("PATCH", "", 200),
            ("DELETE", "", 204),
            ("POST", "/pause", 200),
            ("POST", "/resume", 200),
            ("POST", "/clone", 201),
            ("POST", "/badge", 201),
            ("DELETE", "/badge", 204),
        )
    },
    ("GET", "v1/usage"): "401 200 200 | 200 200 200 200 200 | 403 200 403 403 | 200 200 200 | 401 401 401",
    (
        "GET",
        "v1/organizations",
    ): "401 200 200 | 200 200 200 200 200 | 403 200 403 403 | 200 200 200 | 401 401 401",
    ("GET", "v1/organizations/<str:organization_id>"): (
        "401 200 200 | 200 200 200 200 404 | 403 200 403 403 | 200 200 404 | 401 401 401"
    ),
    # What holds for all services is not for a key of one.
    ("PATCH", "v1/organizations/<str:organization_id>"): (
        "401 401 200 | 403 403 200 200 404 | 403 403 403 403 | 200 403 404 | 401 401 401"
    ),
    # Of the operators of the installation: nobody by a role in an organization, and never a key.
    **{
        (method, f"v1/plans{rest}"): (
            "401 401 401 | 403 403 403 403 403 | 403 403 403 403 | 403 403 403 | 401 401 401"
        )
        for method, rest in (
            *(("GET", ""), ("POST", ""), ("GET", "/<str:plan_id>")),
            *(("PATCH", "/<str:plan_id>"), ("DELETE", "/<str:plan_id>")),
        )
    },
    # Keys have no say over people, and visitors none either.
    **{
        ("GET", f"v1/{nouns}"): (
            "401 401 200 | 403 403 200 200 200 | 403 403 403 403 | 200 403 403 | 401 401 401"
        )
        for nouns in ("members", "invitations")
    },
    (
        "POST",
        "v1/invitations",
    ): "401 401 401 | 403 403 201 201 201 | 403 403 403 403 | 403 403 403 | 401 401 401",
    **{
        (method, address): (
            f"401 401 401 | 403 403 {code} {code} 404 | 403 403 403 403 | 403 403 403 | 401 401 401"
        )
        for method, address, code in (
            ("PATCH", "v1/members/<str:member_id>", 200),
            ("DELETE", "v1/members/<str:member_id>", 204),
            ("DELETE", "v1/invitations/<str:invitation_id>", 204),
        )
    },
    # A person's own tokens, in person; this one is somebody else's.
    ("GET", "v1/personal-tokens"): (
        "401 401 401 | 200 200 200 200 200 | 403 403 403 403 | 403 403 403 | 401 401 401"
    ),
    ("POST", "v1/personal-tokens"): (
        "401 401 401 | 201 201 201 201 201 | 403 403 403 403 | 403 403 403 | 401 401 401"
    ),
    ("DELETE", "v1/personal-tokens/<str:personal_token_id>"): (
        "401 401 401 | 404 404 404 404 404 | 403 403 403 403 | 403 403 403 | 401 401 401"
    ),
    # Owners, in person. 409: the Default organization, of this table, stays.
    ("DELETE", "v1/organizations/<str:organization_id>"): (
        "401 401 401 | 403 403 403 409 404 | 403 403 403 403 | 403 403 404 | 401 401 401"
    ),
    ("POST", "v1/organizations/<str:organization_id>/export"): (
        "401 401 401 | 403 403 403 200 404 | 403 403 403 403 | 403 403 404 | 401 401 401"
    ),
    # Nobody here has asked for a deletion.
    (
        "GET",
        "v1/organization-deletions/<str:deletion_id>",
    ): "401 401 401 | 404 404 404 404 404 | 404 404 404 404 | 404 404 404 | 401 401 401",
    # Maintenance reaches across services: their keys see what concerns them, and plan none.
    (
        "GET",
        "v1/maintenances",
    ): "401 200 200 | 200 200 200 200 200 | 403 200 403 403 | 200 200 200 | 401 401 401",
    (
        "POST",
        "v1/maintenances",
    ): "401 401 201 | 403 403 201 201 201 | 403 403 403 403 | 201 403 403 | 401 401 401",
    ("GET", "v1/maintenances/<str:maintenance_id>"): (
        "401 200 200 | 200 200 200 200 404 | 403 200 403 403 | 200 200 404 | 401 401 401"
    ),
    **{
        (method, f"v1/maintenances/<str:maintenance_id>{rest}"): (
            f"401 401 {code} | 403 403 {code} {code} 404 | 403 403 403 403 | {code} 403 404 | 401 401 401"
        )
        for method, rest, code in (
            ("PATCH", "", 200),
            ("DELETE", "", 204),
            ("POST", "/pause", 200),
            ("POST", "/resume", 200),
        )
    },
    # Status pages too are of an organization: the keys of its services read them, and change none.
    (
        "GET",
        "v1/status-pages",
    ): "401 200 200 | 200 200 200 200 200 | 403 200 403 403 | 200 200 200 | 401 401 401",
    (
        "POST",
        "v1/status-pages",
    ): "401 401 201 | 403 403 201 201 201 | 403 403 403 403 | 201 403 403 | 401 401 401",
    **{
        ("GET", f"v1/status-pages/<str:status_page_id>{rest}"): (
            "401 200 200 | 200 200 200 200 404 | 403 200 403 403 | 200 200 404 | 401 401 401"
        )
        for rest in ("", "/incidents", "/incidents/<str:incident_id>", "/subscribers")
    },
    **{
        (method, f"v1/status-pages/<str:status_page_id>{rest}"): (
            f"401 401 {code} | 403 403 {code} {code} 404 | 403 403 403 403 | {code} 403 404 | 401 401 401"
        )
        for method, rest, code in (
            ("PATCH", "", 200),
            ("DELETE", "", 204),
            ("POST", "/incidents", 201),
            ("PATCH", "/incidents/<str:incident_id>", 200),
            ("DELETE", "/incidents/<str:incident_id>", 204),
            ("POST", "/incidents/<str:incident_id>/updates", 201),
            ("POST", "/subscribers", 201),
            ("DELETE", "/subscribers/<str:subscriber_id>", 204),
        )
    },
    ("GET", "v1/alerts/<str:alert_id>/events"): (
        "401 200 200 | 200 200 200 200 404 | 403 200 403 403 | 200 403 404 | 401 401 401"
    ),
}

# Open to programs on this machine as well; tests/health says to whom else. Open to a client ID that stands in
# the address; tests/apitally tells of those that open nothing. Pings: the token in the address is their key;
# tests/push says what an unknown one is told.
PINGS = {"ping/<path:rest>", "api/push/<str:token>", "api/v1/push/<str:token>"}
# The ways in: each leads on to the next, or opens by a link that was mailed (tests/access, tests/people).
WAYS_IN = {
    "login/second-factor",
    "login/passkey",
    "password/reset",
    "password/reset/sent",
    "password/reset/done",
    "^password/reset/(?P<uidb36>[0-9A-Za-z]+)-(?P<key>[^/]+)$",
    "^account/email/(?P<key>[-:\\w]+)$",
    "account/email/sent",
    "account/inactive",
    "login/oidc/<str:provider_id>",
    "login/oidc/<str:provider_id>/callback",
    "login/oidc-cancelled",
    "login/oidc-error",
    "invitation",
    "invitation/<str:token>",
}
# What a person sets about signing in: whoever has not signed in is sent to do so, by the test below.
OF_ACCOUNT = "account/"
# Badges: the key in the address.
BADGE = "badge/<str:key>/<str:what>"
# Status pages are for anybody, and those with a password ask for it: tests/status.
STATUS_PAGES = {
    f"status/<str:slug>/{part}".rstrip("/")
    for part in (
        *ALL_PARTS,
        "history/<str:month>",
        "subscribe",
        "confirm/<str:token>",
        "unsubscribe/<str:token>",
    )
}
# A receipt is for who asked for it, who may belong nowhere since (tests/compliance).
WITH_A_GATE_OF_ITS_OWN = {
    "metrics",
    "receipts/<uuid:deletion_id>",
    str(hub_routes[0].pattern),
    *PINGS,
    *STATUS_PAGES,
    BADGE,
}
# What anybody may see: it holds nothing of anybody's.
PUBLIC = {
    "health",
    "health/live",
    "login",
    "logout",
    "admin",
    "openapi.json",
    "docs",
    "docs/errors",
    "docs/api-changelog",
    "redoc",
}


@dataclass(frozen=True, kw_only=True)
class World:
    """A service with one of everything, in the organization that strangers act in."""

    organization: Organization
    service: Service
    key: ApiKey
    ids: dict[str, str]

    @property
    def bodies(self) -> dict[tuple[str, str], Any]:
        rule = {"condition_field": "status_code", "condition_operator": ">", "condition_value": "1"}
        return {
            ("POST", "v1/services"): {"name": "another"},
            ("PATCH", "v1/services/<str:service_id>"): {"description": "changed"},
            ("POST", "v1/services/<str:service_id>/keys"): {"name": "another", "scopes": ["ingest"]},
            ("PATCH", "v1/services/<str:service_id>/keys/<str:key_id>"): {"requests_per_minute": 100},
            ("POST", "v1/logs"): a_log(),
            ("POST", "v1/logs/batch"): [a_log()],
            ("POST", "v1/import/har"): {"log": {"entries": [chrome_entry()]}},
            ("POST", "v1/import/ndjson"): a_log(),
            **{
                ("POST", f"{place}v1/{signal}"): {}
                for place, signal in (
                    *(("", "traces"), ("", "metrics")),
                    *(("otlp/", "traces"), ("otlp/", "metrics"), ("otlp/", "logs")),
                )
            },
            ("POST", "v1/logs/<str:log_id>/replay"): {},
            ("POST", "v1/alerts"): {"service_id": str(self.service.id), "name": "another", **rule},
            ("POST", "v1/alerts/backtest"): {"service_id": str(self.service.id), **rule},
            ("POST", "v1/alerts/plan"): {"yaml": "{version: 1, rules: []}"},
            ("POST", "v1/alerts/apply"): {"yaml": "{version: 1, rules: []}"},
            ("POST", "v1/consumers"): {"identifier": "another"},
            ("PATCH", "v1/consumers/<str:consumer_id>"): {"name": "changed"},
            **{
                (method, f"v1/{noun}{verb}"): body
                for noun in ("consumers", "customers")
                for method, verb, body in (
                    ("POST", "", {"identifier": "another"}),
                    ("PATCH", "/<str:consumer_id>", {"name": "changed"}),
                )
            },
            ("POST", "v1/consumers/<str:consumer_id>/forget"): {},
            ("PATCH", "v1/endpoints/<str:endpoint_id>"): {"route": "/changed"},
            ("POST", "v1/endpoints/<str:endpoint_id>/merge"): {"endpoints": [self.ids["endpoint_id"]]},
            ("POST", "v1/endpoints/<str:endpoint_id>/split"): {"pattern": "/the-log/*"},
            ("POST", "v1/services/<str:service_id>/exclusions"): {"kind": "path", "pattern": "/another"},
            ("PATCH", "v1/issues/<str:issue_id>"): {"state": "resolved"},
            ("POST", "v1/deployments"): {"service": str(self.service.id), "version": "another"},
            ("PATCH", "v1/alerts/<str:alert_id>"): {"name": "changed"},
            ("POST", "v1/events"): {"type": "order.shipped"},
            ("POST", "v1/webhook-endpoints"): {
                "url": "https://another.example/hook",
                "enabled_events": ["order.*"],
            },
            ("PATCH", "v1/webhook-endpoints/<str:webhook_id>"): {"description": "changed"},
            ("POST", "v1/webhook-endpoints/<str:webhook_id>/rotate-secret"): {},
            ("POST", "v1/webhook-endpoints/<str:webhook_id>/replay-failed"): {
                "since": "2026-11-21T00:00:00Z"
            },
            ("POST", "v1/notification-channels"): {
                "kind": "email",
                "name": "another",
                "config": {"to": ["ops@shop.example"]},
            },
            ("PATCH", "v1/notification-channels/<str:channel_id>"): {"name": "changed"},
            ("POST", "v1/alerts/<str:alert_id>/acknowledge"): {"minutes": 5},
            ("POST", "v1/alert-silences"): {
                "service_id": str(self.service.id),
                "ends_at": "2200-01-01T00:00:00Z",
                "starts_at": "2199-12-31T00:00:00Z",
            },
            ("POST", "v1/monitors"): {
                "name": "another",
                "kind": "manual",
                "service_id": str(self.service.id),
            },
            ("POST", "v1/monitors/batch"): {"ids": [self.ids["monitor_id"]], "action": "pause"},
            ("POST", "v1/tags"): {"name": "another", "organization": str(self.organization.id)},
            ("PATCH", "v1/tags/<str:tag_id>"): {"name": "changed"},
            ("POST", "v1/proxies"): {
                "name": "another",
                "organization": str(self.organization.id),
                "url": "http://proxy.example:8080",
            },
            ("PATCH", "v1/proxies/<str:proxy_id>"): {"name": "changed"},
            ("POST", "v1/monitors/import-kuma"): {
                "organization": str(self.organization.id),
                "backup": {"monitorList": []},
                "dry_run": True,
            },
            ("POST", "v1/monitors/test"): {"kind": "manual", "config": {}},
            ("POST", "v1/journeys/import"): {"format": "yaml", "text": "steps: []"},
            ("PATCH", "v1/monitors/<str:monitor_id>"): {"description": "changed"},
            ("POST", "v1/sandbox"): {"service_id": str(self.service.id), "requests": 1},
            ("PATCH", "v1/organizations/<str:organization_id>"): {"retention_days": 20},
            ("POST", "v1/plans"): {"name": "another"},
            ("PATCH", "v1/plans/<str:plan_id>"): {"requests": 20},
            ("POST", "v1/invitations"): {"email": "eve@example.com"},
            ("POST", "v1/personal-tokens"): {"name": "another"},
            ("PATCH", "v1/members/<str:member_id>"): {"role": "member"},
            **{
                ("POST", f"v1/monitors/<str:monitor_id>/{verb}"): {}
                for verb in ("pause", "resume", "clone", "badge")
            },
            ("POST", "v1/maintenances"): {"title": "another", "strategy": "manual"},
            ("PATCH", "v1/maintenances/<str:maintenance_id>"): {"title": "changed"},
            **{("POST", f"v1/maintenances/<str:maintenance_id>/{verb}"): {} for verb in ("pause", "resume")},
            ("POST", "v1/status-pages"): {"name": "another", "slug": "another"},
            ("PATCH", "v1/status-pages/<str:status_page_id>"): {"name": "changed"},
            ("POST", "v1/status-pages/<str:status_page_id>/incidents"): {"title": "another", "body": "x"},
            ("PATCH", "v1/status-pages/<str:status_page_id>/incidents/<str:incident_id>"): {
                "title": "changed"
            },
            ("POST", "v1/status-pages/<str:status_page_id>/incidents/<str:incident_id>/updates"): {
                "status": "resolved",
                "body": "x",
            },
            ("POST", "v1/status-pages/<str:status_page_id>/subscribers"): {
                "kind": "webhook",
                "target": "https://shop.example/another",
            },
            ("POST", "v1/views"): {"name": "another", "query": "q=status:5xx", "is_team": True},
            ("PATCH", "v1/views/<str:view_id>"): {"name": "changed"},
        }


@pytest.fixture
def world(db):
    organization = the_default_organization()
    service = a_service(organization, name="the service", base_url="https://shop.example")
    rule = a_rule(service, "status_code >= 500", name="the rule")
    key, _ = a_key(service, name="the key")
    (log_id,) = keep_logs(
        service,
        a_log(status_code=500, request_body='{"password": "x"}', path="/the-log", consumer="the consumer"),
    )
    ids = {
        "organization_id": organization.id,
        "service_id": service.id,
        "key_id": key.id,
        "log_id": log_id,
        "alert_id": rule.id,
    }
    ids["silence_id"] = AlertSilence.objects.create(
        organization=organization,
        service=service,
        starts_at=timezone.now(),
        ends_at=timezone.now() + timedelta(hours=1),
        created_by="tests",
    ).id
    ids |= {"organization_id": organization.id, "deletion_id": UNKNOWN_ID}
    ids["plan_id"] = Plan.objects.create(name="the plan").id
    ids["member_id"] = organization.memberships.create(user=a_user(email="the-member@example.com")).id
    ids["invitation_id"] = invite(
        organization=organization,
        email="the-guest@example.com",
        role="viewer",
        invited_by_id=None,
        now=timezone.now(),
    )[0].id
    ids["personal_token_id"] = issue_token(
        user_id=a_user(email="the-token@example.com").id, name="the token", scopes=["read"], expires_at=None
    )[0].id
    ids["view_id"] = SavedView.objects.create(organization=organization, name="the view").id
    group_errors(now=timezone.now())
    ids["exclusion_id"] = add_rule(service, kind="path", pattern="/nothing", by="user:ada").id
    ids["endpoint_id"] = Endpoint.objects.get(service=service).id
    ids["issue_id"] = ErrorIssue.objects.get().id
    endpoint, _ = make_endpoint(
        organization=organization,
        url="https://shop.example/hook?the-endpoint",
        enabled_events=["order.*"],
        now=timezone.now(),
    )
    event = record_event(
        organization_id=organization.id,
        service_id=service.id,
        type="order.shipped",
        data={},
        now=timezone.now(),
    )
    ids |= {"webhook_id": endpoint.id, "event_id": event.id, "delivery_id": event.deliveries.get().id}
    channel, _ = make_channel(
        NotificationChannel(organization=organization, kind="email", name="the channel"),
        {"to": ["ops@shop.example"]},
    )
    told = send_test(channel, sent_by="tests", now=timezone.now())
    ids |= {"channel_id": channel.id, "notification_delivery_id": told.id}
    monitor = a_monitor(organization, kind="manual", service=service)
    ids |= {"monitor_id": monitor.id, "beat_id": check(monitor).id}
    ids["maintenance_id"] = Maintenance.objects.create(
        organization=organization, title="the maintenance", strategy="manual", covers_all=True
    ).id
    page = StatusPage.objects.create(organization=organization, slug="the-page", name="the page")
    said = open_incident(page, title="it", impact="minor", status="identified", body="x", now=timezone.now())
    listening = add(page, kind="webhook", target="https://shop.example/hook", now=timezone.now())
    ids |= {"status_page_id": page.id, "incident_id": said.id, "subscriber_id": listening.subscriber.id}
    ids["tag_id"] = MonitorTag.objects.create(organization=organization, name="the tag").id
    ids["proxy_id"] = a_proxy(organization, name="the proxy").id
    ids["consumer_id"] = Consumer.objects.get(identifier="the consumer").id
    return World(
        organization=organization,
        service=service,
        key=key,
        ids={name: str(id_) for name, id_ in ids.items()},
    )


def client_of(caller: str, world: World, settings: Any) -> Client:
    if caller in ("none", "read", "full"):
        settings.ANONYMOUS_ACCESS = caller
        return a_client()
    settings.ANONYMOUS_ACCESS = "none"
    if not caller.startswith("key:"):
        home = an_organization() if caller == "outsider" else world.organization
        return a_client(user=a_user(home, "owner" if caller == "outsider" else caller))
    return a_client(KEYS[caller.removeprefix("key:")](world))


def dead(world: World, **fields: Any) -> ApiKey:
    return a_key(world.service, scopes=EVERY_SCOPE, **fields)


def revoked(world: World) -> str:
    key, raw = dead(world)
    revoke_key(key, now=timezone.now())
    return raw


def unknown(world: World) -> str:
    key, raw = dead(world)
    key.delete()
    return raw


KEYS: dict[str, Callable[[World], str]] = {
    **{scope: lambda world, scope=scope: a_key(world.service, scopes=[scope])[1] for scope in EVERY_SCOPE},
    "organization": lambda world: a_key(organization=world.organization, scopes=EVERY_SCOPE)[1],
    "sibling": lambda world: a_key(a_service(world.organization), scopes=EVERY_SCOPE)[1],
    "foreign": lambda world: a_key(a_service(an_organization()), scopes=EVERY_SCOPE)[1],
    "revoked": revoked,
    "expired": lambda world: dead(world, expires_at=timezone.now() - timedelta(seconds=1))[1],
    "unknown": unknown,
}


def expectations() -> dict[tuple[str, str], dict[str, int]]:
    return {
        entry: dict(zip(CALLERS, map(int, codes.replace("|", "").split()), strict=True))
        for entry, codes in TABLE.items()
    }


def test_every_api_route_and_method_is_in_the_table():
    routed = {(method, pattern) for pattern, route in api_routes().items() for method in route.methods}

    assert routed == set(TABLE)


def test_every_other_route_is_a_page_the_admins_or_known_to_be_public():
    unknown_ones = [
        route.pattern
        for route in all_routes()
        if not route.pattern.startswith(API_PREFIXES)
        and not {"pages", "admin"} & set(route.namespaces)
        and route.pattern not in PUBLIC | WITH_A_GATE_OF_ITS_OWN | WAYS_IN
        and not route.pattern.startswith(OF_ACCOUNT)
    ]

    assert unknown_ones == []


@pytest.mark.parametrize(("method", "pattern"), TABLE, ids=[" ".join(entry) for entry in TABLE])
def test_each_caller_gets_what_the_table_says(world, settings, method, pattern):
    address = api_routes()[pattern].address(**world.ids)
    answers, leaks = {}, []

    for caller in CALLERS:
        with transaction.atomic():
            client = client_of(caller, world, settings)
            answer = client.generic(
                method, address, encoded(world, method, pattern), content_type="application/json"
            )
            # Read to its end: an export that nobody reads keeps its place.
            content = b"".join(answer.streaming_content) if answer.streaming else answer.content
            transaction.set_rollback(True)
        answers[caller] = answer.status_code
        if caller in ("outsider", "key:foreign") and names_anything_of(world, content.decode()):
            leaks.append(caller)

    assert answers == expectations()[method, pattern]
    assert leaks == []


def encoded(world: World, method: str, pattern: str) -> bytes:
    body = world.bodies.get((method, pattern))
    return b"" if body is None else json.dumps(body).encode()


def names_anything_of(world: World, text: str) -> bool:
    words = (
        "the service",
        "the rule",
        "the view",
        "the key",
        "the consumer",
        "the monitor",
        "the tag",
        "the proxy",
        "/the-log",
        "the-endpoint",
        "the-member",
        "the-guest",
    )
    return any(word in text for word in (*world.ids.values(), *words))


@pytest.mark.parametrize(("method", "pattern"), TABLE, ids=[" ".join(entry) for entry in TABLE])
def test_a_refusal_is_a_problem_that_says_what_is_missing(world, settings, method, pattern):
    address = api_routes()[pattern].address(**world.ids)

    answer = client_of("none", world, settings).generic(method, address)

    assert (answer.status_code, answer["Content-Type"]) == (401, "application/problem+json")
    assert answer["WWW-Authenticate"].startswith("Bearer")
    assert answer.json()["code"] == "key_missing"
    assert "API key" in answer.json()["detail"]


def test_a_person_who_was_switched_off_is_a_stranger(world):
    person = a_client(user=(user := a_user(world.organization, "owner")))
    assert person.get("/v1/services").status_code == 200

    user.is_active = False
    user.save()

    assert person.get("/v1/services").status_code == 401


def test_a_superuser_reaches_every_organization(world):
    person = a_client(user=a_user(is_superuser=True))
    other = a_service()

    assert person.get(f"/v1/services/{world.service.id}").status_code == 200
    assert person.get(f"/v1/services/{other.id}").status_code == 200


def test_strangers_reach_the_default_organization_alone(world, settings):
    settings.ANONYMOUS_ACCESS = "full"
    other = a_service()
    (log_id,) = keep_logs(other, a_log())

    stranger = a_client()

    assert [row["id"] for row in stranger.get("/v1/services").json()] == [str(world.service.id)]
    assert stranger.get(f"/v1/services/{other.id}").status_code == 404
    assert stranger.get(f"/v1/logs/{log_id}").status_code == 404
    assert stranger.delete(f"/v1/services/{other.id}").status_code == 404


def test_a_role_holds_in_its_organization_alone(world):
    """Owner here and viewer there: the scope of the one must not open the other."""
    elsewhere = a_service()
    user = a_user(world.organization, "owner")
    user.memberships.create(organization=elsewhere.organization, role="viewer")
    person = a_client(user=user)

    assert person.get(f"/v1/services/{elsewhere.id}").status_code == 200
    assert person.delete(f"/v1/services/{elsewhere.id}").status_code == 403
    assert person.delete(f"/v1/services/{world.service.id}").status_code == 204


@pytest.mark.django_db
def test_every_page_sends_a_stranger_to_the_sign_in():
    pages = [route for route in all_routes() if "pages" in route.namespaces]
    answers = {route.pattern: Client().get(route.address()) for route in pages}

    elsewhere = {
        pattern: answer.status_code
        for pattern, answer in answers.items()
        if answer.status_code != 302 or not answer["Location"].startswith("/login?next=/")
    }
    assert elsewhere == {}


@pytest.mark.django_db
@pytest.mark.parametrize("anonymous_access", ["none", "full"])
def test_what_people_set_about_signing_in_always_asks_for_a_sign_in(settings, anonymous_access):
    settings.ANONYMOUS_ACCESS = anonymous_access
    routes = [
        route
        for route in all_routes()
        if route.pattern.startswith(OF_ACCOUNT) and route.pattern not in WAYS_IN
    ]
    assert len(routes) > 10

    for method in ("get", "post"):
        answers = {route.pattern: getattr(Client(), method)(route.address()) for route in routes}
        open_ones = {
            pattern: answer.status_code
            for pattern, answer in answers.items()
            if answer.status_code != 302 or not answer["Location"].startswith("/login")
        }
        assert open_ones == {}


@pytest.mark.django_db
@pytest.mark.parametrize("anonymous_access", ["none", "read", "full"])
def test_the_admin_always_asks_for_a_sign_in(settings, anonymous_access):
    settings.ANONYMOUS_ACCESS = anonymous_access
    # Signing in is what is asked for, and signing out shows nothing.
    without = {"admin/login/", "admin/logout/"}
    routes = [route for route in all_routes() if "admin" in route.namespaces and route.pattern not in without]
    assert routes

    answers = {route.pattern: Client().get(route.address()) for route in routes}

    open_ones = {
        pattern: answer.status_code
        for pattern, answer in answers.items()
        if answer.status_code not in (302, 405)
        or (answer.status_code == 302 and "/login" not in answer["Location"])
    }
    assert open_ones == {}


@pytest.mark.django_db
def test_the_admin_is_for_staff():
    answer = a_client(user=a_user(an_organization(), "owner")).get("/admin/")

    assert answer.status_code == 302
    assert "/login" in answer["Location"]


@pytest.mark.parametrize(
    ("method", "pattern"),
    unsafe := [entry for entry in TABLE if entry[0] != "GET"],
    ids=[" ".join(entry) for entry in unsafe],
)
def test_what_is_done_is_in_the_audit_log(world, settings, method, pattern):
    """Each route that may change something, for an administrator: what is refused was not done."""
    client = client_of("admin", world, settings)
    before = AuditEntry.objects.count()

    answer = client.generic(
        method,
        api_routes()[pattern].address(**world.ids),
        encoded(world, method, pattern),
        content_type="application/json",
    )

    recorded = AuditEntry.objects.order_by("id")[before:]
    assert bool(recorded) == (answer.status_code < 400)
    # A person's tokens are of no organization: those who manage one of theirs see it all the same.
    of = None if "personal-tokens" in pattern else world.organization.id
    assert all(entry.organization_id == of for entry in recorded)
