"""A log as a command or a few lines of code that send it again, to be copied.

A module a form; each gives the text and what its reader has to know. What others sent stands in that text, so
nothing in it may act: it is always inside a literal of the language.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from monitor.search.copies import as_httpie, as_javascript, as_python
from monitor.search.curl import as_curl, notes_on
from monitor.search.detail import LogDetail

FORMS = {
    "curl": ("cURL", as_curl, None),
    "httpie": ("HTTPie", as_httpie.write, as_httpie.notes),
    "python": ("Python", as_python.write, None),
    "javascript": ("JavaScript", as_javascript.write, as_javascript.notes),
}


@dataclass(frozen=True, kw_only=True)
class Copy:
    """One form: `name` in addresses, `words` for people."""

    name: str
    words: str
    text: str
    notes: Sequence[str]


def copy_of(detail: LogDetail, name: str) -> Copy:
    """Raises KeyError for a form that is none."""
    words, write, own_notes = FORMS[name]
    text = write(detail)
    notes = notes_on(detail, text) + (own_notes(detail) if own_notes else [])
    return Copy(name=name, words=words, text=text, notes=notes)


def copies_of(detail: LogDetail) -> Sequence[Copy]:
    return [copy_of(detail, name) for name in FORMS]
