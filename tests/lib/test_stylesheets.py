"""CSS that somebody else wrote."""

import pytest

from monitor.lib.stylesheets import MAX_CHARACTERS, BadStylesheet, checked_css

PICTURE = "url(data:image/png;base64,iVBORw0KGgo=)"


@pytest.mark.parametrize(
    "css",
    [
        "h1 { color: teal; }",
        "@media (max-width: 30rem) { .status-card { padding: 0 } }",
        f"body {{ background: {PICTURE} }}",
        "a::before { content: '→' }",
        "",
    ],
)
def test_what_changes_looks_is_taken_as_it_is(css):
    assert checked_css(css) == css


@pytest.mark.parametrize(
    "css",
    [
        "@import 'https://spy.example/a.css';",
        "@font-face { font-family: x; src: url(https://spy.example/f.woff2) }",
        "body { background: url(https://spy.example/p.png) }",
        "body { background: URL ( '//spy.example/p.png' ) }",
        "body { background: image-set('https://spy.example/p.png' 1x) }",
        "body { background: \\75 rl(https://spy.example/p.png) }",
        "body { background: url(data:image/svg+xml;base64,PHN2Zz4=) }",
        "a { width: expression(alert(1)) }",
        "</style><script>alert(1)</script>",
        "h1 { color: teal",
        "} h1 { color: teal",
        "h1 { color: teal } /* and on",
        "x" * (MAX_CHARACTERS + 1),
    ],
)
def test_what_loads_runs_or_does_not_end_is_refused(css):
    with pytest.raises(BadStylesheet):
        checked_css(css)


def test_comments_are_left_out():
    assert checked_css("/* ours */ h1 { color: teal }") == "h1 { color: teal }"
