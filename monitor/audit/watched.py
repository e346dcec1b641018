"""Which tables record what is changed in them while somebody asks, and which do not, and why."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Watched:
    """What a table's changes are told as.

    `label` names the column that people know a row by. Of `secret` columns it is told that they changed, and
    never what to. A change of `quiet` columns alone is not told at all. `turns` gives columns whose change is
    a verb of its own: set, and where there is a second word, emptied.
    """

    noun: str
    label: str = ""
    secret: tuple[str, ...] = ()
    quiet: tuple[str, ...] = ()
    turns: Mapping[str, str] | None = None

    def arguments(self) -> tuple[str, ...]:
        """As the trigger takes them."""
        turns = ",".join(f"{column}={verbs}" for column, verbs in (self.turns or {}).items())
        return (self.noun, self.label, ",".join(self.secret), ",".join(self.quiet), turns)


# What a receiver's answers write about an endpoint; nobody does that.
_OF_DELIVERIES = (
    *("first_failure_at", "last_failure_at", "last_success_at", "failures_in_row"),
    *("last_error_class", "failing_told_at", "limit_until"),
)
# What logs write about an issue.
_OF_LOGS = (
    "requests",
    "consumers",
    "first_seen_at",
    "last_seen_at",
    "samples",
    "state_changed_at",
    "noticed_at",
)
# What deliveries write about a channel.
_OF_NOTICES = (
    *("first_failure_at", "last_failure_at", "last_success_at", "failures_in_row"),
    *("last_error", "failing_told_at", "rests_until"),
)
# What evaluations write about a group.
_OF_ROUNDS = (
    *("state", "since", "value", "requests", "breaching_since", "fired_at", "told_at"),
    *("seen_at", "evaluated_at", "recorded_at", "label", "key", "rule_id"),
)
# What was asked for and answered stands with the replay, which is forgotten with its consumer.
_OF_REPLAYS = (
    *("overrides", "omitted_headers", "omitted_params", "response_headers", "response_body"),
    *("response_truncated", "error", "latency_ms", "source_ip", "url"),
)

WATCHED: Mapping[str, Watched] = {
    "organization": Watched(noun="organization", label="name"),
    "membership": Watched(noun="member", label="role"),
    "service": Watched(noun="service", label="name", turns={"deleted_at": "deleted"}),
    "api_key": Watched(
        noun="api_key",
        label="prefix",
        secret=("digest",),
        quiet=("last_used_at",),
        turns={"expires_at": "expiry_changed", "revoked_at": "revoked"},
    ),
    "exclusion_rule": Watched(noun="exclusion", label="pattern"),
    "endpoint_move": Watched(noun="endpoint_move", quiet=("finished_at", "logs")),
    # Names of people are let go when a consumer is forgotten; here they could not be.
    "consumer": Watched(noun="consumer", secret=("identifier", "name"), turns={"forgotten_at": "forgotten"}),
    "alert_rule": Watched(
        noun="alert",
        label="name",
        quiet=("last_error", "last_error_at"),
        turns={"is_active": "switched_on/switched_off"},
    ),
    "alert_silence": Watched(noun="alert_silence", label="reason"),
    "alert_group": Watched(noun="alert_group", label="label", quiet=_OF_ROUNDS),
    "deployment": Watched(noun="deployment", label="version"),
    "error_issue": Watched(noun="issue", label="message", quiet=_OF_LOGS),
    "monitor": Watched(
        noun="monitor", label="name", secret=("sealed",), turns={"is_active": "resumed/paused"}
    ),
    "monitor_tag": Watched(noun="monitor_tag", label="name"),
    "monitor_proxy": Watched(noun="monitor_proxy", label="name", secret=("sealed",)),
    "monitor_depends_on": Watched(noun="monitor_dependency"),
    "monitor_badge": Watched(noun="badge", secret=("key",)),
    "maintenance": Watched(noun="maintenance", label="title", turns={"is_active": "resumed/paused"}),
    "maintenance_monitors": Watched(noun="maintenance_monitor"),
    "status_page": Watched(noun="status_page", label="name", secret=("password", "logo"), quiet=("version",)),
    "status_entry": Watched(noun="status_entry", label="name"),
    "status_incident": Watched(noun="status_incident", label="title"),
    "status_update": Watched(noun="status_update", label="status"),
    # What the sender writes of a subscriber, nobody does.
    "status_subscriber": Watched(
        noun="status_subscriber",
        label="kind",
        secret=("sealed", "sealed_secret", "digest"),
        quiet=("asked_at", "last_told_at", "failures_in_row", "last_error"),
        turns={"confirmed_at": "confirmed"},
    ),
    "push_target": Watched(
        noun="push_address",
        label="slug",
        secret=("token",),
        quiet=("last_ping_at", "started_at", "run_id", "is_failing", "pings"),
    ),
    "ping_key": Watched(noun="ping_key", secret=("key",)),
    "replay": Watched(noun="replay", label="method", quiet=_OF_REPLAYS),
    "saved_view": Watched(noun="view", label="name"),
    # An address of a webhook often is its own secret.
    "webhook_endpoint": Watched(
        noun="webhook_endpoint",
        label="description",
        secret=("url", "sealed_headers"),
        quiet=_OF_DELIVERIES,
        turns={"disabled_at": "disabled/enabled", "deleted_at": "deleted"},
    ),
    "webhook_secret": Watched(noun="webhook_secret", secret=("sealed",)),
    "notification_channel": Watched(
        noun="notification_channel", label="name", secret=("sealed",), quiet=_OF_NOTICES
    ),
    "auth_user": Watched(
        noun="user", label="username", secret=("password",), quiet=("last_login", "date_joined")
    ),
    "auth_user_user_permissions": Watched(noun="user_permission"),
    "auth_user_groups": Watched(noun="user_group"),
    "auth_group": Watched(noun="group", label="name"),
    "plan": Watched(noun="plan", label="name"),
    "account_emailaddress": Watched(noun="mail_address", label="email"),
    "mfa_authenticator": Watched(
        noun="second_factor", label="type", secret=("data",), quiet=("last_used_at",)
    ),
    "socialaccount_socialaccount": Watched(
        noun="single_sign_on", label="provider", secret=("extra_data",), quiet=("last_login",)
    ),
    "invitation": Watched(noun="invitation", label="role", secret=("digest",), quiet=("is_mailed",)),
    "personal_token": Watched(
        noun="personal_token", label="name", secret=("digest",), quiet=("last_used_at",)
    ),
    "auth_group_permissions": Watched(noun="group_permission"),
}

_SENT = "what services and clients report"
_DERIVED = "derived from what is reported"
_MACHINE = "written by the monitor itself"
# Each table that is not watched, with the reason.
UNWATCHED: Mapping[str, str] = {
    **dict.fromkeys(
        (
            *("request_log", "log_payload", "endpoint", "instance", "error_count", "ping"),
            *("counted_series", "counted_day", "received_message"),
        ),
        _SENT,
    ),
    **dict.fromkeys(
        (
            *("metric_delta", "metric_rollup", "metric_fold", "error_arrival", "error_issue_hour"),
            *("error_issue_consumer", "log_arrival", "log_watch", "payload_dictionary"),
        ),
        _DERIVED,
    ),
    **dict.fromkeys(
        (
            *("alert_rule_change", "alert_event", "alert_evaluation", "alert_budget"),
            *("alert_arrival", "alert_tally"),
            *("idempotent_request", "rate_bucket", "usage_day", "usage_delta"),
            *("notification", "notification_delivery", "notification_attempt"),
            *("status_notice", "status_delivery"),
            *("beat", "monitor_check", "monitor_hour", "monitor_day", "monitor_standing"),
            *("monitor_event", "monitor_expiry"),
            *("event_outbox", "webhook_delivery", "webhook_attempt", "storage_event"),
            *(
                "retention_change",
                "counter",
                "counter_minute",
                "django_content_type",
                "auth_permission",
                "django_migrations",
            ),
            *("procrastinate_workers", "procrastinate_jobs", "procrastinate_events"),
            "procrastinate_periodic_defers",
        ),
        _MACHINE,
    ),
    "consumer_erasure": "the consumer tells that it was forgotten",
    **dict.fromkeys(
        ("usersessions_usersession", "account_emailconfirmation", "shared_cache"),
        "signing in and out is recorded by itself",
    ),
    **dict.fromkeys(
        ("socialaccount_socialapp", "socialaccount_socialtoken"),
        "empty: the provider stands in the settings, and its tokens are not kept",
    ),
    "organization_deletion": "the organization tells that it was deleted, and the receipt what went with it",
    "event": "tells of what is recorded already; one that somebody sends is recorded as a request",
    "django_admin_log": "a list of the same, in Django's own words",
    "django_session": "signing in and out is recorded by itself",
    "audit_entry": "the audit log itself",
}
