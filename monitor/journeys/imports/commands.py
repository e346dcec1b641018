"""One or several curl commands, a step each."""

import re

from monitor.curl.command import read_command
from monitor.curl.words import NotUnderstood
from monitor.journeys.imports.bringing import BadImport, Imported
from monitor.journeys.imports.requests import add_request

_BEGINS = re.compile(r"(?m)^(?=\s*(?:\$\s+)?curl\s)")


def read_curl(text: str) -> Imported:
    """A step for each command. Raises BadImport, with the option that is not understood."""
    brought = Imported(name="From cURL")
    for command in filter(str.strip, _BEGINS.split(text.replace("\r\n", "\n"))):
        try:
            request = read_command(command)
        except NotUnderstood as error:
            raise BadImport(str(error)) from None
        add_request(
            brought,
            method=request.method,
            url=request.url,
            headers=request.headers,
            body=request.body or "",
            status=None,
            keep_cookies=True,
        )
        for note in request.notes:
            brought.note("note", "command", note)
    if not brought.steps:
        raise BadImport("There is no curl command.")
    return brought
