"""Makes the plain table beside ours."""

import os
import subprocess
import sys

SCRIPT = """
import django
django.setup()
from django.db import connection
from bench.floors.plain.models import PlainLog
if PlainLog._meta.db_table not in connection.introspection.table_names():
    with connection.schema_editor() as editor:
        editor.create_model(PlainLog)
"""


def make_plain_table() -> None:
    """Does nothing when it is there. In another process: this one's Django has the product's settings."""
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "bench.floors.plain.settings"}
    subprocess.run([sys.executable, "-c", SCRIPT], env=environment, check=True)
