"""What this installation counts about itself, summed over all its processes."""

from django.db import models


class Counter(models.Model):
    """A sum since the first start. `labels` are written as Prometheus reads them."""

    id = models.BigAutoField(primary_key=True)
    name = models.CharField(max_length=64)
    labels = models.CharField(max_length=128)
    value = models.FloatField()

    class Meta:
        db_table = "counter"
        constraints = [models.UniqueConstraint(fields=["name", "labels"], name="counter_once")]

    def __str__(self) -> str:
        return f"{self.name}{{{self.labels}}} {self.value}"


class CounterMinute(models.Model):
    """What was added within one minute, for rates and charts of the last day."""

    id = models.BigAutoField(primary_key=True)
    minute = models.DateTimeField()
    name = models.CharField(max_length=64)
    labels = models.CharField(max_length=128)
    value = models.FloatField()

    class Meta:
        db_table = "counter_minute"
        constraints = [
            models.UniqueConstraint(fields=["minute", "name", "labels"], name="counter_minute_once")
        ]

    def __str__(self) -> str:
        return f"{self.minute:%H:%M} {self.name}{{{self.labels}}} {self.value}"
