"""Know what was deployed when, so that charts can show it."""

from monitor.deployments.report import report_deployment
from monitor.deployments.shown import deployments_shown, markers_of

__all__ = ["deployments_shown", "markers_of", "report_deployment"]
