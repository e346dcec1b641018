"""Secrets in bodies, by the form the body really has: the content type is a hint, and often wrong.

JSON is masked in place instead of parsed and written anew: numbers, spaces, order and repeated keys stay as
sent, a repeated key cannot hide a secret from the parser, and depth costs no stack.
"""

import re

import msgspec

from monitor.lib.masking.patterns import end_of_container, mask_names, mask_shapes
from monitor.lib.masking.rules import DEFAULT_RULES, MASK, MaskingRules, plain_name
from monitor.lib.masking.values import mask_pairs, mask_url

_checker = msgspec.json.Decoder(msgspec.Raw)  # checks the syntax and builds nothing

_STRING = re.compile(r'"((?:[^"\\]++|\\.)*+)"(\s*+:\s*+)?')
_SCALAR = re.compile(r"[^\s,}\]]++")
_FORM = re.compile(r"""[^\s=&<>{}"']++=\S*+\s*+""")
_URL = re.compile(r"""[^\s?&={}"']*+\?[^\s=]++=\S*+\s*+""")
_BOUNDARY = re.compile(r'boundary="?([^";,\s]{1,200})', re.IGNORECASE)
_FIRST_DELIMITER = re.compile(r"^--(\S{1,200})", re.MULTILINE)
_BLANK_LINE = re.compile(r"\r?\n\r?\n")
_PART_NAME = re.compile(r"""(?<!\w)name\*?=(?:"((?:[^"\\]|\\.)*+)"|([^;\s]*+))""", re.IGNORECASE)
_PART_TYPE = re.compile(r"^content-type:([^\r\n]*+)", re.IGNORECASE | re.MULTILINE)
_DEEPEST = 4  # JSON in a JSON string in a form field ...; deeper, the patterns for plain text look through it


def mask_body(text: str, content_type: str | None = None, *, rules: MaskingRules = DEFAULT_RULES) -> str:
    """The body with secrets replaced; what holds none comes back unchanged.

    Understands JSON, JSON lines, forms, multipart, XML and HTML, one inside the other too. Whatever cannot be
    parsed (cut, invalid, too deep) is searched as plain text.
    """
    return mask_shapes(_mask_form(text, content_type or "", rules, depth=0))


def _mask_form(text: str, content_type: str, rules: MaskingRules, depth: int) -> str:
    if not rules.may_concern(text):
        return text
    if depth >= _DEEPEST:
        return mask_names(text, rules)
    if _is_json(text):
        return _mask_json(text, rules, depth)
    first_line = text.lstrip().partition("\n")[0]
    if len(first_line) < len(text) and _is_json(first_line):
        return "".join(_mask_line(line, rules, depth) for line in text.splitlines(keepends=True))
    kind = content_type.lower()
    if "multipart/" in kind or (text.lstrip().startswith("--") and "content-disposition" in text.lower()):
        text = _mask_multipart(text, content_type, rules, depth)
    elif _URL.fullmatch(text):
        text = mask_url(text, rules=rules)
    elif _FORM.fullmatch(text) or ("form-urlencoded" in kind and text.lstrip()[:1] not in ("{", "[", "<")):
        text = mask_pairs(text, rules)
    # Once more as plain text: the form may have been another than it seemed.
    return mask_names(text, rules)


def _is_json(text: str) -> bool:
    if text.lstrip()[:1] not in ("{", "[", '"'):
        return False
    try:
        _checker.decode(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return False
    return True


def _mask_line(line: str, rules: MaskingRules, depth: int) -> str:
    return _mask_json(line, rules, depth) if _is_json(line) else mask_names(line, rules)


def _mask_json(text: str, rules: MaskingRules, depth: int) -> str:
    """Valid JSON with secrets replaced. Reads string by string; one before a colon is a key."""
    pieces: list[str] = []
    done = position = 0
    while string := _STRING.search(text, position):
        position = string.end()
        if string[2] is None:
            start, replacement = string.start(), _mask_json_string(string[1], rules, depth)
        elif rules.is_sensitive_key(plain_name(string[1])):
            start, position = position, _end_of_json_value(text, position)
            replacement = None if _is_nothing(text[start:position]) else f'"{MASK}"'
        else:
            continue
        if replacement is not None:
            pieces += text[done:start], replacement
            done = position
    return "".join([*pieces, text[done:]]) if pieces else text


def _end_of_json_value(text: str, start: int) -> int:
    if text[start] in "{[":
        return end_of_container(text, start)
    value = (_STRING if text[start] == '"' else _SCALAR).match(text, start)
    return start + len(f'"{value[1]}"' if text[start] == '"' else value[0]) if value else len(text)


def _is_nothing(value: str) -> bool:
    return value in ("null", '""') or (value[0] in "{[" and not value[1:-1].strip())


def _mask_json_string(escaped: str, rules: MaskingRules, depth: int) -> str | None:
    """The string literal to write instead, or None when it may stay."""
    # Most strings end here: without one of these signs no name can be told from its value.
    if not any(sign in escaped for sign in ":=<\\%") or not rules.may_concern(escaped):
        return None
    plain: str = msgspec.json.decode(f'"{escaped}"')
    masked = _mask_form(plain, "", rules, depth + 1)
    return None if masked == plain else msgspec.json.encode(masked).decode()


def _mask_multipart(text: str, content_type: str, rules: MaskingRules, depth: int) -> str:
    boundary = _BOUNDARY.search(content_type)
    if boundary is None or f"--{boundary[1]}" not in text:
        boundary = _FIRST_DELIMITER.search(text)
    if boundary is None:
        return text
    delimiter = f"--{boundary[1]}"
    return delimiter.join(_mask_part(part, rules, depth) for part in text.split(delimiter))


def _mask_part(part: str, rules: MaskingRules, depth: int) -> str:
    blank_line = _BLANK_LINE.search(part)
    if blank_line is None:
        return part
    head, content = part[: blank_line.start()], part[blank_line.end() :]
    secret = content.rstrip("\r\n")
    names = [plain_name(quoted or bare) for quoted, bare in _PART_NAME.findall(head)]
    if not any(rules.is_sensitive_key(name) for name in names):
        part_type = _PART_TYPE.search(head)
        masked = _mask_form(secret, part_type[1] if part_type else "", rules, depth + 1)
    else:
        masked = MASK if secret else secret
    return head + blank_line[0] + masked + content[len(secret) :]
