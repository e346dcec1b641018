"""Which columns the log table shows: as the address says, else as this browser remembers."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect

from monitor.lib.addresses import address_with

COOKIE = "log_columns"
REMEMBERED_S = 400 * 86_400


@dataclass(frozen=True, kw_only=True)
class Column:
    """A column of the table; `is_usual` ones are shown until somebody chooses."""

    name: str
    words: str
    is_usual: bool = True

    @property
    def css_class(self) -> str:
        return f"c-{self.name}"


# What and where a request was is always shown: it is the row's link.
COLUMNS = (
    Column(name="time", words="Time"),
    Column(name="status", words="Status"),
    Column(name="method", words="Method"),
    Column(name="path", words="Endpoint and path"),
    Column(name="latency", words="Latency"),
    Column(name="consumer", words="Consumer"),
    Column(name="service", words="Service"),
    Column(name="environment", words="Environment", is_usual=False),
    Column(name="tags", words="Tags", is_usual=False),
    Column(name="trace", words="Trace id", is_usual=False),
    Column(name="caller", words="Caller", is_usual=False),
    Column(name="size", words="Answer size", is_usual=False),
)
ALWAYS = "path"
NAMES = frozenset(column.name for column in COLUMNS)


@dataclass(frozen=True, kw_only=True)
class Shown:
    """The columns of a page. `is_chosen` unless they are the usual ones for want of a choice."""

    names: frozenset[str]
    is_chosen: bool

    @property
    def columns(self) -> Sequence[Column]:
        return [column for column in COLUMNS if column.name in self.names]

    @property
    def choices(self) -> Sequence[tuple[Column, bool]]:
        """The columns that can be chosen, and whether they are."""
        return [(column, column.name in self.names) for column in COLUMNS if column.name != ALWAYS]


USUAL = Shown(names=frozenset(column.name for column in COLUMNS if column.is_usual), is_chosen=False)


def shown_columns(request: HttpRequest) -> Shown:
    named = request.GET.get("columns") or request.COOKIES.get(COOKIE, "")
    names = NAMES & set(named.split(","))
    return Shown(names=names | {ALWAYS}, is_chosen=True) if names else USUAL


def choose_columns(request: HttpRequest) -> HttpResponse | None:
    """Where the chooser's form leads: it sends each column by itself, and people share one word for all.

    Only this form is remembered: who follows somebody's link keeps their own choice.
    """
    if "column" not in request.GET:
        return None
    named = in_order(NAMES & {*request.GET.getlist("column"), ALWAYS})
    is_usual = named == in_order(USUAL.names)
    changes = {"column": None, "columns": None if is_usual else named}
    response = HttpResponseRedirect(request.path + address_with(request.GET, changes))
    if is_usual:
        response.delete_cookie(COOKIE)
    else:
        response.set_cookie(COOKIE, named, max_age=REMEMBERED_S, samesite="Lax", httponly=True)
    return response


def in_order(names: Iterable[str]) -> str:
    wanted = set(names)
    return ",".join(column.name for column in COLUMNS if column.name in wanted)
