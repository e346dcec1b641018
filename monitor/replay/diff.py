"""What two answers have in common and what not, as lines to show. Pure."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any, Literal

Kind = Literal["same", "changed", "added", "removed", "folded"]
HeaderValue = str | list[str]

# Beyond this many lines, comparing each with each could hold a thread for seconds.
MAX_LINES = 4000
# Equal lines kept on either side of a difference; longer runs are folded into one.
CONTEXT_LINES = 3
# How alike two lines must be to be shown as one that changed: the same JSON key, or about half the letters.
LEAST_ALIKE = 0.5
ALIKE_CHARS = 400
INDENT = "  "

# Different in every answer, so that a difference tells nothing.
ALWAYS_DIFFERENT = frozenset(
    {"age", "cf-ray", "date", "etag", "expires", "last-modified", "server-timing", "traceparent", "via"}
    | {"x-amzn-requestid", "x-amzn-trace-id", "x-correlation-id", "x-request-id", "x-runtime", "x-trace-id"}
)


@dataclass(frozen=True, kw_only=True, slots=True)
class DiffLine:
    """One line. `before` is the original's, `after` the replay's; a fold tells how many equal lines it hides.

    `expected` marks a header that differs in every answer anyway.
    """

    kind: Kind
    before: str = ""
    after: str = ""
    folded: int = 0
    expected: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Diff:
    """Lines in order. `normalised` says that both were JSON, so that order of keys and spacing count for
    nothing; `too_long` that the middle was not compared line by line."""

    lines: list[DiffLine]
    normalised: bool = False
    too_long: bool = False

    @property
    def differences(self) -> int:
        return sum(line.kind in ("changed", "added", "removed") and not line.expected for line in self.lines)

    @property
    def is_same(self) -> bool:
        return self.differences == 0


def diff_bodies(before: str | None, after: str | None) -> Diff:
    """How the second body differs from the first; as JSON when both are JSON, else as text."""
    left, right = json_lines(before), json_lines(after)
    if left is not None and right is not None:
        return diff_lines(left, right, normalised=True)
    return diff_lines((before or "").splitlines(), (after or "").splitlines())


def diff_lines(left: Sequence[str], right: Sequence[str], *, normalised: bool = False) -> Diff:
    """Equal beginnings and ends are taken off first: what is left to compare is small as a rule."""
    start = common(left, right)
    end = common(left[start:][::-1], right[start:][::-1])
    middle_left, middle_right = left[start : len(left) - end], right[start : len(right) - end]
    too_long = max(len(middle_left), len(middle_right)) > MAX_LINES
    compared = wholly_different if too_long else compare
    lines = [
        *equal(left[:start]),
        *compared(middle_left, middle_right),
        *equal(left[len(left) - end :]),
    ]
    return Diff(lines=list(fold(lines)), normalised=normalised, too_long=too_long)


def common(left: Sequence[str], right: Sequence[str]) -> int:
    """How many lines both begin with."""
    count = 0
    for one, other in zip(left, right, strict=False):
        if one != other:
            break
        count += 1
    return count


def equal(lines: Iterable[str]) -> Iterator[DiffLine]:
    return (DiffLine(kind="same", before=line, after=line) for line in lines)


def wholly_different(left: Sequence[str], right: Sequence[str]) -> Iterator[DiffLine]:
    yield from (DiffLine(kind="removed", before=line) for line in left)
    yield from (DiffLine(kind="added", after=line) for line in right)


def compare(left: Sequence[str], right: Sequence[str]) -> Iterator[DiffLine]:
    for step, from_left, to_left, from_right, to_right in SequenceMatcher(None, left, right).get_opcodes():
        if step == "equal":
            yield from equal(left[from_left:to_left])
        else:
            yield from replaced(left[from_left:to_left], right[from_right:to_right])


def replaced(left: Sequence[str], right: Sequence[str]) -> Iterator[DiffLine]:
    """Lines that stand in the same place: pairs that are alike changed, the others went and came."""
    waiting = list(right)
    for line in left:
        partner = next((index for index, other in enumerate(waiting) if alike(line, other)), None)
        if partner is None:
            yield DiffLine(kind="removed", before=line)
            continue
        yield from (DiffLine(kind="added", after=other) for other in waiting[:partner])
        yield DiffLine(kind="changed", before=line, after=waiting[partner])
        del waiting[: partner + 1]
    yield from (DiffLine(kind="added", after=other) for other in waiting)


def alike(one: str, other: str) -> bool:
    key, colon, _ = one.partition('": ')
    if colon:
        return other.startswith(key + colon)
    return SequenceMatcher(None, one[:ALIKE_CHARS], other[:ALIKE_CHARS]).quick_ratio() >= LEAST_ALIKE


def fold(lines: Sequence[DiffLine]) -> Iterator[DiffLine]:
    """The same lines, with long equal runs folded between the context of the differences."""
    changed = [index for index, line in enumerate(lines) if line.kind != "same"]
    if not changed:
        yield from lines
        return
    near = {index + step for index in changed for step in range(-CONTEXT_LINES, CONTEXT_LINES + 1)}
    hidden = 0
    for index, line in enumerate(lines):
        if index not in near:
            hidden += 1
            continue
        if hidden:
            yield DiffLine(kind="folded", folded=hidden)
            hidden = 0
        yield line
    if hidden:
        yield DiffLine(kind="folded", folded=hidden)


# --- JSON --------------------------------------------------------------------------------------------------


class Number(str):
    """A number as it was written: 1.0 is not 1.00 to somebody who looks for a difference."""

    __slots__ = ()


def json_lines(text: str | None) -> list[str] | None:
    """A JSON object or array one value a line, keys in order of the alphabet; None for anything else.

    Without commas: a value that follows would otherwise change the line above it.
    """
    if not text or text.lstrip()[:1] not in ("{", "["):
        return None
    try:
        value = json.loads(text, parse_int=Number, parse_float=Number, object_pairs_hook=sorted_pairs)
        return list(value_lines(value, "", ""))
    except (ValueError, RecursionError):
        return None


def sorted_pairs(pairs: list[tuple[str, Any]]) -> "Pairs":
    return Pairs(sorted(pairs, key=lambda pair: pair[0]))


class Pairs(list[tuple[str, Any]]):
    """An object's members, those that stand twice included."""


