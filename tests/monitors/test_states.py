"""The transition table, row by row, and each fault of the tools it comes from."""

from datetime import UTC, datetime, timedelta

import pytest

from monitor.monitors.states import Notice, Rules, Standing, State, step, wait_until_next
from monitor.probing import Outcome

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
OK, SLOW, FAILED, UNKNOWN = Outcome.OK, Outcome.SLOW, Outcome.FAILED, Outcome.UNKNOWN
UP, DOWN, PENDING, MAINTENANCE, NO_DATA = (
    State.UP,
    State.DOWN,
    State.PENDING,
    State.MAINTENANCE,
    State.NO_DATA,
)


class Story:
    """A monitor whose checks follow each other, a minute apart unless said otherwise."""

    def __init__(self, standing=None, **rules):
        self.standing = standing or Standing()
        self.rules = Rules(**rules)
        self.now = NOON
        self.notices = []

    def check(self, *outcomes, after=MINUTE, in_maintenance=False):
        """The last step of these checks."""
        for outcome in outcomes:
            self.now += after
            taken = step(
                self.standing, outcome, rules=self.rules, now=self.now, in_maintenance=in_maintenance
            )
            self.standing = taken.standing
            if taken.notice:
                self.notices.append(taken.notice)
        return taken


def up(**more):
    return Standing(state=UP, last_notified_state=UP, **more)


def down(**more):
    return Standing(
        state=DOWN,
        last_notified_state=DOWN,
        last_notified_at=NOON,
        down_since=NOON,
        retries=1,
        **more,
    )


def pending(**more):
    return Standing(state=PENDING, last_notified_state=UP, retries=1, **more)


TABLE = [
    # before, outcome, retries allowed: beat, important, notice
    (Standing(), OK, 0, UP, True, None),
    (Standing(), FAILED, 1, PENDING, True, None),
    (Standing(), FAILED, 0, DOWN, True, Notice.DOWN),
    (up(), OK, 0, UP, False, None),
    (up(), FAILED, 1, PENDING, False, None),
    (up(), FAILED, 0, DOWN, True, Notice.DOWN),
    (pending(), FAILED, 2, PENDING, False, None),
    (pending(), FAILED, 1, DOWN, True, Notice.DOWN),
    (pending(), OK, 2, UP, False, None),
    (down(), FAILED, 0, DOWN, False, None),
    (down(), OK, 0, UP, True, Notice.UP),
    (Standing(), UNKNOWN, 0, NO_DATA, False, None),
    (up(), UNKNOWN, 0, NO_DATA, False, None),
    (down(), UNKNOWN, 0, NO_DATA, False, None),
    (pending(), UNKNOWN, 1, NO_DATA, False, None),
]


@pytest.mark.parametrize(("before", "outcome", "retries", "beat", "important", "notice"), TABLE)
def test_each_row_of_the_table(before, outcome, retries, beat, important, notice):
    taken = step(before, outcome, rules=Rules(max_retries=retries), now=NOON + MINUTE)

    assert (taken.beat_state, taken.is_important, taken.notice) == (beat, important, notice)


@pytest.mark.parametrize("before", [up(), down()])
def test_a_window_that_opens_is_important_and_silent(before):
    for outcome in (OK, FAILED):
        taken = step(before, outcome, rules=Rules(), now=NOON + MINUTE, in_maintenance=True)

        assert (taken.beat_state, taken.is_important, taken.notice) == (MAINTENANCE, True, None)
        assert taken.standing.shown == MAINTENANCE


WITHIN = {"in_maintenance": True}
AFTER_A_WINDOW = [
    # the state within the window and what was told before it, outcome, retries: beat, notice
    (up(**WITHIN), OK, 0, UP, None),
    (up(**WITHIN), FAILED, 0, DOWN, Notice.DOWN),
    (up(**WITHIN), FAILED, 1, PENDING, None),
    (down(**WITHIN), FAILED, 0, DOWN, None),
    (down(**WITHIN), OK, 0, UP, Notice.UP),
    (Standing(state=DOWN, last_notified_state=UP, retries=1, **WITHIN), OK, 0, UP, None),
    (Standing(state=UP, last_notified_state=DOWN, down_since=NOON, **WITHIN), OK, 0, UP, Notice.UP),
    (Standing(state=DOWN, last_notified_state=UP, retries=1, **WITHIN), FAILED, 0, DOWN, Notice.DOWN),
]


