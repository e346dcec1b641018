"""`scripts/bench PART`: measure one part, or all."""

import shlex
import signal
import sys
from datetime import UTC, datetime

from apimonitor.supervisor.errors import run_main, say
from bench import machine, report
from bench.figures import Result, show
from bench.installation import own_database, own_folder, set_up_django
from bench.options import read_options
from bench.parts import NAMES, parts
from bench.wrk import require_wrk

# These parts need no load from outside.
WITHOUT_LOAD = ("disk", "read", "client", "webhooks", "alerts")


def main(arguments: list[str]) -> int:
    options = read_options(arguments, NAMES)
    if options.part not in WITHOUT_LOAD:
        require_wrk()
    # A stop from outside must not leave the database's folder behind.
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    results: list[Result] = []
    with own_folder() as folder, own_database(folder, options.postgres) as cluster:
        described = machine.describe(cluster)
        say(", ".join(f"{name} {value}" for name, value in described.items()))
        set_up_django(cluster.url)
        from bench.bench import Bench

        bench = Bench(options=options, folder=folder, cluster=cluster)
        measures = parts()
        for name in NAMES if options.part == "all" else (options.part,):
            say(f"Measuring {name} ...")
            bench.empty_tables()
            results.append(measures[name](bench))
            say(show(results[-1]))
    if options.write:
        command = command_told(arguments)
        day = f"{datetime.now(UTC):%Y-%m-%d}"
        report.write(results, machine=described, command=command, day=day)
    return 0


def command_told(arguments: list[str]) -> str:
    """The command as a reader repeats it: figures are committed, so it names no folder of one machine."""
    told = [each for each in arguments if each != "--write"]
    if "--data" in told[:-1]:
        told[told.index("--data") + 1] = "var/bench-data"
    return shlex.join(["scripts/bench", *told])


if __name__ == "__main__":
    run_main(main)
