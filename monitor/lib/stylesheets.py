"""CSS that somebody else wrote, held to what changes looks alone.

It is served as a file of its own under a policy that loads nothing from elsewhere; what is refused here would
be stopped there too, and is named instead of failing silently.
"""

import re

MAX_CHARACTERS = 20_000
_COMMENTS = re.compile(r"/\*.*?\*/", re.DOTALL)
_ADDRESSES = re.compile(r"(?:url|src|image|image-set|-webkit-image-set|cross-fade)\s*\(", re.IGNORECASE)
_DATA_PICTURE = re.compile(
    r"url\(\s*(['\"]?)data:image/(?:png|jpeg|gif|webp);base64,[A-Za-z0-9+/=]+\1\s*\)", re.IGNORECASE
)
_REFUSED = (
    (re.compile(r"\\"), "Backslashes are not taken: they can hide what is meant."),
    (re.compile(r"<"), "< has no place in CSS."),
    (
        re.compile(r"@(?!media\b|supports\b|keyframes\b|container\b|layer\b)", re.IGNORECASE),
        "Only @media, @supports, @keyframes, @container and @layer are taken.",
    ),
    (
        re.compile(r"expression\s*\(|behavior\s*:|-moz-binding|javascript:", re.IGNORECASE),
        "CSS runs nothing.",
    ),
)


class BadStylesheet(ValueError):
    """CSS that is not taken, with the reason."""


def checked_css(text: str) -> str:
    """The CSS without its comments. Raises BadStylesheet."""
    if len(text) > MAX_CHARACTERS:
        raise BadStylesheet(f"At most {MAX_CHARACTERS} characters.")
    css = _COMMENTS.sub(" ", text)
    if "/*" in css:
        raise BadStylesheet("A comment does not end.")
    bare = _DATA_PICTURE.sub("", css)
    if _ADDRESSES.search(bare):
        raise BadStylesheet("Nothing is loaded from elsewhere; a picture can be a data:image/… address.")
    for pattern, reason in _REFUSED:
        if pattern.search(bare):
            raise BadStylesheet(reason)
    depth = 0
    for character in bare:
        depth += (character == "{") - (character == "}")
        if depth < 0:
            break
    if depth:
        raise BadStylesheet("The braces do not match.")
    return css.strip()