@pytest.mark.parametrize(("before", "outcome", "retries", "beat", "notice"), AFTER_A_WINDOW)
def test_each_row_of_the_table_that_follows_a_window(before, outcome, retries, beat, notice):
    taken = step(before, outcome, rules=Rules(max_retries=retries), now=NOON + MINUTE)

    assert (taken.beat_state, taken.is_important, taken.notice) == (beat, True, notice)


def test_retries_are_counted_and_a_success_forgives_them_all():
    story = Story(up(), max_retries=2)

    assert story.check(FAILED, FAILED).beat_state == PENDING
    assert story.check(OK).standing.retries == 0
    assert story.check(FAILED, FAILED).beat_state == PENDING
    assert story.check(FAILED).beat_state == DOWN
    assert story.notices == [Notice.DOWN]


def test_down_never_goes_back_to_pending():
    story = Story(up(), max_retries=3)
    story.check(*[FAILED] * 4)

    assert {story.check(FAILED).beat_state for _ in range(10)} == {DOWN}


def test_the_end_of_an_outage_tells_how_long_it_was():
    story = Story(up())
    story.check(FAILED)

    taken = story.check(OK, after=timedelta(minutes=42))

    assert (taken.notice, taken.outage) == (Notice.UP, timedelta(minutes=42))


def test_an_error_of_ours_neither_ends_an_outage_nor_uses_up_retries():
    story = Story(up(), max_retries=1)
    story.check(FAILED)
    before = story.standing

    taken = story.check(*[UNKNOWN] * 5)

    assert taken.standing == before
    assert story.check(FAILED).notice == Notice.DOWN
    assert story.check(UNKNOWN).standing.state == DOWN


# --- The faults of the peers -------------------------------------------------------------------------------


def test_fault_1_while_pending_the_retry_interval_is_what_counts():
    waits = {"planned": NOON, "now": NOON + timedelta(seconds=2)}
    intervals = {"interval": timedelta(minutes=10), "retry_interval": timedelta(seconds=20)}

    assert wait_until_next(pending(), **waits, **intervals) == NOON + timedelta(seconds=20)
    assert wait_until_next(up(), **waits, **intervals) == NOON + timedelta(minutes=10)
    assert wait_until_next(down(), **waits, **intervals) == NOON + timedelta(minutes=10)


@pytest.mark.parametrize("fails_within", [True, False])
def test_fault_2_an_outage_that_follows_a_window_is_announced_once(fails_within):
    story = Story(up())
    story.check(FAILED if fails_within else OK, in_maintenance=True)

    taken = story.check(FAILED)

    assert (taken.beat_state, taken.is_important, taken.notice) == (DOWN, True, Notice.DOWN)
    story.check(FAILED, FAILED)
    assert story.notices == [Notice.DOWN]


def test_fault_3_the_first_failure_is_retried_and_the_first_success_is_no_news():
    story = Story(max_retries=1)

    assert story.check(FAILED).beat_state == PENDING
    assert story.check(OK).beat_state == UP
    assert story.notices == []
    assert Story().check(OK).notice is None


def test_fault_4_nothing_is_still_down_while_it_is_pending():
    story = Story(up(), max_retries=60, reminder_every=MINUTE, most_reminders=9)

    story.check(*[FAILED] * 60)

    assert story.notices == []
    assert story.check(FAILED).notice == Notice.DOWN
    assert story.check(FAILED).notice == Notice.REMINDER


def test_fault_5_what_was_down_before_a_window_and_is_after_it_was_told_already():
    story = Story(down())
    story.check(FAILED, FAILED, in_maintenance=True)

    assert story.check(FAILED, FAILED).notice is None
    assert story.notices == []


def test_fault_5_a_recovery_within_a_window_is_told_after_it():
    story = Story(down())
    story.check(FAILED, OK, in_maintenance=True)

    taken = story.check(OK)

    assert taken.notice == Notice.UP
    assert taken.outage is not None
    assert story.notices == [Notice.UP]


def test_fault_6_our_own_errors_are_never_the_targets():
    story = Story()

    beats = {story.check(UNKNOWN).beat_state for _ in range(50)}

    assert beats == {NO_DATA}
    assert story.standing.state is None
    assert story.notices == []


# Fault 7 (redirects) is tried in tests/probing/test_http.py, fault 8 (notices that are lost) in
# tests/channels/test_told.py.


