"""The checker itself: one that finds nothing would let every page pass."""

import pytest

from tests.admin.markup import blocked_in


@pytest.mark.parametrize(
    "html",
    [
        '<p style="color: red">',
        "<style>p {}</style>",
        "<script>alert(1)</script>",
        '<a onclick="go()">',
        '<a href="javascript:go()">',
    ],
)
def test_markup_that_the_policy_blocks_is_found(html):
    assert len(blocked_in(html)) == 1


def test_markup_that_the_policy_allows_is_left_alone():
    assert (
        blocked_in('<script src="/a.js"></script><script type="application/json">{}</script><p class="a">')
        == []
    )
