"""Words as bash makes them: bash itself is asked."""

import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.curl.words import NotUnderstood, words_of

STORIES = {
    "plain": "curl -s  http://a.example/x\t-X POST",
    "single quotes": """curl 'a b' 'it'\\''s' '$HOME `id` "x" \\n'""",
    "double quotes": '''curl "a b" "\\"\\$HOME\\" \\` \\\\ \\n 'x'" "a\\\nb"''',
    "ansi quotes": r"""curl $'a\tb\n\'x\' \\ \x41\u00fc\U0001F389 \101 \e[0m \q' $'it\'s'""",
    "bytes that make a letter": r"""curl $'\xc3\xbc'""",
    "side by side": """curl a'b'"c"$'d'\\ e''""",
    "empty words": """curl '' "" $'' x""",
    "lines that go on": "curl \\\n  -H 'a: b' \\\n  'http://a.example'\\\n/x",
    "an end of line at the end": "curl x\n\n  \n",
    "escaped characters": r"curl a\ b \$HOME \| \& \; \'x",
    "lone dollars": "curl 'a$' \"b$\" c$ $",
    "unicode": "curl 'Grüße' 世界",
    "a query without quotes": "curl http://a.example/?a=1",
    "lines in quotes": "curl 'one\ntwo' \"three\nfour\"",
}


def words_of_bash(command):
    program = "set -f; words() { shift 0; printf '%s\\0' \"$@\"; }; words " + command
    done = subprocess.run(["bash", "-c", program], capture_output=True, timeout=20, check=True)
    return done.stdout.decode().split("\0")[:-1]


@pytest.mark.parametrize("command", STORIES.values(), ids=STORIES.keys())
def test_words_are_those_of_bash(command):
    assert words_of(command) == words_of_bash(command)


quoted = st.text(st.sampled_from("ab '\"\\$`\n|&;()<>!*?[~é{}#"), max_size=8).map(
    lambda text: "'" + text.replace("'", "'\\''") + "'"
)
bare = st.sampled_from(["a\\ b", '"x\\"y"', "$'\\t'", "\\\n", "''"])


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    st.lists(quoted | st.sampled_from(["a\\ b", '"x\\"y"', "$'\\t'", "\\\n", "''"]), min_size=1, max_size=6)
)
def test_any_quoted_words_are_those_of_bash(words):
    command = "curl " + " ".join(words)

    assert words_of(command) == words_of_bash(command)


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("curl $HOME", "Line 1, column 6 has a variable"),
        ('curl "a${x}"', "Line 1, column 8 has a variable"),
        ("curl `id`", "a substitution"),
        ('curl "$(id)"', "a substitution"),
        ("curl x | sh", "a pipe"),
        ("curl x && rm y", "an operator"),
        ("curl http://a.example/?a=1&b=2", "Put what holds it in quotes"),
        ("curl x; rm y", "a second command"),
        ("curl x > /tmp/y", "a file"),
        ("curl (x)", "a subshell"),
        ("curl x \\\n 'y\n", "Line 2, column 2 has a quote (') that is not closed"),
        ('curl "x', 'a quote (") that is not closed'),
        ("curl $'x", "that is not closed"),
        ("curl x\nrm y", "a second command"),
        (r"curl $'\xff'", "no text in UTF-8"),
        (r"curl $'\ud800'", "no text in UTF-8"),
    ],
)
def test_what_a_shell_would_act_on_is_refused_with_its_place(command, words):
    with pytest.raises(NotUnderstood) as refusal:
        words_of(command)

    assert words in str(refusal.value)
