"""A body over a line counts once, in the direction it went; one that dithers on it does not count."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.contract.vocabulary import BodyKind
from edge.scenes.lines import CLEAR, LineWatch
from edge.vision.bodies import SeenBody

ACROSS = ((0.2, 0.5), (0.8, 0.5))
"""From left to right through the middle: its right is below it."""


def body(foot: tuple[float, float], track: int = 1, kind: BodyKind = BodyKind.PERSON, height: float = 0.3) -> SeenBody:
    x, y = foot
    return SeenBody(track, kind, (x - 0.05, y - height, x + 0.05, y), 0.9, born=True)


def watch(*kinds: BodyKind, min_height: float = 0.06) -> LineWatch:
    return LineWatch(ACROSS, kinds or tuple(BodyKind), min_height)


def walk(line: LineWatch, *heights: float, x: float = 0.5) -> list[bool]:
    return [crossing.forward for y in heights for crossing in line.step([body((x, y))], ())]


@pytest.mark.parametrize(
    ("heights", "expected"),
    [
        ((0.3, 0.4, 0.6, 0.7), [True]),
        ((0.7, 0.6, 0.4, 0.3), [False]),
        ((0.3, 0.45, 0.3), []),
        ((0.3, 0.7, 0.3), [True, False]),
        ((0.1, 0.9), [True]),
        ((0.48, 0.505, 0.495, 0.505, 0.48), []),
        ((0.48, 0.505, 0.52), [True]),
    ],
)
def test_crossings_are_counted_with_their_direction(heights: tuple[float, ...], expected: list[bool]) -> None:
    assert walk(watch(), *heights) == expected


@pytest.mark.parametrize(("x", "crossings"), [(0.05, 0), (0.16, 1), (0.5, 1), (0.84, 1), (0.95, 0)])
def test_whoever_goes_round_the_line_does_not_cross_it(x: float, crossings: int) -> None:
    assert len(walk(watch(), 0.3, 0.7, x=x)) == crossings


def test_two_side_by_side_are_two() -> None:
    line = watch()
    assert line.step([body((0.4, 0.4), 1), body((0.6, 0.4), 2)], ()) == []
    assert sorted(one.track for one in line.step([body((0.4, 0.6), 1), body((0.6, 0.6), 2)], ())) == [1, 2]


def test_other_kinds_and_bodies_far_away_do_not_count() -> None:
    line = watch(BodyKind.VEHICLE)
    assert walk(line, 0.3, 0.7) == []
    far = watch(min_height=0.4)
    assert walk(far, 0.3, 0.7) == []


def test_a_track_that_is_over_leaves_nothing_behind() -> None:
    line = watch()
    line.step([body((0.5, 0.4))], ())
    assert line.step([], (1,)) == []
    assert line.step([body((0.5, 0.6))], ()) == []


@given(st.lists(st.floats(0.0, 1.0), min_size=1, max_size=40))
def test_however_somebody_walks_the_crossings_add_up_to_where_they_are(heights: list[float]) -> None:
    crossings = walk(watch(), *heights)
    clear = [y for y in heights if abs(y - 0.5) >= CLEAR]
    expected = 0 if not clear else (clear[-1] > 0.5) - (clear[0] > 0.5)
    assert sum(1 if forward else -1 for forward in crossings) == expected
    assert all(one is not other for one, other in itertools.pairwise(crossings))
