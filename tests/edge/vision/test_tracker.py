"""The tracker: born, seen, missed, gone; ids never twice."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from edge.vision.tracker import Tracker, TrackRules, centre_distance
from models.types import Float

RULES = TrackRules(birth_hits=3, death_misses=4, max_distance=1.0, max_tracks=5)


def box(x: float, y: float, size: float = 50) -> list[float]:
    return [x, y, x + size, y + size]


def boxes(*rows: list[float]) -> Float:
    return np.array(rows, np.float32).reshape(-1, 4)


def test_a_track_counts_after_three_sights_and_ends_after_four_misses() -> None:
    tracker = Tracker(RULES)
    for number in range(3):
        assert not tracker.born
        tracker = tracker.step(boxes(box(10 * number, 0)), number / 10).tracker
    assert [track.id for track in tracker.born] == [1]
    for number in range(3, 6):
        step = tracker.step(boxes(), number / 10)
        tracker = step.tracker
        assert not step.ended
    step = tracker.step(boxes(), 0.6)
    assert [track.id for track in step.ended] == [1]
    assert step.tracker.tracks == ()


def test_a_flicker_is_gone_at_its_first_miss() -> None:
    tracker = Tracker(RULES).step(boxes(box(0, 0)), 0).tracker
    step = tracker.step(boxes(), 0.1)
    assert [track.born for track in step.ended] == [False]


def test_two_who_cross_keep_their_tracks() -> None:
    tracker = Tracker(RULES)
    ids: dict[str, set[int | None]] = {"right": set(), "left": set()}
    for number in range(30):
        going_right, going_left = box(number * 20, 0), box(600 - number * 20, 30)
        step = tracker.step(boxes(going_right, going_left), number / 10)
        tracker = step.tracker
        ids["right"].add(step.matched[0])
        ids["left"].add(step.matched[1])
    assert ids == {"right": {1}, "left": {2}}


def test_somebody_fast_is_found_again_after_two_misses() -> None:
    tracker = Tracker(RULES)
    for number in range(5):
        tracker = tracker.step(boxes(box(number * 30, 0)), number / 10).tracker
    for number in (5, 6):
        tracker = tracker.step(boxes(), number / 10).tracker
    step = tracker.step(boxes(box(7 * 30, 0)), 0.7)
    assert step.matched == (1,)


def test_a_box_far_away_is_somebody_else() -> None:
    tracker = Tracker(RULES).step(boxes(box(0, 0)), 0).tracker
    assert tracker.step(boxes(box(500, 0)), 0.1).matched == (2,)


def test_the_distance_can_be_another_one() -> None:
    tracker = Tracker(RULES).step(boxes(box(0, 0)), 0).tracker
    assert tracker.step(boxes(box(500, 0)), 0.1, distance=lambda _one, _other: 0.0).matched == (1,)


coordinate = st.floats(-100, 2000, width=32)
some_boxes = st.lists(
    st.tuples(coordinate, coordinate, st.floats(1, 400, width=32)).map(lambda made: box(*made)), max_size=8
)


@given(st.lists(st.tuples(some_boxes, st.floats(0, 2)), max_size=25))
def test_tracks_stay_bounded_distinct_and_accounted_for(looks: list[tuple[list[list[float]], float]]) -> None:
    tracker, at_s = Tracker(RULES), 0.0
    alive: set[int] = set()
    ever: set[int] = set()
    for found, passed_s in looks:
        at_s += passed_s
        before = tracker
        step = tracker.step(boxes(*found), at_s)
        tracker = step.tracker
        assert before.step(boxes(*found), at_s).matched == step.matched, "a step changes nothing but what it returns"
        now = {track.id for track in tracker.tracks}
        matched = [track for track in step.matched if track is not None]
        ended = {track.id for track in step.ended}
        assert len(matched) == len(set(matched))
        assert set(matched) <= now
        assert len(now) == len(tracker.tracks) <= RULES.max_tracks
        assert alive - now == ended
        assert not (now - alive) & ever, "an id is never given twice"
        assert all(track.misses < RULES.death_misses for track in tracker.tracks)
        alive, ever = now, ever | now


@given(some_boxes.filter(bool))
def test_distance_is_nothing_to_itself_and_symmetric(made: list[list[float]]) -> None:
    one, other = boxes(*made)[0], boxes(*made)[-1]
    assert centre_distance(one, one) < 1e-3
    assert abs(centre_distance(one, other) - centre_distance(other, one)) < 1e-3
