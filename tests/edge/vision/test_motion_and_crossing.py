"""Whether something moves, and who goes through."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.vision.crossing import ThresholdLine
from edge.vision.motion import MotionGate, SceneChange


def noisy(seed: int, *, walker_at: int | None = None) -> np.ndarray:
    scene = np.full((540, 960), 120.0) + np.random.default_rng(seed).normal(0, 5, (540, 960))
    if walker_at is not None:
        scene[100:400, walker_at : walker_at + 60] = 40
    return np.clip(scene, 0, 255).astype(np.uint8)


def test_noise_is_no_motion_and_a_walker_is() -> None:
    gate = MotionGate(look_again_s=10)
    assert gate.due(noisy(0), 0.0)
    assert not any(gate.due(noisy(number), number / 10) for number in range(1, 20))
    assert gate.due(noisy(30, walker_at=10), 2.1)


def test_a_still_scene_is_looked_at_again_after_a_while() -> None:
    gate = MotionGate(look_again_s=1.0)
    due = [gate.due(noisy(0), number / 10) for number in range(21)]
    assert [number for number, one in enumerate(due) if one] == [0, 10, 20]


def test_a_picture_of_another_time_is_looked_at() -> None:
    gate = MotionGate()
    gate.due(noisy(0), 100.0)
    assert gate.due(noisy(0), 5.0)


def test_a_picture_between_two_that_differ_is_told_by_which_of_them_it_is_like() -> None:
    change = SceneChange()
    assert not change.as_before(noisy(0)), "there was none"
    change.since_last(noisy(1))
    assert change.since_last(noisy(2, walker_at=300))
    assert change.as_before(noisy(3))
    assert not change.as_before(noisy(4, walker_at=200))
    assert change.as_last(noisy(5, walker_at=300))
    assert not change.as_last(noisy(6))


# A line drawn upwards: its right side, seen from start to end, is the picture's right.
UP = ThresholdLine((0.5, 0.9), (0.5, 0.1))


@pytest.mark.parametrize(
    ("before", "after", "crossed"),
    [
        ((0.4, 0.5), (0.6, 0.5), 1),
        ((0.6, 0.5), (0.4, 0.5), -1),
        ((0.3, 0.5), (0.4, 0.5), 0),
        ((0.4, 0.99), (0.6, 0.99), 0),
        ((0.4, 0.92), (0.6, 0.92), 1),
    ],
)
def test_left_to_right_of_the_line_is_through(
    before: tuple[float, float], after: tuple[float, float], crossed: int
) -> None:
    assert UP.crossed(before, after) == crossed


unit = st.floats(0, 1)
point = st.tuples(unit, unit)


@given(point, point, point, point)
def test_the_way_back_undoes_the_way_there(
    start: tuple[float, float], end: tuple[float, float], before: tuple[float, float], after: tuple[float, float]
) -> None:
    line = ThresholdLine(start, end)
    assert line.crossed(before, after) == -line.crossed(after, before)
