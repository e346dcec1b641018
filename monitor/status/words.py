"""How shares and spans are said to readers."""

from monitor.monitors.windows import Window


def percent_of(share: float) -> str:
    """As 99.98 %; never rounded up to a whole that it was not."""
    return "100 %" if share == 1 else f"{int(share * 10_000) / 100:.2f} %"


def span_words(window: Window) -> str:
    start, end = window.start, window.end
    return f"{start:%d %b %Y %H:%M} UTC" + (f" to {end:%d %b %Y %H:%M} UTC" if end else ", until it is done")
