"""Variables in texts."""

import base64
import time

import pytest

from monitor.journeys.templates import MOST_CHARACTERS, BadTemplate, Scope
from monitor.journeys.veil import Veil
from monitor.lib.masking import MASK


def a_scope(*layers, **secrets):
    return Scope(*layers, secrets=secrets, veil=Veil())


def test_later_layers_go_before_earlier_ones_and_what_is_found_before_all():
    scope = a_scope({"a": 1, "b": 1, "c": 1}, {"b": 2, "c": 2}, {"c": 3})
    scope.put("a", 4)

    assert scope.fill("{{a}} {{ b }} {{c}}") == "4 2 3"


@pytest.mark.parametrize(
    ("value", "text"),
    [("x", "x"), (1, "1"), (1.5, "1.5"), (True, "true"), (None, "null"), ({"a": [1]}, '{"a": [1]}')],
)
def test_what_is_no_text_is_written_as_json(value, text):
    assert a_scope({"v": value}).fill("<{{v}}>") == f"<{text}>"


def test_a_text_that_is_one_variable_keeps_its_type():
    assert a_scope({"v": 7}).fill_value(["{{v}}", "n{{v}}", 1]) == [7, "n7", 1]


def test_an_unknown_variable_is_an_error_and_not_empty_text():
    with pytest.raises(BadTemplate, match="nobody is not known"):
        a_scope().fill("{{nobody}}")


def test_a_secret_without_a_value_says_so():
    with pytest.raises(BadTemplate, match="password has no value"):
        a_scope(password="").fill("{{password}}")


def test_variables_of_the_document_may_name_each_other_but_not_themselves():
    assert a_scope({"url": "{{host}}/x", "host": "a"}).fill("{{url}}") == "a/x"
    with pytest.raises(BadTemplate, match="stands for itself"):
        a_scope({"a": "{{b}}", "b": "{{a}}"}).fill("{{a}}")


def test_what_an_answer_brought_is_never_read_as_a_template():
    scope = a_scope({}, password="s3cret")
    scope.put("name", "{{password}}")

    assert scope.fill("{{name}}") == "{{password}}"


def test_variables_that_multiply_each_other_end_though_no_text_grows():
    many = {f"v{at}": f"{{{{v{at + 1}}}}}" * 1000 for at in range(5)} | {"v5": ""}
    for fill in (a_scope(many).get, lambda name: a_scope(many).fill(f"<{{{{{name}}}}}>")):
        with pytest.raises(BadTemplate, match="too many variables"):
            fill("v0")


def test_each_text_may_be_as_long_as_the_others():
    scope = a_scope({"v": "x"})

    assert [len(scope.fill("{{v}}" * 15_000)) for _ in range(3)] == [15_000] * 3


def test_texts_do_not_grow_without_end():
    doubling = {f"v{at}": f"{{{{v{at + 1}}}}}" * 12 for at in range(6)} | {"v6": "x" * 120}
    with pytest.raises(BadTemplate, match="too long"):
        a_scope(doubling).fill("{{v0}}")
    with pytest.raises(BadTemplate, match="too long"):
        a_scope({"v": "x" * 1000}).fill("{{v}}" * (MOST_CHARACTERS // 1000 + 1))


@pytest.mark.parametrize("name", ["$guid", "$randomUUID", "$timestamp", "$isoTimestamp", "$randomInt"])
def test_some_variables_are_made_anew(name):
    assert a_scope().fill("{{" + name + "}}")


SECRET = 'p&ss "word/1'


@pytest.mark.parametrize(
    "text",
    [
        SECRET,
        "q=p%26ss%20%22word%2F1",
        "q=p%26ss+%22word%2F1",
        r'{"echo": "p&ss \"word/1"}',
        base64.b64encode(SECRET.encode()).decode(),
    ],
    ids=["plain", "url", "form", "json", "base64"],
)
def test_a_known_secret_is_hidden_however_it_is_spelled(text):
    veil = Veil()
    veil.add({"inner": [SECRET]})

    assert MASK in veil.over(text)
    assert "word" not in veil.over(text)


def test_a_short_secret_is_hidden_only_where_it_stands_alone():
    veil = Veil()
    veil.add("7")

    assert veil.over("id=7 of 77") == f"id={MASK} of 77"


def test_a_variable_named_as_a_secret_is_one():
    scope = a_scope()
    scope.put("access_token", "abcdef")

    assert scope.is_secret("access_token")
    assert scope.veil.over("x abcdef") == f"x {MASK}"


def test_a_secret_that_was_cut_is_hidden_too():
    veil = Veil()
    veil.add("tok-abcdef-123456")

    assert veil.beginning("it is tok-abcdef-1") == f"it is {MASK}"
    assert veil.beginning("tok-abcdef-123456 and tok-") == f"{MASK} and {MASK}"
    assert veil.beginning("it took") == "it took"


def test_many_secrets_are_looked_for_in_a_long_text_in_a_moment():
    """By one pattern of them all each took its part of a second for every thousand of characters."""
    veil = Veil()
    for at in range(1000):
        veil.add(f"{at:04x}-a-secret-of-its-own")
    text = "0123456789abcdef" * 32_768 + "03e7-a-secret-of-its-own"
    began = time.process_time()

    assert veil.over(text).endswith(f"f{MASK}")
    assert time.process_time() - began < 2
