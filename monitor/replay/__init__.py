"""Send a kept request again."""

from monitor.replay.prepare import Overrides, ReplayRefused, TargetNotAllowed, prepare
from monitor.replay.send import replay

__all__ = ["Overrides", "ReplayRefused", "TargetNotAllowed", "prepare", "replay"]
