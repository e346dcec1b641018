"""The two sides of a log, request and response, as a reader meets them. Pure."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from monitor.lib.json_text import tokens_of
from monitor.models.services import KeepBodies
from monitor.search.detail import Headers, LogDetail

# Colouring costs a tag a word: beyond this a body is shown as it is, in one piece.
MAX_LAID_OUT_CHARS = 256 * 1024


@dataclass(frozen=True, kw_only=True)
class Side:
    """`note` says, in a sentence, why the body is not the whole body; empty when it is."""

    name: str
    headers: Sequence[tuple[str, Sequence[str]]]
    body: str | None
    sent_bytes: int | None
    note: str

    @property
    def key(self) -> str:
        return self.name.lower()

    @property
    def has_body(self) -> bool:
        """Whether there is a body to read, or a word on why there is none."""
        return self.body is not None or bool(self.note)

    @property
    def is_json(self) -> bool:
        """Whether the body has a layout beside its raw text."""
        if not self.body or len(self.body) > MAX_LAID_OUT_CHARS:
            return False
        return tokens_of(self.body) is not None


def sides_of(detail: LogDetail) -> tuple[Side, Side]:
    log = detail.log
    request = Side(
        name="Request",
        headers=header_rows(detail.request_headers),
        body=detail.request_body,
        sent_bytes=log.request_bytes,
        note=note_on(
            detail, body=detail.request_body, sent_bytes=log.request_bytes,
            is_cut=detail.request_truncated, is_dropped=detail.request_body_dropped,
        ),
    )  # fmt: skip
    response = Side(
        name="Response",
        headers=header_rows(detail.response_headers),
        body=detail.response_body,
        sent_bytes=log.response_bytes,
        note=note_on(
            detail, body=detail.response_body, sent_bytes=log.response_bytes,
            is_cut=detail.response_truncated, is_dropped=detail.response_body_dropped,
        ),
    )  # fmt: skip
    return request, response


def header_rows(headers: Headers | None) -> Sequence[tuple[str, Sequence[str]]]:
    """Names with all their values, in the order they were sent."""
    return [(name, value if isinstance(value, list) else [value]) for name, value in (headers or {}).items()]


def query_rows(detail: LogDetail) -> Sequence[tuple[str, Sequence[str]]]:
    """Query parameters as header_rows gives headers; what is no text is spelled as JSON."""
    return [
        (name, [each if isinstance(each, str) else json.dumps(each) for each in values])
        for name, value in (detail.query_params or {}).items()
        for values in [value if isinstance(value, list) else [value]]
    ]


def note_on(
    detail: LogDetail, *, body: str | None, sent_bytes: int | None, is_cut: bool, is_dropped: bool
) -> str:
    if is_dropped:
        return f"{size_text(sent_bytes)} were sent and not kept: {why_dropped(detail)}"
    if is_cut:
        kept = len((body or "").encode())
        return f"Cut: the first {size_text(kept)} of {size_text(sent_bytes)} were kept."
    return ""


def why_dropped(detail: LogDetail) -> str:
    """The service's setting as it is now; where it would keep this body, it was another one then."""
    setting = detail.log.service.keep_bodies
    if setting == KeepBodies.NONE:
        return "this service keeps no bodies (keep_bodies is none)."
    if setting == KeepBodies.ERRORS and not detail.log.failed:
        return "this service keeps bodies of failed calls only (keep_bodies is errors)."
    return "the service's keep_bodies setting was different then."


def size_text(size: int | None) -> str:
    """Bytes in words: exact when few, else in kB, MB or GB of 1,000."""
    if size is None:
        return "an unknown number of bytes"
    if size < 1000:
        return f"{size} bytes" if size != 1 else "1 byte"
    for unit, words in ((1_000_000_000, "GB"), (1_000_000, "MB")):
        if size >= unit:
            return f"{size / unit:,.1f} {words}"
    return f"{size / 1000:,.1f} kB"
