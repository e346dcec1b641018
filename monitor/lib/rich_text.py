"""Markdown that strangers may read: it becomes text, lists, tables, code and links, and no more."""

from functools import lru_cache

import nh3
from django.utils.safestring import SafeString, mark_safe
from markdown_it import MarkdownIt

TAGS = frozenset(
    (
        *("p", "br", "hr", "em", "strong", "del", "code", "pre", "blockquote", "ul", "ol", "li", "a"),
        *("h3", "h4", "h5", "h6", "table", "thead", "tbody", "tr", "th", "td"),
    )
)
SCHEMES = frozenset({"http", "https", "mailto"})
# Pages have their own first and second headings.
_DEMOTED = {"h1": "h3", "h2": "h4"}


@lru_cache(maxsize=1)
def _parser() -> MarkdownIt:
    # HTML is shown as what it is: text. Pictures would tell their host who reads the page.
    return MarkdownIt("commonmark", {"html": False, "breaks": True}).enable(["table", "strikethrough"])


def as_html(markdown: str) -> SafeString:
    """The Markdown as HTML: made from text alone, and then cleaned all the same."""
    parser = _parser()
    tokens = parser.parse(markdown)
    for token in tokens:
        token.tag = _DEMOTED.get(token.tag, token.tag)
    made = parser.renderer.render(tokens, parser.options, {})
    cleaned = nh3.clean(
        made,
        tags=set(TAGS),
        attributes={"a": {"href", "title"}},
        url_schemes=set(SCHEMES),
        link_rel="noopener noreferrer nofollow",
    )
    return mark_safe(cleaned)  # noqa: S308 - cleaned above


def as_text(markdown: str) -> str:
    """Its words alone, in one line."""
    return " ".join(nh3.clean(as_html(markdown), tags=set()).split())
