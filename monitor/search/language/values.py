"""Values in text and back: one reader for each kind, one writer for all."""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, timedelta
from decimal import Decimal
from difflib import get_close_matches

from monitor.lib.moments import parse_moment
from monitor.lib.span_ids import span_number
from monitor.search.language.terms import (
    Ago,
    At,
    Between,
    Compared,
    Exactly,
    Field,
    Flag,
    Holds,
    Like,
    Missing,
    StatusClass,
    Value,
)
from monitor.search.language.tokens import quote

OPERATORS = (">=", "<=", ">", "<", "=")
NONE = "none"
MAX_STATUS = 999
NUMBER = r"\d{1,12}(?:\.\d{1,20})?"
DURATION = re.compile(rf"({NUMBER})(ms|s)?", re.ASCII)
LENGTH = re.compile(r"(\d{1,6})([smhdw])", re.ASCII)
UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
# As long as what is searched: more could match nothing.
LONGEST: Mapping[Field, int] = {
    Field.METHOD: 16,
    Field.PATH: 2048,
    Field.CONSUMER: 128,
    Field.TAG: 128,
    Field.ENVIRONMENT: 64,
    Field.TRACE: 64,
    Field.SERVICE: 128,
    Field.ENDPOINT: 273,
    Field.TEXT: 256,
}


class BadValue(ValueError):
    """A value that its field cannot take. `suggestion` would be one that it can."""

    def __init__(self, message: str, suggestion: str | None = None) -> None:
        super().__init__(message)
        self.suggestion = suggestion


def read_value(field: Field, text: str, *, is_quoted: bool) -> Value:
    """What the text means for the field. Raises BadValue. In quotes, nothing but the text is meant."""
    if not text:
        raise BadValue(f"{field.value}: needs a value.")
    most = LONGEST.get(field)
    if most is not None and len(text) > most:
        raise BadValue(f"At most {most} characters can match.")
    reader = READERS.get(field)
    if reader is not None:
        return reader(text)
    if field == Field.TEXT:
        return Holds(text=text)
    if field == Field.PATH:
        return Like(pattern=text) if "*" in text and not is_quoted else Holds(text=text)
    return Exactly(text=text.upper() if field == Field.METHOD else text)


def read_status(text: str) -> Value:
    lower = text.lower()
    if lower == NONE:
        return Missing()
    if len(lower) == 3 and lower.endswith("xx") and lower[0] in "12345":
        return StatusClass(hundred=int(lower[0]))
    value = read_numbers(lower, read_status_code)
    if value is None:
        near = close_to(lower, ("1xx", "2xx", "3xx", "4xx", "5xx", NONE))
        raise BadValue("A status is 404, 5xx, >=500, 400..499 or none.", near)
    return value


def read_status_code(text: str) -> float | None:
    if not (text.isascii() and text.isdigit() and len(text) <= 4):
        return None
    if int(text) > MAX_STATUS:
        raise BadValue(f"A status lies between 0 and {MAX_STATUS}.")
    return int(text)


def read_latency(text: str) -> Value:
    value = read_numbers(text.lower(), read_duration)
    if value is None:
        raise BadValue("A latency is >500, <=1.5s, 100..500 or 42; in milliseconds unless it ends in s.")
    return value


def read_duration(text: str) -> float | None:
    """Milliseconds. In decimals, so that 0.3s and 300ms are the same."""
    match = DURATION.fullmatch(text)
    if match is None:
        return None
    return float(Decimal(match[1]) * (1000 if match[2] == "s" else 1))


def read_numbers(text: str, read: Callable[[str], float | None]) -> Value | None:
    """A number, a comparison with one, or a range of two; None for anything else."""
    low_text, dots, high_text = text.partition("..")
    if dots:
        low, high = read(low_text), read(high_text)
        if low is None or high is None:
            return None
        if low > high:
            raise BadValue("The range ends before it begins.", f"{high_text}..{low_text}")
        return Between(low=low, high=high)
    operator = next((each for each in OPERATORS if text.startswith(each)), "")
    number = read(text.removeprefix(operator))
    return None if number is None else Compared(operator=operator or "=", number=number)


def read_flag(text: str) -> Value:
    words = {"true": True, "yes": True, "false": False, "no": False}
    if text.lower() not in words:
        raise BadValue(
            'error: takes true or false; to search error texts, put what they say in "quotes".',
            close_to(text.lower(), ("true", "false")),
        )
    return Flag(is_set=words[text.lower()])


def read_span(text: str) -> Value:
    if span_number(text) is None:
        raise BadValue("A span id is 16 hexadecimal digits, and not all zeros.")
    return Exactly(text=text.lower())


def read_moment(text: str) -> Value:
    length = LENGTH.fullmatch(text.lower())
    if length:
        return Ago(length=timedelta(**{UNITS[length[2]]: int(length[1])}))
    try:
        return At(moment=parse_moment(text))
    except ValueError as error:
        raise BadValue(f"Use a length as 15m, 1h or 7d, or a moment. {error}") from None


READERS: Mapping[Field, Callable[[str], Value]] = {
    Field.STATUS: read_status,
    Field.LATENCY: read_latency,
    Field.ERROR: read_flag,
    Field.SPAN: read_span,
    Field.SINCE: read_moment,
    Field.UNTIL: read_moment,
}


def close_to(text: str, known: tuple[str, ...]) -> str | None:
    """The known word that was probably meant."""
    return next(iter(get_close_matches(text, known, n=1)), None)


def write_value(value: Value) -> str:
    """The text that `read_value` reads as this value."""
    match value:
        case Exactly(text=text):
            return plain_or_quoted(text)
        case Holds(text=text):
            return quote(text) if "*" in text else plain_or_quoted(text)
        case Like(pattern=pattern):
            return pattern
        case Compared(operator=operator, number=number):
            return f"{operator.removeprefix('=')}{write_number(number)}"
        case Between(low=low, high=high):
            return f"{write_number(low)}..{write_number(high)}"
        case StatusClass(hundred=hundred):
            return f"{hundred}xx"
        case Missing():
            return NONE
        case Flag(is_set=is_set):
            return "true" if is_set else "false"
        case Ago(length=length):
            return write_length(length)
        case At(moment=moment):
            return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def plain_or_quoted(text: str) -> str:
    """Quotes only where a bare word would be read otherwise."""
    return quote(text) if not text or '"' in text or any(each.isspace() for each in text) else text


def write_number(number: float) -> str:
    """The shortest digits that read back as the same number, without an exponent."""
    return format(Decimal(int(number)) if number == int(number) else Decimal(repr(number)), "f")


def write_length(length: timedelta) -> str:
    seconds = int(length.total_seconds())
    sizes = {"w": 604_800, "d": 86_400, "h": 3600, "m": 60}
    unit = next((unit for unit, size in sizes.items() if seconds and seconds % size == 0), "s")
    return f"{seconds // sizes.get(unit, 1)}{unit}"
