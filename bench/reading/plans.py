"""`python -m bench.reading.plans FOLDER`: the plans of what the named addresses ask the database.

Reads `name TAB path` lines; writes a file for each into the folder: what to look at first.
"""

import re
import sys
from pathlib import Path

import django


def main(folder: Path) -> None:
    django.setup()
    from django.db import connection
    from django.test import Client
    from django.test.utils import CaptureQueriesContext

    def plan_of(statement: str) -> str:
        with connection.cursor() as cursor:
            cursor.execute(f"EXPLAIN (ANALYZE, BUFFERS) {statement.replace('%', '%%')}", [])
            return "\n".join([statement, *(line for (line,) in cursor.fetchall())])

    folder.mkdir(parents=True, exist_ok=True)
    for line in sys.stdin:
        name, _, path = line.rstrip("\n").partition("\t")
        with CaptureQueriesContext(connection) as captured:
            Client(headers={"host": "localhost"}).get(path)
        asked = [
            query["sql"] for query in captured if re.match(r"SELECT .*(request_log|metric)", query["sql"])
        ]
        # A search that its own time limit stopped would run to its end here.
        with connection.cursor() as cursor:
            cursor.execute("SET statement_timeout = '60s'")
        plans = [plan_of(statement) for statement in asked]
        file = folder / f"{re.sub(r'[^a-zA-Z0-9]+', '-', name).strip('-')}.txt"
        file.write_text(f"GET {path}\n\n" + "\n\n".join(plans) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
