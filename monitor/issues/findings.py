"""What a failed request says went wrong. Pure."""

import hashlib
from dataclasses import dataclass
from functools import cached_property
from http import HTTPStatus

from monitor.issues.messages import headline, normalize
from monitor.issues.validation import message_of, read_body, validation_errors
from monitor.models.issues import IssueKind

# Answers whose bodies may name fields. A 400 that names none is somebody's slip, and no issue.
VALIDATION_STATUSES = frozenset({400, 422})


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that went wrong. `fingerprint` is the same wherever all of these are.

    `is_reported` says that a client counted it, and no log tells of it.
    """

    kind: str
    field: str
    message: str
    is_reported: bool = False

    @cached_property
    def fingerprint(self) -> str:
        # Counts of clients have fingerprints of their own: the two are never added up.
        source = ("reported",) if self.is_reported else ()
        said = "\x00".join((self.kind, self.field, self.message, *source))
        return hashlib.blake2b(said.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def may_tell(status_code: int | None, *, failed: bool) -> bool:
    """Whether a log with this answer is worth a look. On the way of every log."""
    return failed or status_code in VALIDATION_STATUSES


def needs_body(status_code: int | None, error: str | None) -> bool:
    """Whether the answer's body says more than the log's row."""
    return status_code in VALIDATION_STATUSES or not error


def findings_of(*, status_code: int | None, error: str | None, body: str | None) -> list[Finding]:
    """What went wrong, each once: several fields of a validation error, or one error."""
    document = read_body(body) if needs_body(status_code, error) else None
    if status_code in VALIDATION_STATUSES:
        said = [(field, normalize(message)) for field, message in validation_errors(document)]
        if said:
            return [
                Finding(kind=IssueKind.VALIDATION.value, field=field, message=message)
                for field, message in dict.fromkeys(said)
            ]
    if error:
        return [Finding(kind=IssueKind.SERVER.value, field="", message=normalize(headline(error)))]
    if status_code == 400 or status_code is None:
        return []
    kind = IssueKind.VALIDATION if status_code in VALIDATION_STATUSES else IssueKind.SERVER
    message = normalize(headline(message_of(document))) or phrase_of(status_code)
    return [Finding(kind=kind.value, field="", message=message)]


def phrase_of(status_code: int) -> str:
    """`502 Bad Gateway`, for an answer that says nothing else."""
    try:
        return f"{status_code} {HTTPStatus(status_code).phrase}"
    except ValueError:
        return str(status_code)