def value_lines(value: Any, indent: str, before: str) -> Iterator[str]:
    if isinstance(value, Pairs):
        if not value:
            yield f"{indent}{before}{{}}"
            return
        yield f"{indent}{before}{{"
        for name, member in value:
            yield from value_lines(member, indent + INDENT, f"{json.dumps(name, ensure_ascii=False)}: ")
        yield f"{indent}}}"
    elif isinstance(value, list):
        if not value:
            yield f"{indent}{before}[]"
            return
        yield f"{indent}{before}["
        for item in value:
            yield from value_lines(item, indent + INDENT, "")
        yield f"{indent}]"
    else:
        yield f"{indent}{before}{scalar(value)}"


def scalar(value: Any) -> str:
    return str(value) if isinstance(value, Number) else json.dumps(value, ensure_ascii=False)


# --- Headers -----------------------------------------------------------------------------------------------


def diff_headers(before: Mapping[str, HeaderValue] | None, after: Mapping[str, HeaderValue] | None) -> Diff:
    """How the headers differ, in order of the alphabet, whatever the case of their names."""
    left, right = header_lines(before or {}), header_lines(after or {})
    return Diff(lines=[line for name in sorted(left | right) for line in one_header(name, left, right)])


def header_lines(headers: Mapping[str, HeaderValue]) -> dict[str, list[str]]:
    """Values by lower-case name."""
    found: dict[str, list[str]] = {}
    for name, value in headers.items():
        found.setdefault(name.lower(), []).extend(value if isinstance(value, list) else [value])
    return found


def one_header(
    name: str, left: Mapping[str, list[str]], right: Mapping[str, list[str]]
) -> Iterator[DiffLine]:
    expected = name in ALWAYS_DIFFERENT
    ours = [f"{name}: {value}" for value in left.get(name, [])]
    theirs = [f"{name}: {value}" for value in right.get(name, [])]
    for index in range(max(len(ours), len(theirs))):
        if index >= len(theirs):
            yield DiffLine(kind="removed", before=ours[index], expected=expected)
        elif index >= len(ours):
            yield DiffLine(kind="added", after=theirs[index], expected=expected)
        elif ours[index] == theirs[index]:
            yield DiffLine(kind="same", before=ours[index], after=theirs[index])
        else:
            yield DiffLine(kind="changed", before=ours[index], after=theirs[index], expected=expected)
