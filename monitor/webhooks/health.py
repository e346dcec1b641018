"""How an endpoint did lately, counted no further than it takes to know."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db import connection

from monitor.lib.ids import uuid7_floor
from monitor.models.webhooks import FAILED

WINDOW = timedelta(hours=24)
# An endpoint that hears of everything has millions.
MOST_COUNTED = 10_000
COUNT = """
SELECT count(*), count(*) FILTER (WHERE status = 'succeeded'),
    count(*) FILTER (WHERE status IN ('pending', 'leased')),
    count(*) FILTER (WHERE status = ANY(%s) AND trigger <> 'test'
        AND NOT EXISTS (SELECT FROM webhook_delivery again WHERE again.replay_of_id = newest.id)),
    count(*) FILTER (WHERE status IN ('pending', 'leased') AND replay_of_id IS NOT NULL)
FROM (SELECT id, status, trigger, replay_of_id FROM webhook_delivery WHERE endpoint_id = %s AND id >= %s
      ORDER BY id DESC LIMIT %s) newest
"""


@dataclass(frozen=True, kw_only=True)
class Health:
    """Deliveries of the last 24 hours by what became of them; of the newest 10,000 when there were more.

    `failed` are those that can be sent again: neither tests, nor what was sent again already.
    """

    all: int
    delivered: int
    waiting: int
    failed: int
    being_resent: int

    @property
    def is_cut(self) -> bool:
        return self.all >= MOST_COUNTED


def health_of(endpoint_id: UUID, *, now: datetime) -> Health:
    with connection.cursor() as cursor:
        cursor.execute(COUNT, [list(FAILED), endpoint_id, uuid7_floor(now - WINDOW), MOST_COUNTED])
        everything, delivered, waiting, failed, being_resent = cursor.fetchone()
    return Health(
        all=everything, delivered=delivered, waiting=waiting, failed=failed, being_resent=being_resent
    )
