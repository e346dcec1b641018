"""Requests that carried an Idempotency-Key, and what they were answered."""

from datetime import datetime

from django.conf import settings
from django.db import models

from monitor.lib.ids import new_uuid7
from monitor.models.tenants import Organization


class IdempotentState(models.TextChoices):
    RUNNING = "running", "Running"
    DONE = "done", "Done"


class IdempotentRequest(models.Model):
    """One key of one owner: an organization and mode for API keys and visitors, a person for who signed in.

    Neither the key's text nor the request is kept, only digests of them.
    """

    id = models.UUIDField(primary_key=True, default=new_uuid7, editable=False)
    organization = models.ForeignKey(Organization, models.CASCADE, null=True, related_name="+")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, null=True, related_name="+")
    # Of the API key; empty for people, who act in both.
    mode = models.CharField(max_length=4, blank=True, default="")
    key_digest = models.BinaryField(max_length=32, editable=False)
    fingerprint = models.BinaryField(max_length=32, editable=False)
    state = models.CharField(max_length=7, choices=IdempotentState)
    # While it runs: until then nobody else may begin.
    locked_until = models.DateTimeField()
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField(db_index=True)
    status = models.PositiveSmallIntegerField(null=True)
    headers = models.JSONField(default=dict, db_default=models.Value({}, models.JSONField()))
    # Null when it was too large to keep.
    sealed_body = models.BinaryField(null=True, editable=False)
    # What of the answer is shown once, and was left out of the body.
    omitted = models.JSONField(default=list, db_default=models.Value([], models.JSONField()))

    class Meta:
        db_table = "idempotent_request"
        constraints = [
            # Told apart with their nulls, as one of the two owners is always null.
            models.UniqueConstraint(
                fields=["organization", "user", "mode", "key_digest"],
                name="idempotent_request_once",
                nulls_distinct=False,
            ),
            models.CheckConstraint(
                condition=models.Q(state__in=IdempotentState.values), name="idempotent_request_state_known"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.state} since {self.created_at:%Y-%m-%d %H:%M}"

    def is_answer_to(self, fingerprint: bytes, *, now: datetime) -> bool:
        """Whether this request was carried out, and its answer still counts."""
        return (
            self.state == IdempotentState.DONE
            and self.expires_at > now
            and bytes(self.fingerprint) == fingerprint
        )
