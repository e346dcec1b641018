"""Postman scripts, run in processes of their own that can be killed."""

from monitor.journeys.scripting.answers import CannotScript, ScriptAnswer
from monitor.journeys.scripting.engine import run_script

__all__ = ["CannotScript", "ScriptAnswer", "run_script"]
