"""Secrets in XML and HTML: elements with a sensitive name, and fields that carry the name as an attribute.

Attributes that are sensitive themselves (`password="..."`) look like any other `name="value"` and are found
by the patterns for plain text.
"""

import re

from monitor.lib.masking.rules import MASK, MaskingRules

# Attributes end at the next < or >, even inside quotes: that keeps the search linear.
_TAG = re.compile(r"<(/?)([A-Za-z_][\w:.-]*+)([^<>]*+)>")
# <input name="csrf_token" value="...">, <meta name="csrf-token" content="...">, <add key="password" ...>
_NAMING_ATTRIBUTE = re.compile(
    r"""\b(?:name|key|id|property)\s*+=\s*+(?:"([^"]*+)"|'([^']*+)'|([^\s"']++))""", re.I
)
_VALUE_ATTRIBUTE = re.compile(r"""\b((?:value|content)\s*+=\s*+)(?:"[^"]++"|'[^']++'|[^\s"'/]++)""", re.I)


def mask_markup(text: str, rules: MaskingRules) -> str:
    """The text without the contents of sensitive elements. One that never closes hides all that follows."""
    if "</" not in text and "/>" not in text and not text.lstrip().startswith("<"):
        return text  # "unexpected <token> in line 3" is no markup.
    pieces: list[str] = []
    done = 0
    hidden, depth = "", 0
    for tag in _TAG.finditer(text):
        name = tag[2].lower()
        if hidden:
            depth += _step(tag) if name == hidden else 0
            if not depth:
                pieces.append(_content(text[done : tag.start()]))
                done, hidden = tag.start(), ""
        elif not tag[1] and _step(tag) and rules.is_sensitive_key(name):
            pieces.append(text[done : tag.end()])
            done, hidden, depth = tag.end(), name, 1
        elif tag[3] and _names_a_secret(tag[3], rules):
            pieces += text[done : tag.start(3)], _VALUE_ATTRIBUTE.sub(rf'\1"{MASK}"', tag[3])
            done = tag.end(3)
    pieces.append(_content(text[done:]) if hidden else text[done:])
    return "".join(pieces)


def _step(tag: re.Match[str]) -> int:
    """How the tag changes the depth: 1 opens, -1 closes, 0 does both at once."""
    if tag[1]:
        return -1
    return 0 if tag[3].endswith("/") else 1


def _content(content: str) -> str:
    return MASK if content.strip() else content


def _names_a_secret(attributes: str, rules: MaskingRules) -> bool:
    return any(
        rules.is_sensitive_key(double or single or plain)
        for double, single, plain in _NAMING_ATTRIBUTE.findall(attributes)
    )
