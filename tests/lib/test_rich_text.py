"""Markdown that strangers may read."""

import re

import pytest

from monitor.lib.rich_text import as_html, as_text


@pytest.mark.parametrize(
    ("markdown", "html"),
    [
        ("**We** look.", "<p><strong>We</strong> look.</p>"),
        ("# Big\n\n## Less", "<h3>Big</h3>\n<h4>Less</h4>"),
        ("- one\n- two", "<ul>\n<li>one</li>\n<li>two</li>\n</ul>"),
        ("a < b & c", "<p>a &lt; b &amp; c</p>"),
        ("one\ntwo", "<p>one<br>\ntwo</p>"),
        ("`<b>`", "<p><code>&lt;b&gt;</code></p>"),
    ],
)
def test_text_lists_and_code_become_html(markdown, html):
    assert as_html(markdown).strip() == html


@pytest.mark.parametrize(
    "markdown",
    [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "![p](https://spy.example/p.png)",
        "[x](javascript:alert(1))",
        "[x](data:text/html;base64,PHNjcmlwdD4=)",
        "<a href='https://x' style='position:fixed'>x</a>",
        "[x](https://x.example 'a\" onmouseover=\"alert(1)')",
        "<svg><a xlink:href='javascript:alert(1)'>",
    ],
)
def test_nothing_runs_loads_or_covers_the_page(markdown):
    tags = re.findall(r"<[^>]*>", as_html(markdown))

    for tag in tags:
        assert re.fullmatch(r'</?p>|</?a(?: href="https://[^"]*")?(?: title="[^"]*")?(?: rel="[^"]*")?>', tag)


def test_words_alone_are_one_line():
    assert as_text("# Shop\n\nAll **well**.") == "Shop All well."