# --- Patience ----------------------------------------------------------------------------------------------


def test_recovery_can_ask_for_several_successes_in_a_row():
    story = Story(up(), recovery_successes=3)
    story.check(FAILED)

    assert story.check(OK, OK).beat_state == DOWN
    assert story.check(FAILED).beat_state == DOWN
    assert story.check(OK, OK).beat_state == DOWN
    assert story.check(OK).beat_state == UP
    assert story.notices == [Notice.DOWN, Notice.UP]


def test_reminders_come_in_their_rhythm_and_stop_at_their_number():
    story = Story(up(), reminder_every=timedelta(minutes=10), most_reminders=2)

    story.check(*[FAILED] * 60)

    assert story.notices == [Notice.DOWN, Notice.REMINDER, Notice.REMINDER]


def test_reminders_are_silent_during_a_window():
    story = Story(down(), reminder_every=MINUTE, most_reminders=9)

    story.check(*[FAILED] * 20, in_maintenance=True)

    assert story.notices == []
    assert story.check(FAILED).notice == Notice.REMINDER


def test_each_outage_has_its_own_reminders():
    story = Story(up(), reminder_every=MINUTE, most_reminders=1)

    story.check(FAILED, FAILED, FAILED, OK)
    story.check(*[OK] * 90)
    story.check(FAILED, FAILED, FAILED)

    assert story.notices == [Notice.DOWN, Notice.REMINDER, Notice.UP, Notice.DOWN, Notice.REMINDER]


def test_slow_is_up_and_only_a_turn_of_it_is_important():
    story = Story(up())

    first, second, third = story.check(SLOW), story.check(SLOW), story.check(OK)

    assert [each.beat_state for each in (first, second, third)] == [UP, UP, UP]
    assert [each.is_degraded for each in (first, second, third)] == [True, True, False]
    assert [each.is_important for each in (first, second, third)] == [True, False, True]
    assert story.notices == []


def test_flapping_is_said_once_then_silence_then_what_it_settled_on():
    story = Story(up())

    story.check(FAILED, OK, FAILED, OK, FAILED, OK, FAILED, OK)
    assert story.notices == [Notice.DOWN, Notice.UP, Notice.DOWN, Notice.FLAPPING]
    assert story.standing.is_flapping

    story.check(*[OK] * 29)
    assert story.notices[4:] == []
    story.check(OK)

    assert story.notices[4:] == [Notice.SETTLED]
    assert story.standing.last_notified_state == UP
    story.check(*[OK] * 60)
    assert story.notices[5:] == []


def test_what_settles_down_is_said_too():
    story = Story(up())
    story.check(FAILED, OK, FAILED, OK, FAILED)

    story.check(*[FAILED] * 30)

    assert story.notices[-1] == Notice.SETTLED
    assert story.standing.last_notified_state == DOWN
    assert story.check(OK).notice == Notice.UP


def test_changes_an_hour_apart_are_no_flapping():
    story = Story(up())

    story.check(*[FAILED, OK] * 10, after=timedelta(minutes=21))

    assert Notice.FLAPPING not in story.notices
    assert len(story.notices) == 20


def test_the_first_flapping_change_may_fall_into_a_window_without_being_told_there():
    story = Story(up())

    story.check(*[FAILED, OK] * 5, in_maintenance=True)

    assert story.notices == []
    assert story.check(OK).notice is None


# --- When to check again -----------------------------------------------------------------------------------


def test_time_spent_checking_does_not_shift_the_next_check():
    at = wait_until_next(
        up(), planned=NOON, now=NOON + timedelta(seconds=9), interval=MINUTE, retry_interval=MINUTE
    )

    assert at == NOON + MINUTE


def test_what_a_paused_machine_missed_is_skipped_and_the_place_in_the_minute_kept():
    planned = NOON + timedelta(seconds=13)

    at = wait_until_next(
        up(), planned=planned, now=NOON + timedelta(hours=5), interval=MINUTE, retry_interval=MINUTE
    )

    assert at == NOON + timedelta(hours=5, seconds=13)


def test_a_clock_that_was_set_back_leaves_nobody_waiting_for_the_old_time():
    at = wait_until_next(
        up(), planned=NOON + timedelta(days=2), now=NOON, interval=MINUTE, retry_interval=MINUTE
    )

    assert at == NOON + MINUTE
