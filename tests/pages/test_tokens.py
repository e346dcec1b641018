"""The colours of static/css/tokens.css, held to WCAG 2.2 AA in both themes."""

import re
from pathlib import Path

import pytest

TOKENS = Path(__file__).parents[2] / "static" / "css" / "tokens.css"
TEXT = 4.5
GRAPHICS = 3.0
GROUNDS = ("ground", "surface", "sunken", "raised", "hover")
THEMES = {"light": 0, "dark": 1}


def colours_of(theme):
    found = re.findall(r"--([\w-]+): light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\)", TOKENS.read_text())
    return {name: pair[THEMES[theme]] for name, *pair in found}


def luminance(colour):
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one, other):
    low, high = sorted([luminance(one), luminance(other)])
    return (high + 0.05) / (low + 0.05)


TEXT_PAIRS = [
    *[(ink, ground) for ink in ("ink", "ink-2", "accent") for ground in (*GROUNDS, "accent-soft")],
    *[("ink-3", ground) for ground in GROUNDS],
    *[
        (signal, ground)
        for signal in ("good", "info", "warn", "bad")
        for ground in (*GROUNDS, f"{signal}-soft")
    ],
    *[("muted", ground) for ground in ("surface", "hover", "muted-soft")],
    *[(code, "sunken") for code in ("code-key", "code-string", "code-number", "code-atom")],
    ("on-accent", "accent-fill"),
    ("on-accent", "accent-fill-hover"),
    ("ink", "chosen"),
    ("ink-2", "muted-soft"),
    ("ink", "bad-soft"),
    ("ink-2", "bad-soft"),
]
MARKS = ("2xx", "3xx", "4xx", "5xx", "other", "p50", "p75", "p95", "p99", "plain")
GRAPHIC_PAIRS = [
    *[(f"mark-{mark}", "surface") for mark in MARKS],
    *[("control-line", ground) for ground in ("ground", "surface", "raised")],
    *[("accent", ground) for ground in GROUNDS],
]


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize(("ink", "ground"), TEXT_PAIRS)
def test_text_stands_out_from_its_ground(theme, ink, ground):
    colours = colours_of(theme)

    assert contrast(colours[ink], colours[ground]) >= TEXT


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize(("mark", "ground"), GRAPHIC_PAIRS)
def test_marks_and_controls_stand_out_from_their_ground(theme, mark, ground):
    colours = colours_of(theme)

    assert contrast(colours[mark], colours[ground]) >= GRAPHICS


def test_every_variable_that_a_stylesheet_uses_is_defined():
    sheets = "".join(sheet.read_text() for sheet in TOKENS.parent.glob("*.css"))

    defined = set(re.findall(r"(--[\w-]+):", sheets))
    assert set(re.findall(r"var\((--[\w-]+)", sheets)) <= defined


def test_colours_are_named_in_tokens_alone():
    for sheet in ("base.css", "charts.css"):
        colours = re.findall(r"#[0-9a-fA-F]{3,8}\b", (TOKENS.parent / sheet).read_text())
        assert colours == []
