"""What our content policy would block in a page."""

from html.parser import HTMLParser


class _Blocked(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = dict(attrs)
        if tag == "style":
            self.found.append("<style>")
        is_data = (names.get("type") or "").endswith("json")
        if tag == "script" and "src" not in names and not is_data:
            self.found.append("<script> without src")
        for name, value in attrs:
            if name == "style" or name.startswith("on"):
                self.found.append(f"<{tag} {name}={value!r}>")
            if (value or "").strip().lower().startswith("javascript:"):
                self.found.append(f"<{tag} {name}={value!r}>")


def blocked_in(html: str) -> list[str]:
    """Inline styles, scripts and event handlers of a page, each as it stands there."""
    parser = _Blocked()
    parser.feed(html)
    return parser.found
