"""Remove what a deleted service leaves behind, in small bites."""

from uuid import UUID

from django.db import connection, transaction

from monitor.audit import record
from monitor.models import AlertRuleChange, ExclusionRule, Service
from monitor.services.exclusions import forget_counts

ROWS_A_BITE = 5000
# Each removes at most one bite of what hangs on the service and can be large.
BITES = (
    "WITH bite AS (SELECT id FROM request_log WHERE service_id = %(service)s LIMIT %(rows)s),"
    " payloads AS (DELETE FROM log_payload WHERE log_id IN (SELECT id FROM bite))"
    " DELETE FROM request_log WHERE id IN (SELECT id FROM bite)",
    "DELETE FROM alert_event WHERE id IN (SELECT alert_event.id FROM alert_event"
    " JOIN alert_rule ON alert_rule.id = rule_id WHERE service_id = %(service)s LIMIT %(rows)s)",
    "DELETE FROM metric_rollup WHERE ctid = ANY(ARRAY(SELECT ctid FROM metric_rollup"
    " WHERE service_id = %(service)s LIMIT %(rows)s))",
    "DELETE FROM counted_series WHERE digest IN (SELECT digest FROM counted_series"
    " WHERE service_id = %(service)s LIMIT %(rows)s)",
    "DELETE FROM error_count WHERE id IN (SELECT id FROM error_count"
    " WHERE service_id = %(service)s LIMIT %(rows)s)",
    *(
        f"DELETE FROM {table} WHERE ctid = ANY(ARRAY(SELECT {table}.ctid FROM {table}"  # noqa: S608 - our own
        " JOIN error_issue ON error_issue.id = issue_id WHERE service_id = %(service)s LIMIT %(rows)s))"
        for table in ("error_issue_hour", "error_issue_consumer")
    ),
    "DELETE FROM replay WHERE id IN (SELECT id FROM replay WHERE service_id = %(service)s LIMIT %(rows)s)",
)


def purge(service_id: UUID) -> None:
    """Remove the logs, numbers, events and replays of a service that is marked deleted, then the service.

    Each bite is a transaction of its own, so nobody waits for a lock and a killed worker loses one bite.
    """
    service = Service.objects.filter(id=service_id).exclude(deleted_at=None).first()
    if service is None:
        return
    for statement in BITES:
        while remove_bite(statement, service_id) == ROWS_A_BITE:
            pass
    forget_counts(ExclusionRule.objects.filter(service=service).values_list("id", flat=True))
    with transaction.atomic():
        record(
            "service.purged",
            organization_id=service.organization_id,
            target_type="service",
            target_id=service.id,
            target_label=service.name,
            note="Its logs, numbers, rules, events and replays are gone.",
        )
        service.delete()
    # Removing the rules has numbered their change once more.
    AlertRuleChange.objects.filter(service_id=service_id).delete()


def remove_bite(statement: str, service_id: UUID) -> int:
    """How many rows went."""
    with connection.cursor() as cursor:
        cursor.execute(statement, {"service": service_id, "rows": ROWS_A_BITE})
        return int(cursor.rowcount)
