"""Applications of several frameworks side by side, each reporting to a service of its own.

Apitally's clients report every ten and fifteen seconds, so one after the other would take minutes.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from monitor.models.keys import KeyKind
from tests.broken_line import Line, a_broken_line
from tests.factories import a_key, a_service
from tests.published.running import running_app
from tests.reading import Api

# What /v1/consumers tells after CALLS: name, group and requests of each.
NAMED = {"alice": ("Alice", "Testers", 7), "bob": ("Bob", "Testers", 4)}


@dataclass(frozen=True, kw_only=True)
class Framework:
    """How an application is served, and what its client says of it; `bodies` are those it logs."""

    command: Callable[[int], list[str]]
    client: str
    route: str
    error: str = "ValueError"
    bodies: tuple[str, ...] = ("request_body", "response_body")

    @property
    def endpoints(self) -> dict[str, int]:
        """What /v1/endpoints tells after CALLS."""
        return {f"GET {self.route}": 9, "POST /items": 2, "GET /boom": 1, "GET /never": 0}


@dataclass(frozen=True, kw_only=True)
class Running:
    framework: Framework
    address: str
    api: Api
    line: Line | None = None


@contextmanager
def all_running(
    frameworks: dict[str, Framework],
    monitor: str,
    *,
    kind: KeyKind,
    settings: Callable[[str, str], dict[str, str]],
    broken: bool = False,
) -> Iterator[dict[str, Running]]:
    """Each application, with the environment that `settings` makes of the monitor's address and a key."""
    with ExitStack() as stack:
        running = {}
        for name, framework in frameworks.items():
            service = a_service()
            line = stack.enter_context(a_broken_line(monitor)) if broken else None
            told = settings(line.address if line else monitor, a_key(service, kind=kind)[1])
            address = stack.enter_context(running_app(framework.command, **told))
            api = Api(monitor, a_key(service, scopes=["read"])[1], environment="dev")
            running[name] = Running(framework=framework, address=address, api=api, line=line)
        yield running
