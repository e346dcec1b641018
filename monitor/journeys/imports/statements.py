"""JavaScript cut into its top-level statements, each with its line. No parser: where it cannot tell, it gives
the whole script as one statement."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

_CLOSING = {"(": ")", "[": "]", "{": "}"}
# After these a slash begins a pattern, and a line goes on.
_WANTS_MORE = frozenset("(,=:[!&|?{};+-*%<>~^")
_GOES_ON = re.compile(r"\s*(?:[.,?:+\-*/%&|=<>)\]]|(?:else|catch|finally|instanceof|in)\b)")
_STRING = re.compile(r"""'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*"|`(?:[^`\\]|\\.)*`""", re.DOTALL)
_COMMENT = re.compile(r"//[^\n]*|/\*.*?\*/", re.DOTALL)
# Bounded: what only looks like a pattern would be searched to the line's end for each of its slashes.
_PATTERN = re.compile(r"/(?![*/])(?:[^/\\\[\n]|\\.|\[(?:[^\]\\\n]|\\.){0,500}\]){1,500}/[a-z]*")


@dataclass(frozen=True, kw_only=True)
class Statement:
    text: str
    line: int


def statements(script: str) -> list[Statement]:
    """Without comments between them; blank ones are left out."""
    found: list[Statement] = []
    begin = 0
    for end in [*_ends(script), len(script)]:
        text = script[begin:end]
        lead = len(text) - len(_without_lead(text))
        if stripped := text[lead:].strip().rstrip(";").rstrip():
            found.append(Statement(text=stripped, line=script.count("\n", 0, begin + lead) + 1))
        begin = end
    return found


def _without_lead(text: str) -> str:
    """Without white space and comments in front."""
    while True:
        bare = text.lstrip(" \t\r\n;")
        comment = _COMMENT.match(bare)
        if comment is None:
            return bare
        text = bare[comment.end() :]


def _ends(script: str) -> Iterator[int]:
    open_: list[str] = []
    at, last = 0, ""
    while at < len(script):
        sign = script[at]
        if skipped := _skipped(script, at, last):
            is_comment = sign == "/" and script[at + 1 : at + 2] in ("/", "*")
            at, last = skipped, last if is_comment else '"'
            continue
        if sign in _CLOSING:
            open_.append(_CLOSING[sign])
        elif sign in ")]}":
            if not open_ or open_.pop() != sign:
                return
        elif not open_ and (sign == ";" or (sign == "\n" and _is_end(script, at, last))):
            yield at + 1
            last = ""
            at += 1
            continue
        if not sign.isspace():
            last = sign
        at += 1


def _skipped(script: str, at: int, last: str) -> int:
    """Where the string, comment or pattern that begins here ends; 0 for none. What is never closed has no
    statement behind it."""
    sign = script[at]
    if sign in "'\"`" or script.startswith("/*", at):
        match = (_COMMENT if sign == "/" else _STRING).match(script, at)
        return match.end() if match else len(script)
    if sign == "/":
        match = _COMMENT.match(script, at)
        if match is None and (not last or last in _WANTS_MORE):
            match = _PATTERN.match(script, at)
    else:
        return 0
    return match.end() if match else 0


def _is_end(script: str, at: int, last: str) -> bool:
    """Whether a line's end ends the statement: nothing is missing, and the next line does not go on."""
    if not last or (last in _WANTS_MORE and last != "}"):
        return False
    rest = script[at:]
    while comment := re.match(r"\s*(?://[^\n]*|/\*.*?\*/)", rest, re.DOTALL):
        rest = rest[comment.end() :]
    return not _GOES_ON.match(rest)
