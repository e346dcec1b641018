#!/usr/bin/env python
"""Django's command line for this project."""

import os
import sys
from secrets import token_hex


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "apimonitor.settings")
    if sys.argv[1:2] == ["journey"]:
        # It asks no table and signs nothing: it runs where nothing is set up, as in continuous integration.
        os.environ.setdefault("SECRET_KEY", token_hex())
        os.environ.setdefault("DATABASE_URL", "postgresql:///none")
    from django.core.exceptions import ImproperlyConfigured
    from django.core.management import execute_from_command_line

    try:
        execute_from_command_line(sys.argv)
    except ImproperlyConfigured as error:
        # A setting that is missing or wrong: its sentence helps, a traceback does not.
        sys.exit(str(error))


if __name__ == "__main__":
    main()
