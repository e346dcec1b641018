"""The language of searches: what it reads, what it refuses and where, and that writing is the inverse."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.search.facets import FIELDS
from monitor.search.language import (
    MAX_CHARS,
    MAX_TERMS,
    Ago,
    At,
    BadQuery,
    Between,
    Compared,
    Exactly,
    Field,
    Flag,
    Holds,
    Like,
    Missing,
    Query,
    StatusClass,
    Term,
    parse,
    write,
)
from monitor.search.language.completion import OFFERS

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "field", "value"),
    [
        ("status:404", Field.STATUS, Compared(operator="=", number=404)),
        ("status:5XX", Field.STATUS, StatusClass(hundred=5)),
        ("status:>=500", Field.STATUS, Compared(operator=">=", number=500)),
        ("status_code:=0", Field.STATUS, Compared(operator="=", number=0)),
        ("status:400..499", Field.STATUS, Between(low=400, high=499)),
        ("status:none", Field.STATUS, Missing()),
        ("method:post", Field.METHOD, Exactly(text="POST")),
        ("path:/users/*", Field.PATH, Like(pattern="/users/*")),
        ("path:/users", Field.PATH, Holds(text="/users")),
        ('path:"/a *"', Field.PATH, Holds(text="/a *")),
        ("orders", Field.PATH, Holds(text="orders")),
        ("/orders:cancel", Field.PATH, Holds(text="/orders:cancel")),
        ("latency:>500", Field.LATENCY, Compared(operator=">", number=500)),
        ("latency:<=0.3s", Field.LATENCY, Compared(operator="<=", number=300)),
        ("latency:100ms..1.5s", Field.LATENCY, Between(low=100, high=1500)),
        ("duration:<12.5", Field.LATENCY, Compared(operator="<", number=12.5)),
        ("consumer:acme", Field.CONSUMER, Exactly(text="acme")),
        ('consumer:"acme & co"', Field.CONSUMER, Exactly(text="acme & co")),
        ("consumer:>5", Field.CONSUMER, Exactly(text=">5")),
        ("tag:a:b", Field.TAG, Exactly(text="a:b")),
        ("ENV:prod", Field.ENVIRONMENT, Exactly(text="prod")),
        ("environment:prod", Field.ENVIRONMENT, Exactly(text="prod")),
        ("trace:abc", Field.TRACE, Exactly(text="abc")),
        ("span:00F067aa0ba902b7", Field.SPAN, Exactly(text="00f067aa0ba902b7")),
        ("span_id:f0f067aa0ba902b7", Field.SPAN, Exactly(text="f0f067aa0ba902b7")),
        ("error:true", Field.ERROR, Flag(is_set=True)),
        ("error:No", Field.ERROR, Flag(is_set=False)),
        ("service:shop", Field.SERVICE, Exactly(text="shop")),
        ("endpoint:/orders/{id}", Field.ENDPOINT, Exactly(text="/orders/{id}")),
        ('route:"GET /orders"', Field.ENDPOINT, Exactly(text="GET /orders")),
        ("since:1h", Field.SINCE, Ago(length=timedelta(hours=1))),
        ("since:2W", Field.SINCE, Ago(length=timedelta(weeks=2))),
        ("until:2026-11-21T13:00:00+01:00", Field.UNTIL, At(moment=NOON)),
        ('"card declined"', Field.TEXT, Holds(text="card declined")),
        (r'"say \"no\" \\ to C:\temp"', Field.TEXT, Holds(text=r'say "no" \ to C:\temp')),
    ],
)
def test_each_term_is_read(text, field, value):
    (term,) = parse(text).terms
    assert term == Term(field=field, value=value)
    (excluding, *_) = parse(f"-{text} x").terms if field not in (Field.SINCE, Field.UNTIL) else [None]
    assert excluding is None or excluding == Term(field=field, value=value, negated=True)


def test_terms_know_their_places():
    text = '  status:5xx\t-env:test  "card declined" '

    assert [text[term.start : term.end] for term in parse(text).terms] == [
        "status:5xx",
        "-env:test",
        '"card declined"',
    ]


def test_nothing_is_an_empty_search():
    assert parse("") == parse(" \n ") == Query()


@pytest.mark.parametrize(
    ("text", "at_fault", "suggestion"),
    [
        ("a statsu:404 b", "statsu", "status"),
        ("-Enviroment:x", "Enviroment", "env"),
        ("https://shop.example", "https", None),
        ("status:5x", "5x", "5xx"),
        ("status:non", "non", "none"),
        ("status:1000", "1000", None),
        ("status:499..400", "499..400", "400..499"),
        ("status:>", ">", None),
        ("status:4..", "4..", None),
        ("status:\u0664\u0660\u0664", "\u0664\u0660\u0664", None),
        ("latency:>slow", ">slow", None),
        ("latency:1e3", "1e3", None),
        ("latency:-5", "-5", None),
        ("latency:nan", "nan", None),
        ("error:ture", "ture", "true"),
        ("error:timeout", "timeout", None),
        ("span:00f067aa0ba902b", "00f067aa0ba902b", None),
        ("span:00f067aa0ba902bg", "00f067aa0ba902bg", None),
        ("span:0000000000000000", "0" * 16, None),
        ("spam:00f067aa0ba902b7", "spam", "span"),
        ("since:yesterday", "yesterday", None),
        ("since:2026-11-21", "2026-11-21", None),
        ("-since:1h", "-since:1h", None),
        ("x tag:", "tag:", None),
        ('tag:""', '""', None),
        ("a - b", "-", None),
        ('a ""', '""', None),
        ('status:404 "never closed', '"never closed', None),
        ('"closed"at once', '"closed"at', None),
        (f"tag:{'t' * 129}", "t" * 129, None),
    ],
)
def test_an_error_points_at_the_token_at_fault(text, at_fault, suggestion):
    with pytest.raises(BadQuery) as caught:
        parse(text)

    assert text[caught.value.start : caught.value.end] == at_fault
    assert caught.value.suggestion == suggestion
    assert caught.value.message


def test_a_suggestion_in_place_of_the_slice_can_be_read():
    for text in ("statsu:404", "status:5x", "status:499..400", "error:ture"):
        with pytest.raises(BadQuery) as caught:
            parse(text)
        bad = caught.value
        parse(f"{text[: bad.start]}{bad.suggestion}{text[bad.end :]}")


def test_a_search_has_bounds():
    parse("a " * MAX_TERMS)
    with pytest.raises(BadQuery):
        parse("a " * (MAX_TERMS + 1))
    with pytest.raises(BadQuery):
        parse("a" * (MAX_CHARS + 1))


def test_of_several_ends_the_narrowest_counts():
    query = parse("since:7d since:2026-11-21T11:30:00Z since:1h until:2d until:1m")

    assert query.moment(Field.SINCE, now=NOON) == NOON - timedelta(minutes=30)
    assert query.moment(Field.UNTIL, now=NOON) == NOON - timedelta(days=2)
    assert parse("x").moment(Field.SINCE, now=NOON) is None


def test_the_normal_form_is_short_and_plain():
    text = 'STATUS_CODE:=404  duration:>=1.50s environment:"eu"  orders -route:"GET /a" since:60m since:0s'

    assert write(parse(text)) == (
        'status:404 latency:>=1500 env:eu path:orders -endpoint:"GET /a" since:1h since:0s'
    )


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=16)
BARE = TEXTS.filter(lambda text: not any(each.isspace() for each in text) and '"' not in text)
MILLISECONDS = st.integers(0, 10**11) | st.floats(0, 1e11).map(lambda number: round(number, 6))
CODES = st.integers(0, 999)


def compared(numbers):
    return st.builds(Compared, operator=st.sampled_from([">", ">=", "<", "<=", "="]), number=numbers)


def between(numbers):
    return st.tuples(numbers, numbers).map(lambda pair: Between(low=min(pair), high=max(pair)))


MOMENTS = st.integers(10**6, 4 * 10**15).map(
    lambda microseconds: datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=microseconds)
)
LENGTHS = st.integers(0, 999_999).map(lambda seconds: Ago(length=timedelta(seconds=seconds)))
VALUES = {
    Field.STATUS: compared(CODES)
    | between(CODES)
    | st.builds(StatusClass, hundred=st.integers(1, 5))
    | st.just(Missing()),
    Field.LATENCY: compared(MILLISECONDS) | between(MILLISECONDS),
    Field.METHOD: TEXTS.map(str.upper)
    .filter(lambda text: len(text) <= 16 and text.upper() == text)
    .map(lambda text: Exactly(text=text)),
    Field.PATH: st.builds(Holds, text=TEXTS) | BARE.map(lambda text: Like(pattern=f"{text}*")),
    Field.SPAN: st.integers(1, 2**64 - 1).map(lambda number: Exactly(text=f"{number:016x}")),
    Field.ERROR: st.builds(Flag, is_set=st.booleans()),
    Field.SINCE: LENGTHS | st.builds(At, moment=MOMENTS),
    Field.UNTIL: LENGTHS | st.builds(At, moment=MOMENTS),
    Field.TEXT: st.builds(Holds, text=TEXTS),
}


@st.composite
def terms(draw):
    field = draw(st.sampled_from(Field))
    value = draw(VALUES.get(field, st.builds(Exactly, text=TEXTS)))
    negated = field not in (Field.SINCE, Field.UNTIL) and draw(st.booleans())
    return Term(field=field, value=value, negated=negated)


@given(st.lists(terms(), max_size=6))
def test_what_is_written_reads_as_the_same_terms(drawn):
    query = Query(terms=tuple(drawn))

    assert parse(write(query)) == query


@given(
    st.text(max_size=40)
    | st.lists(st.sampled_from(["status:", "5xx", '"', "-", "a", " ", "*", "\\", ">"])).map("".join)
)
def test_any_text_is_a_search_that_normalises_once_or_an_error_with_a_place(text):
    try:
        query = parse(text)
    except BadQuery as bad:
        start, end = bad.start, bad.end
    else:
        start, end = 0, 1
        assert parse(write(query)) == query
        assert write(parse(write(query))) == write(query)
    assert 0 <= start < end <= max(len(text), 1)


def test_a_search_box_offers_every_field_with_values_that_can_be_read():
    assert {*OFFERS, Field.TEXT} == set(Field)
    for field, offer in OFFERS.items():
        for value in offer.values:
            assert [term.field for term in parse(f"{field}:{value}").terms] == [field]
    # The others are told ahead, or are anything.
    counted = {field for field, offer in OFFERS.items() if offer.is_counted}
    assert counted == {*FIELDS} - {Field.STATUS}
