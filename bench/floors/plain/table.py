"""Makes the plain table beside ours."""

import os
import subprocess
import sys

SCRIPT = """
import django
django.setup()
from django.db import connection
from bench.floors.plain.models import PlainLog
with connection.schema_editor() as editor:
    editor.create_model(PlainLog)
"""


def make_plain_table() -> None:
    """In a process of its own: this one's Django has the product's settings."""
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "bench.floors.plain.settings"}
    subprocess.run([sys.executable, "-c", SCRIPT], env=environment, check=True)
