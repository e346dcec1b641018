"""Badges as SVG, in the styles of Shields. Pure."""

from dataclasses import dataclass, replace

from django.utils.html import escape

LABEL = "#444444"
# Of these two one always has the contrast that WCAG AA asks for.
DARK, LIGHT = "#000000", "#ffffff"
# As Shields has them.
NAMED = {
    "brightgreen": "#44cc11",
    "green": "#97ca00",
    "yellowgreen": "#a4a61d",
    "yellow": "#dfb317",
    "orange": "#fe7d37",
    "red": "#e05d44",
    "blue": "#007ec6",
    "grey": "#555555",
    "lightgrey": "#9f9f9f",
}
# Verdana at 11 px, about: exact widths need the font, and `textLength` makes the text fit what was guessed.
_NARROW, _WIDE = frozenset("iljtfrI.,:;|!'()[] 1"), frozenset("mwMW%@")


@dataclass(frozen=True, kw_only=True)
class Style:
    """Sizes in px. `is_plain` is dark on light with a line around, as a button."""

    height: int = 20
    radius: int = 3
    padding: int = 6
    size: int = 11
    spacing: float = 0.0
    is_upper: bool = False
    has_sheen: bool = False
    is_plain: bool = False


FLAT = Style()
STYLES = {
    "flat": FLAT,
    "flat-square": replace(FLAT, radius=0),
    "plastic": Style(height=18, radius=4, has_sheen=True),
    "for-the-badge": Style(height=28, radius=0, padding=12, size=10, spacing=1.2, is_upper=True),
    "social": Style(is_plain=True),
}
SHEEN = (
    '<linearGradient id="s" x2="0" y2="100%"><stop offset="0" stop-color="#fff" stop-opacity=".5"/>'
    '<stop offset=".2" stop-color="#fff" stop-opacity=".1"/><stop offset="1" stop-opacity=".25"/>'
    "</linearGradient>"
)


def as_svg(
    label: str, message: str, *, color: str, style: str = "flat", label_color: str | None = None
) -> str:
    """The picture; `color` is of the message. A style that is none is flat."""
    look = STYLES.get(style, FLAT)
    words = escape(f"{label}: {message}")
    texts = [text.upper() if look.is_upper else text for text in (label, message)]
    left, right = (width_of(text, look) + 2 * look.padding for text in texts)
    fills = [color_asked(label_color, LABEL), color] if not look.is_plain else ["#f2f2f2", "#fdfdfd"]
    boxes = "".join(
        f'<rect x="{x}" width="{width}" height="{look.height}" fill="{fill}"/>'
        for x, width, fill in zip((0, left), (left, right), fills, strict=True)
    )
    whole = f'width="{left + right}" height="{look.height}"'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" {whole} role="img" aria-label="{words}">'
        f"<title>{words}</title>{SHEEN if look.has_sheen else ''}"
        f'<clipPath id="r"><rect {whole} rx="{look.radius}"/></clipPath>'
        f'<g clip-path="url(#r)">{boxes}{over(look, left + right)}</g>'
        f'<g font-family="Verdana,Geneva,DejaVu Sans,sans-serif" font-size="{look.size}">'
        + written(texts[0], look, x=0, width=left, on=fills[0])
        + written(texts[1], look, x=left, width=right, on=fills[1])
        + "</g></svg>"
    )


def over(look: Style, width: int) -> str:
    """What lies over both halves."""
    if look.has_sheen:
        return f'<rect width="{width}" height="{look.height}" fill="url(#s)"/>'
    if look.is_plain:
        return (
            f'<rect x=".5" y=".5" width="{width - 1}" height="{look.height - 1}" rx="{look.radius}"'
            ' fill="none" stroke="#c8c8c8"/>'
        )
    return ""


def written(text: str, look: Style, *, x: int, width: int, on: str) -> str:
    baseline = (look.height + look.size) // 2 - 1
    bold = ' font-weight="bold"' if look.is_upper and x else ""
    return (
        f'<text x="{x + look.padding}" y="{baseline}" fill="{ink_on(on)}"{bold}'
        f' textLength="{width - 2 * look.padding}">{escape(text)}</text>'
    )


def width_of(text: str, look: Style = FLAT) -> int:
    at_11 = sum(4.4 if each in _NARROW else 10 if each in _WIDE else 7 for each in text)
    return round(at_11 * look.size / 11 * (1.12 if look.is_upper else 1) + look.spacing * len(text))


# --- Colours -----------------------------------------------------------------------------------------------


def color_asked(text: str | None, default: str) -> str:
    """A name or hex digits, as Shields takes them; anything else is the default."""
    if not text:
        return default
    if text.lower() in NAMED:
        return NAMED[text.lower()]
    digits = text.removeprefix("#").lower()
    return f"#{digits}" if len(digits) in (3, 6) and set(digits) <= set("0123456789abcdef") else default


def ink_on(color: str) -> str:
    """Dark or light, whichever is easier to read on it: any colour may be asked for."""
    return max((LIGHT, DARK), key=lambda ink: contrast(ink, color))


def contrast(one: str, other: str) -> float:
    """From 1 to 21. Source: WCAG 2.2, contrast ratio."""
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def luminance(color: str) -> float:
    digits = color.removeprefix("#")
    if len(digits) == 3:
        digits = "".join(2 * each for each in digits)
    parts = [int(digits[start : start + 2], 16) / 255 for start in (0, 2, 4)]
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
