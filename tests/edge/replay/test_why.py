"""The gate that cost a pass is named, with the figure that came closest and where it was seen."""

from __future__ import annotations

import pytest

from edge.checkpoint.gate_counts import Gate
from edge.checkpoint.trace import Noted, What
from edge.replay.advice import advise
from edge.replay.notes import Note
from edge.replay.why import Seen, Stop, Why, why

SEEN = Seen(pictures=30, active_share=1.0)


def note(at_s: float, what: Noted, value: float | None = None, limit: float | None = None) -> Note:
    return Note(at_s, 1, what, value, limit, "")


def faces(count: int, width_px: float) -> list[Note]:
    return [note(1 + number / 10, What.FACE, width_px) for number in range(count)]


def test_a_stream_that_was_left_alone_all_the_time_is_named_before_any_gate() -> None:
    assert why([], Seen(0, 0.0)).stopped_by is Stop.NEVER_ACTIVE
    assert why([], Seen(0, 0.4)).stopped_by is Stop.NO_LOOK


def test_looks_that_found_nothing_are_told_apart_from_no_looks() -> None:
    assert why([], SEEN).stopped_by is Stop.NOTHING_FOUND


def test_the_gate_that_refused_most_is_named_with_the_figure_closest_to_its_limit() -> None:
    small = [note(1 + n / 10, Gate.SIZE, 60 + n, 90) for n in range(9)]
    found = why([*faces(12, 65), *small, note(3, Gate.BLUR, 8, 12)], SEEN)
    assert found.stopped_by is Gate.SIZE
    assert found.reached is What.FACE
    first = found.findings[0]
    assert (first.times, first.best, first.limit) == (9, 68, 90)
    assert first.best_at_s == pytest.approx(1.8)


def test_for_an_upper_limit_the_lowest_figure_came_closest() -> None:
    turned = [note(1, Gate.POSE, 0.8, 0.35), note(2, Gate.POSE, 0.41, 0.35)]
    assert why([*faces(2, 120), *turned], SEEN).findings[0].best == 0.41


def test_for_light_the_figure_is_the_quality_and_the_highest_came_closest() -> None:
    washed_out = [note(1, Gate.BRIGHT, 0.1, 0.4), note(2, Gate.BRIGHT, 0.35, 0.4)]
    assert why([*faces(2, 120), *washed_out], SEEN).findings[0].best == 0.35


def test_who_was_compared_was_stopped_by_the_comparison_not_by_shots_refused_on_the_way() -> None:
    small = [note(1 + n / 10, Gate.SIZE, 60, 90) for n in range(20)]
    compared = [note(4, What.SHOT, 0.7), note(4, What.COMPARED, 0.40, 0.43), note(4, Gate.THRESHOLD, 0.40, 0.43)]
    assert why([*faces(20, 70), *small, *compared], SEEN).stopped_by is Gate.THRESHOLD


def test_found_and_refused_by_nothing_is_not_decided() -> None:
    assert why(faces(2, 120), SEEN).stopped_by is Stop.NOT_DECIDED


def of(cause: Noted, *notes: Note) -> Why:
    found = why([*faces(3, 70), *notes], SEEN)
    assert found.stopped_by is cause
    return found


def test_advice_moves_a_limit_as_far_as_what_was_seen_and_no_farther() -> None:
    (line,) = advise([of(Gate.SIZE, note(1, Gate.SIZE, 71.6, 90)), of(Gate.SIZE, note(1, Gate.SIZE, 68.2, 90))])
    assert line.startswith("2 x ")
    assert "min_face_px is 90" in line
    assert "lower min_face_px to 68" in line


def test_advice_never_lowers_a_limit_below_what_the_models_can_tell_apart() -> None:
    (line,) = advise([of(Gate.SIZE, note(1, Gate.SIZE, 31, 90))])
    assert "lower min_face_px" not in line
    assert "nearer" in line


@pytest.mark.parametrize("cause", [*Gate, *Stop])
def test_there_is_advice_for_every_cause(cause: Noted | Stop) -> None:
    (line,) = advise([Why(cause, (), None)])
    assert len(line) > len(f"1 x {cause}") + 10
