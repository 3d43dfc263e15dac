"""A wall clock is believed where it fits the time that was counted."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.clock.judge import OFF_AT_MOST, OFF_FOR_SHORT, RELEASED_AT, WRONG_BY, Doubt, doubt_about, earlier

NOW = datetime(2026, 11, 22, 8, tzinfo=UTC)
SECOND, DAY = timedelta(seconds=1), timedelta(days=1)
SINCE_1970 = NOW - datetime(1970, 1, 1, tzinfo=UTC)
AHEAD, BEHIND, BELIEVED = Doubt.AHEAD, Doubt.BEHIND, None


@pytest.mark.parametrize(
    ("difference", "off_before", "expected"),
    [
        (timedelta(), False, BELIEVED),
        (WRONG_BY, False, BELIEVED),
        (-WRONG_BY, False, BELIEVED),
        (WRONG_BY + SECOND, False, AHEAD),
        (-WRONG_BY - SECOND, False, BEHIND),
        (OFF_AT_MOST, True, BELIEVED),
        (OFF_AT_MOST + SECOND, True, AHEAD),
        (OFF_AT_MOST, False, AHEAD),
        (3 * 365 * DAY, True, AHEAD),
        (-3 * 365 * DAY, True, BEHIND),
        (-SINCE_1970, True, BEHIND),
    ],
)
def test_a_clock_fits_what_was_counted(difference: timedelta, off_before: bool, expected: Doubt | None) -> None:
    assert doubt_about(NOW + difference, NOW, off_before=off_before) is expected


def test_a_first_start_believes_any_clock_that_knows_this_release() -> None:
    assert doubt_about(RELEASED_AT, None, off_before=True) is BELIEVED
    assert doubt_about(RELEASED_AT - SECOND, None, off_before=True) is BEHIND


def test_one_edge_that_counted_just_that_time_bears_a_clock_out() -> None:
    two_months = NOW + 61 * DAY
    assert doubt_about(two_months, NOW, off_before=True, by_edges=[NOW + 60 * DAY]) is AHEAD
    assert doubt_about(two_months, NOW, off_before=True, by_edges=[NOW + 60 * DAY, two_months - SECOND]) is BELIEVED


def test_an_edge_that_counted_another_time_speaks_against_a_clock_that_would_do_without() -> None:
    assert doubt_about(NOW + 2 * DAY, NOW, off_before=True, by_edges=[NOW]) is AHEAD


@pytest.mark.parametrize(("off", "at_first"), [(OFF_FOR_SHORT, BELIEVED), (OFF_FOR_SHORT + SECOND, AHEAD)])
def test_who_was_off_for_longer_than_a_day_waits_whether_an_edge_has_a_word_to_say(
    off: timedelta, at_first: Doubt | None
) -> None:
    assert doubt_about(NOW + off, NOW, off_before=True, waited=False) is at_first
    assert doubt_about(NOW + off, NOW, off_before=True, waited=True) is BELIEVED


times = st.datetimes(datetime(1970, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001


@given(wall=times, counted=times)
def test_nothing_ends_before_both_the_clock_and_what_was_counted_say_so(wall: datetime, counted: datetime) -> None:
    by = earlier(wall, counted)
    assert by <= wall
    assert by <= counted + WRONG_BY
