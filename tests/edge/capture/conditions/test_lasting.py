"""What has lasted is told, once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.contract.vocabulary import CameraCondition
from edge.capture.conditions.finding import NOTHING, Finding, Grade
from edge.capture.conditions.judge import View, judge
from edge.capture.conditions.lasting import Change, Lasting, Patience, last
from edge.capture.conditions.usual import REMEMBERED_S, Spells, spell
from edge.capture.glance import Glance

NOON = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
PATIENCE = Patience(begin_s=10, end_s=20)
THERE, BLIND = Finding(Grade.THERE, "look"), Finding(Grade.BLIND, "look at once")

Looks = list[tuple[float, Finding | None]]
looks = st.lists(
    st.tuples(st.floats(0.1, 15), st.sampled_from([None, NOTHING, THERE, BLIND, Finding(Grade.THERE, "", 40.0)])),
    max_size=60,
)


def told(found: Looks) -> list[tuple[float, Change]]:
    """What is told when; ``found``: seconds since the look before, and what it found."""
    lasting, at_s, changes = Lasting(), 0.0, []
    for waited_s, finding in found:
        at_s += waited_s
        lasting, change = last(lasting, finding, PATIENCE, at_s, NOON + timedelta(seconds=at_s))
        if change is not None:
            changes.append((at_s, change))
    return changes


def test_it_begins_after_it_lasted_and_ends_after_it_was_away() -> None:
    found: Looks = [(1, THERE), (9, THERE), (1, THERE), (5, NOTHING), (19, NOTHING), (1, NOTHING)]
    [(began_s, began), (ended_s, ended)] = told(found)
    assert (began_s, began) == (11, Change(THERE, NOON + timedelta(seconds=1)))
    assert (ended_s, ended.since, ended.until) == (36, began.since, NOON + timedelta(seconds=16))


def test_what_comes_and_goes_within_its_patience_is_never_told() -> None:
    assert told([(5, THERE), (9, THERE), (0.5, NOTHING)] * 20) == []


def test_a_look_that_could_not_tell_lets_it_start_over() -> None:
    assert told([(1, THERE), (9, THERE), (0.5, None), (0.5, THERE), (9, THERE)]) == []


def test_what_gets_worse_is_told_again_since_it_began() -> None:
    [(_, first), (at_s, second)] = told([(1, THERE), (10, THERE), (5, BLIND), (10, BLIND)])
    assert (first.found, second.found, at_s) == (THERE, BLIND, 26)
    assert second.since == first.since


def test_only_as_bad_as_it_was_all_the_time_is_told() -> None:
    [(_, change)] = told([(1, BLIND), (5, THERE), (5, BLIND)])
    assert change.found is THERE


def test_a_finding_may_ask_for_more_patience() -> None:
    slow = Finding(Grade.THERE, "", after_s=60)
    assert told([(1, slow), (59, slow)]) == []
    assert len(told([(1, slow), (60, slow)])) == 1


def test_what_ends_after_the_wall_clock_was_set_back_does_not_end_before_it_began() -> None:
    lasting, _ = last(Lasting(), THERE, PATIENCE, 0.0, NOON)
    lasting, began = last(lasting, THERE, PATIENCE, 10.0, NOON + timedelta(seconds=10))
    hour_ago = NOON - timedelta(hours=1)
    lasting, _ = last(lasting, NOTHING, PATIENCE, 20.0, hour_ago)
    lasting, ended = last(lasting, NOTHING, PATIENCE, 40.0, hour_ago + timedelta(seconds=20))
    assert began == Change(THERE, NOON)
    assert ended == Change(THERE, NOON, until=NOON)
    assert lasting == Lasting()


@given(looks)
def test_what_is_told_alternates_and_each_had_lasted(found: Looks) -> None:
    grade, at_s, history = Grade.NONE, 0.0, []
    for waited_s, finding in found:
        at_s += waited_s
        history.append((at_s, finding))
    for told_s, change in told(found):
        now = Grade.NONE if change.until is not None else change.found.grade
        assert now is not grade
        began_s = ((change.until or NOON) - NOON).total_seconds()
        if now > grade:
            lasted = [one for at, one in history if told_s - PATIENCE.begin_s <= at <= told_s]
            assert all(one is not None and one.grade >= now for one in lasted)
        else:
            lasted = [one for at, one in history if told_s - PATIENCE.end_s <= at <= told_s]
            assert all(one is not None and one.grade <= now for one in lasted)
        if change.until is not None:
            assert began_s <= told_s - PATIENCE.end_s + 1e-6
            assert change.since <= change.until
        grade = now


@given(looks)
def test_what_lasts_long_enough_is_told_whatever_was_before(found: Looks) -> None:
    lasting: Looks = [(1, BLIND)] * 60
    changes = told(found + lasting)
    assert changes[-1][1].until is None
    assert changes[-1][1].found.grade is Grade.BLIND
    assert told([*found, *lasting, *[(1.0, NOTHING)] * 22])[-1][1].until is not None


def darkness(*nights: tuple[float, float]) -> Spells:
    """After it was there from the first second of each to the second."""
    spells = Spells()
    for begins_s, ends_s in nights:
        spells = spell(spell(spell(spells, True, begins_s), True, (begins_s + ends_s) / 2), False, ends_s)
    return spells


def test_what_happened_twice_is_no_habit() -> None:
    assert darkness((0, 3600), (10_000, 13_600)).usual_s == 0


def test_what_lasts_as_long_as_it_does_three_times_a_week_is_no_news() -> None:
    assert darkness((0, 3600), (10_000, 13_600), (20_000, 24_000)).usual_s == 1.5 * 3600


DAY_S, HOUR_S = 86_400.0, 3600.0
NIGHTS = [(day * DAY_S, day * DAY_S + 12 * HOUR_S) for day in range(3)]


@pytest.mark.parametrize(
    ("began_h", "usual_h"), [(72, 18), (73.9, 18), (70.1, 18), (72 + 24 * 100, 0), (90, 0), (78, 0), (84, 0)]
)
def test_what_begins_at_another_time_of_day_than_usual_is_news(began_h: float, usual_h: float) -> None:
    now = spell(darkness(*NIGHTS), True, began_h * HOUR_S)
    assert now.usual_now_s == usual_h * HOUR_S


def test_how_long_it_usually_lasts_is_known_for_each_time_of_day() -> None:
    noons = [(day * DAY_S + 18 * HOUR_S, day * DAY_S + 18.5 * HOUR_S) for day in range(3)]
    spells = darkness(*sorted(NIGHTS + noons))
    assert spell(spells, True, 3 * DAY_S).usual_now_s == 18 * HOUR_S
    assert spell(spells, True, 3 * DAY_S + 18 * HOUR_S).usual_now_s == 0.75 * HOUR_S
    assert spells.usual_now_s == 0, "it is not there now"


@pytest.mark.parametrize(("began_h", "waits_h"), [(72, 18), (84, 0)])
def test_a_lens_covered_by_day_is_told_at_once_however_long_its_nights_are(began_h: int, waits_h: int) -> None:
    at_s = began_h * HOUR_S
    black = Glance(np.full((180, 320), 16, np.uint8), at_s, NOON, None)
    _, findings = judge(View(dark=darkness(*NIGHTS), at_s=at_s - 1), black)
    dark = findings[CameraCondition.DARK]
    assert dark is not None
    assert (dark.grade, dark.after_s) == (Grade.BLIND, waits_h * HOUR_S)


def test_a_habit_is_forgotten_after_a_week() -> None:
    nights = [(0.0, 3600.0), (10_000.0, 13_600.0), (20_000.0, 24_000.0)]
    later = REMEMBERED_S + 30_000
    assert darkness(*nights, (later, later + 10)).usual_s == 0


@given(st.lists(st.tuples(st.floats(0.1, 1e6), st.booleans()), max_size=200))
def test_spells_stay_few(steps: list[tuple[float, bool]]) -> None:
    spells, at_s = Spells(), 0.0
    for waited_s, there in steps:
        at_s += waited_s
        spells = spell(spells, there, at_s)
    assert len(spells.past) <= 256
    assert all(length_s >= 0 for _, length_s in spells.past)
