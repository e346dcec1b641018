"""Count and measure requests over windows of time."""

from monitor.metrics.measure import Measurement, measure
from monitor.metrics.series import Bucket, measure_over_time

__all__ = ["Bucket", "Measurement", "measure", "measure_over_time"]
