from datetime import UTC, datetime, timedelta, timezone

import pytest
from django.http import QueryDict
from django.template import Context
from django.utils.html import strip_tags

from monitor.templatetags import ui
from monitor.templatetags.icons import ICONS

EVIL = '"><script>alert(1)</script>'


class PageRequest:
    """As much of a request as the tags look at."""

    def __init__(self, query="", url_name=""):
        self.GET = QueryDict(query)
        self.resolver_match = type("Match", (), {"url_name": url_name})


@pytest.mark.parametrize("name", ICONS)
def test_every_icon_is_hidden_from_screen_readers_unless_it_is_named(name):
    assert 'aria-hidden="true"' in ui.icon(name)
    assert 'role="img" aria-label="Find"' in ui.icon(name, "Find")


def test_an_unknown_icon_is_a_mistake_of_the_page():
    with pytest.raises(KeyError):
        ui.icon("unicorn")


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (200, "2xx"),
        (299, "2xx"),
        (304, "3xx"),
        (404, "4xx"),
        (503, "5xx"),
        (None, "none"),
        (0, "none"),
        (100, "none"),
        (999, "none"),
    ],
)
def test_a_status_belongs_to_its_class(code, kind):
    assert ui.status_class(code) == kind


def test_each_class_of_status_has_a_glyph_of_its_own_beside_its_colour():
    glyphs = {
        ui.status_mark(code).split('class="icon ')[1].split('"')[0] for code in (200, 304, 404, 503, None)
    }

    assert len(glyphs) == 5


def test_a_call_without_an_answer_says_so():
    assert strip_tags(ui.status_mark(None)) == "no answer"


def test_methods_that_change_something_stand_out():
    assert "method-write" in ui.method("DELETE")
    assert "method-write" not in ui.method("get")


@pytest.mark.parametrize(
    ("latency_ms", "full_ms", "width", "is_slow"),
    [(50, 200, "25%", False), (200, 200, "100%", False), (500, 200, "100%", True), (0, 200, "0%", False)],
)
def test_the_latency_bar_is_full_at_its_scale_and_marked_beyond(latency_ms, full_ms, width, is_slow):
    drawn = ui.latency(latency_ms, full_ms)

    assert f'<rect width="{width}"' in drawn
    assert ("latency-slow" in drawn) is is_slow


@pytest.mark.parametrize("full_ms", [None, 0])
def test_a_latency_without_a_scale_has_no_bar(full_ms):
    assert "<svg" not in ui.latency(12.0, full_ms)


def test_a_moment_is_written_in_utc_with_the_exact_value_on_hover():
    at = datetime(2026, 11, 21, 15, 5, 3, 42_000, tzinfo=timezone(timedelta(hours=1)))

    drawn = ui.moment(at)

    assert strip_tags(drawn) == "21 Nov 14:05:03"
    assert 'datetime="2026-11-21T14:05:03.042000Z"' in drawn
    assert 'title="2026-11-21 14:05:03.042 UTC"' in drawn


def test_a_relative_moment_is_absolute_until_a_script_keeps_it_true():
    assert (
        strip_tags(ui.moment(datetime(2026, 11, 21, 14, tzinfo=UTC), "relative")) == "2026-11-21 14:00:00 UTC"
    )


def test_a_moment_that_never_was_says_so():
    assert strip_tags(ui.moment(None)) == "never"


def test_json_is_laid_out_with_masked_values_under_a_lock():
    shown = ui.json_view('{"user":"jo","password":"***MASKED***","url":"/a?token=***MASKED***&b=1"}')

    assert strip_tags(
        shown
    ) == '{\n  "user": "jo",\n  "password": masked,\n  "url": "/a?token=masked&amp;b=1"\n}'.replace(
        '"', "&quot;"
    )
    assert shown.count('class="masked"') == 2


@pytest.mark.parametrize("text", [EVIL, f'{{"a": "{EVIL[2:]}"}}', f"[{EVIL}"])
def test_text_of_others_is_escaped(text):
    assert "<script" not in ui.json_view(text)
    assert "<script" not in ui.maybe_masked(text)


def test_a_mask_that_was_percent_encoded_is_one_too():
    assert strip_tags(ui.maybe_masked("/a?token=%2A%2A%2AMASKED%2a%2a%2a&b=1")) == "/a?token=masked&amp;b=1"


def test_a_form_body_keeps_its_words_and_locks_its_masks():
    assert strip_tags(ui.json_view("user=jo&pin=***MASKED***")) == "user=jo&amp;pin=masked"


def test_changing_a_filter_keeps_the_others_and_begins_at_the_newest():
    context = Context({"request": PageRequest("method=GET&status_class=5xx&cursor=abc&offset=50")})

    assert ui.with_query(context, status_class="4xx") == "?method=GET&status_class=4xx"
    assert ui.with_query(context, status_class=None) == "?method=GET"
    assert ui.with_query(context, cursor="def") == "?method=GET&status_class=5xx&cursor=def"


def test_values_in_a_query_are_quoted():
    assert ui.with_query(Context({"request": PageRequest()}), path="/a b&c") == "?path=%2Fa+b%26c"


def test_a_page_may_say_which_section_it_belongs_to():
    request = PageRequest(url_name="services")

    assert ui.section_of_page(Context({"request": request, "section": "logs"})) == "logs"
    assert ui.section_of_page(Context({"request": request})) == "services"
    assert ui.section_of_page(Context({})) == ""


@pytest.mark.parametrize(
    ("share", "words"),
    [(1, "100 %"), (0.99999, "99.999 %"), (0.9999999, "99.999 %"), (0.5, "50 %"), (0, "0 %")],
)
def test_an_uptime_is_never_rounded_up_to_all_of_the_time(share, words):
    assert strip_tags(ui.uptime(share)) == words


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (None, "0 s"),
        (42.9, "42 s"),
        (200, "3 min 20 s"),
        (3600, "1 h"),
        (18_720, "5 h 12 min"),
        (273_600, "3 d 4 h"),
    ],
)
def test_a_length_of_time_is_told_by_its_two_largest_parts(value, words):
    assert ui.seconds(value) == words
