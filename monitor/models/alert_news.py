"""What rules of single requests and of news still have to tell."""

from django.db import models

from monitor.models.alerts import AlertRule


class AlertArrival(models.Model):
    """Word of logs that a rule matched: written and committed with their events, and deleted with what was
    told of them. So what came late, or was committed late, is told once, and no place in time is remembered.
    """

    # No foreign key: a rule that is removed meanwhile has nobody to tell, and stops nobody.
    rule_id = models.UUIDField()
    matches = models.IntegerField()
    # The last of the events.
    event_id = models.UUIDField()
    arrived_at = models.DateTimeField()

    class Meta:
        db_table = "alert_arrival"

    def __str__(self) -> str:
        return f"{self.matches} of {self.rule_id}"


class AlertTally(models.Model):
    """What a rule of single requests or of news told lately, and how much of it waits to be told."""

    rule = models.OneToOneField(AlertRule, models.CASCADE, primary_key=True, related_name="tally")
    told_at = models.DateTimeField(null=True)
    # Of news: the hour, and how many were told in it.
    hour = models.DateTimeField(null=True)
    told = models.PositiveIntegerField(default=0)
    waiting = models.PositiveIntegerField(default=0)
    # Of what waits, the last.
    event_id = models.UUIDField(null=True)
    # Whether it was told that the rule cannot be judged, as it cannot now.
    has_told_error = models.BooleanField(default=False)

    class Meta:
        db_table = "alert_tally"
        indexes = [
            models.Index(fields=["rule"], condition=models.Q(waiting__gt=0), name="alert_tally_waiting")
        ]

    def __str__(self) -> str:
        return f"{self.waiting} waiting of {self.rule_id}"
