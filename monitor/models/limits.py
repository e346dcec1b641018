"""How much may be asked of us: plans of organizations, and the buckets that requests are counted in."""

from django.db import models

from monitor.lib.ids import new_uuid7

MAX_A_MINUTE = 100_000_000


def a_minute(name: str) -> "models.PositiveIntegerField[int | None, int | None]":
    return models.PositiveIntegerField(
        name, null=True, blank=True, help_text="Empty: as the installation is set. 0: no limit."
    )


class Plan(models.Model):
    """Limits a minute that organizations share by name. Null: as the settings say; 0: none."""

    id = models.UUIDField(primary_key=True, default=new_uuid7, editable=False)
    name = models.CharField(max_length=64, unique=True)
    key_requests = a_minute("requests of one key, a minute")
    requests = a_minute("requests, a minute")
    writes = a_minute("changes, a minute")
    replays = a_minute("requests and webhooks sent again, a minute")
    tests = a_minute("tests, a minute")
    exports = a_minute("exports, a minute")
    logs = a_minute("logs, a minute")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        db_table = "plan"

    def __str__(self) -> str:
        return self.name


class RateBucket(models.Model):
    """How full a limit is: the moment, in seconds since the epoch, at which all of it is there again (GCRA).

    Unlogged: a server that crashed begins with empty buckets, and counting costs no journal.
    """

    name = models.CharField(max_length=100, primary_key=True)
    full_at = models.FloatField()

    class Meta:
        db_table = "rate_bucket"

    def __str__(self) -> str:
        return self.name
