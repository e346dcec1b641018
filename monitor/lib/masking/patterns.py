"""Secrets in text of no known form: error messages, stack traces, and bodies that cannot be parsed.

Every pattern is linear: a token is taken whole (possessive quantifiers), and can begin only where one begins.
When in doubt about where a secret ends, more is masked rather than less.
"""

import re
from dataclasses import dataclass

from monitor.lib.apikeys import KEY_PATTERN
from monitor.lib.masking.markup import mask_markup
from monitor.lib.masking.rules import DEFAULT_RULES, MASK, MaskingRules, plain_name, squash

# A name and the sign after it: `"password": `, `\"password\": `, `password=`, `user[password] => `.
_NAME_AND_SIGN = re.compile(
    r"""
    (?: (?<!\\) ["'] (?P<quoted> (?: [^"'\\\n] | \\. ){1,128}+ ) (?P<quote> ["'] ) \s*+
      | (?<!\\) \\++ ["'] (?P<escaped> [^"'\\\n]{1,128}+ ) (?P<escaped_quote> \\++ ["'] ) \s*+
      | (?<! [\w.%$\[\]-] ) (?P<bare> [\w.%$\[\]-]++ ) (?P<closing> \\*+ ["'`]?+ ) [ \t]*+
    )
    (?: ={1,3}+ >?+ | := | : (?!//) ) [ \t]*+
    """,
    re.VERBOSE,
)
_OPENING_QUOTE = re.compile(r"""(\\*+)(["'`])""")
_QUOTED = {
    quote: re.compile(rf"{quote}((?:[^{quote}\\]++|\\.)*+)({quote}?)", re.DOTALL) for quote in ('"', "'", "`")
}
_STRUCTURE = re.compile(r'"(?:[^"\\]++|\\.)*+"?|[{}\[\]]', re.DOTALL)
_LITERAL = re.compile(r"""[^\s,}\]"'\\]++""")
_WORD = re.compile(
    r"""(?:(?:Bearer|Basic|Digest|Token)[ \t]++)?+((?:[^\s&<>"'`\\]++|\\++(?!["'`]))*+)""", re.I
)
_REST_OF_LINE = re.compile(r"[^\r\n]*+")
_REST_OF_PAIR = re.compile(r"[^\r\n&]*+")
_NOTHING = frozenset({"", "null", "none", "nil", "undefined"})
_BEFORE_FIRST_NAME = " \t\r>*<#-"

_JWT = re.compile(r"(?<![\w-])eyJ[\w-]{5,}+\.[\w-]{5,}+(?:\.[\w-]*+){0,3}+")
# RFC 7235 names the schemes case-insensitively. The words are those that prose and challenges put behind
# them.
_BEARER = re.compile(
    r"\b(Bearer[ +]++)"
    r"(?!(?:tokens?|auth(?:entication|orization)?|realm|scheme|scope|errors?|credentials?|keys?|is|was|not|or|and|in)(?:[.,;:]?(?:\s|$)|=))"
    r"[\w.~+/-]{3,}+=*+",
    re.IGNORECASE,
)
_BASIC = re.compile(r"\b([Bb]asic )(?=[A-Za-z0-9+/][a-z]*+[A-Z0-9+/=])[A-Za-z0-9+/]{6,}+={0,2}+")
# What stands in every text that `mask_text` changes: a sign between a name and its value, the one within
# `Bearer x`, `<` of markup, or the beginning of a shape. Most labels and values of headers have none of them.
_SIGN = re.compile(r"[:=<+\s]|eyJ|mkey_|mpat_|apt_")
# Up to the last @ before the path, because people forget to escape one in a password. JSON may write \/\/.
_USERINFO = re.compile(r"""(:(?:\\?/){2})[^\s/?#"'<>\\@]++(?:@[^\s/?#"'<>\\@]*+)*?@(?![^\s/?#"'<>\\]*@)""")


def mask_text(text: str, *, rules: MaskingRules = DEFAULT_RULES) -> str:
    """An error text or stack trace without the secrets that stand in it."""
    if not _SIGN.search(text):
        return text
    return mask_shapes(mask_names(text, rules))


def mask_shapes(text: str) -> str:
    """The text without secrets that are known by their form alone. Valid JSON stays valid JSON."""
    if "eyJ" in text:
        text = _JWT.sub(MASK, text)
    if "mkey_" in text or "mpat_" in text or "apt_" in text:
        text = KEY_PATTERN.sub(MASK, text)
    if "@" in text:
        text = _USERINFO.sub(rf"\1{MASK}@", text)
    lowered = text.lower()
    if "bearer" in lowered:
        text = _BEARER.sub(rf"\1{MASK}", text)
    if "basic " in lowered:
        text = _BASIC.sub(rf"\1{MASK}", text)
    return text


