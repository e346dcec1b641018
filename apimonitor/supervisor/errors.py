"""The one error of this room: it carries the sentence a person reads on the screen."""

import os
import sys
from collections.abc import Callable
from pathlib import Path


class CannotStart(Exception):
    """Something on this machine is in the way; the message says what, and what to do about it."""


def say(line: str) -> None:
    """A progress line. Flushed at once, because a pipe to `tee` or a log would hold it back.

    When nobody listens any more (a closed terminal, `scripts/up | head`) the work goes on silently.
    """
    try:
        print(line, flush=True)
    except OSError:
        sys.stdout = Path(os.devnull).open("w")  # noqa: SIM115


def run_main(main: Callable[[list[str]], int]) -> None:
    """Run a script's main: a person gets a sentence instead of a traceback, and a shell gets the code."""
    try:
        code = main(sys.argv[1:])
    except CannotStart as error:
        print(error, file=sys.stderr)
        code = 1
    except PermissionError as error:
        print(f"{error.filename} belongs to another user, or its folder does.", file=sys.stderr)
        code = 1
    except KeyboardInterrupt:
        code = 130
    sys.exit(code)