def mask_names(text: str, rules: MaskingRules) -> str:
    """The text without the values that stand behind a sensitive name."""
    if not rules.may_concern(text):
        return text
    text = mask_markup(text, rules)
    pieces: list[str] = []
    done = position = 0
    while match := _NAME_AND_SIGN.search(text, position):
        position = match.end()
        name = plain_name(match["quoted"] or match["escaped"] or match["bare"])
        if not rules.is_sensitive_key(name):
            continue
        value = _find_value(text, match, name)
        if value is None:
            continue
        pieces += text[done:position], value.replacement
        done = position = value.end
    return "".join([*pieces, text[done:]]) if pieces else text


@dataclass(frozen=True, kw_only=True)
class _Value:
    end: int
    replacement: str


def _find_value(text: str, match: re.Match[str], name: str) -> _Value | None:
    """The value behind a sensitive name and its sign; None where there is nothing to hide."""
    start = match.end()
    name_quote = match["quote"] or match["escaped_quote"] or match["closing"]
    if not name_quote and squash(name).endswith(("cookie", "authorization")):
        return _line_value(text, match)  # Cookie: "a"; b=c holds more than what its quotes hold.
    if opening := _OPENING_QUOTE.match(text, start):
        return _quoted_value(text, opening)
    if text[start : start + 1] in ("{", "["):
        return _container_value(text, start, name_quote)
    if name_quote:
        literal = _LITERAL.match(text, start)
        return _unless_nothing(literal[0], literal.end(), name_quote + MASK + name_quote) if literal else None
    if _begins_its_line(text, match.start()):
        return _line_value(text, match)
    word = _WORD.match(text, start)
    return _unless_nothing(word[1], word.end(), MASK) if word else None


def _quoted_value(text: str, opening: re.Match[str]) -> _Value | None:
    """The value in quotes; without a closing one (the text was cut), all that follows."""
    slashes, quote = opening[1], opening[2]
    if not slashes:
        quoted = _QUOTED[quote].match(text, opening.start())
        if quoted is None or not quoted[1]:
            return None
        return _Value(end=quoted.end(), replacement=quote + MASK + quoted[2])
    # JSON inside a JSON string: only the same number of backslashes closes what they opened.
    closing = re.compile(r"(?<!\\)" + re.escape(slashes + quote)).search(text, opening.end())
    if closing is None:
        return _Value(end=len(text), replacement=opening[0] + MASK)
    if closing.start() == opening.end():
        return None
    return _Value(end=closing.end(), replacement=opening[0] + MASK + closing[0])


def _container_value(text: str, start: int, quote: str) -> _Value | None:
    end = end_of_container(text, start)
    if not text[start:end].strip(" \t\r\n[]{}"):
        return None
    return _Value(end=end, replacement=quote + MASK + quote)


def end_of_container(text: str, start: int) -> int:
    """Where the JSON object or array that begins at `start` ends; the end of the text when it never does."""
    depth = 0
    for sign in _STRUCTURE.finditer(text, start):
        if sign[0] in "{[":
            depth += 1
        elif sign[0] in "}]":
            depth -= 1
            if not depth:
                return sign.end()
    return len(text)


def _line_value(text: str, match: re.Match[str]) -> _Value | None:
    """The rest of the line, as in YAML, .env files and dumps of headers."""
    start = match.end()
    rest = (_REST_OF_PAIR if "=" in text[match.end("closing") : start] else _REST_OF_LINE).match(text, start)
    if rest is None:
        return None
    value = rest[0]
    before = text[match.start() - 1 : match.start()]
    if before in ('"', "'", "`") and before in value:
        value = value[: value.index(before)]  # curl -H 'Cookie: a=b' -d ...
    return _unless_nothing(value.strip(), start + len(value), MASK)


def _begins_its_line(text: str, start: int) -> bool:
    # Only a short way back: many names on one long line would otherwise cost the square of its length.
    near = text[max(0, start - 64) : start]
    _before, newline, lead = near.rpartition("\n")
    return (bool(newline) or start <= 64) and not lead.strip(_BEFORE_FIRST_NAME)


def _unless_nothing(value: str, end: int, replacement: str) -> _Value | None:
    return None if value.lower() in _NOTHING else _Value(end=end, replacement=replacement)
