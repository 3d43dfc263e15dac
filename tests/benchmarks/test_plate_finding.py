"""Plates found are counted one for one, and a decision that never came is no fast one."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.plate_finding import DECISION_LIMIT_MS, OURS, PEER, Score, decision_row, found_rows
from models.types import Float, Plates

NOTHING = np.zeros((0, 4, 2), np.float32)


def quad(left: float, width: float = 100.0) -> Float:
    right, bottom = left + width, 40.0
    return np.array([[left, 10], [right, 10], [right, bottom], [left, bottom]], np.float32)


def plates(*quads: Float) -> Plates:
    stacked = np.stack(quads) if quads else NOTHING
    boxes = np.concatenate([stacked.min(axis=1), stacked.max(axis=1)], axis=1)
    return Plates(boxes.astype(np.float32), stacked, np.full(len(quads), 0.9, np.float32))


def test_a_plate_is_found_once_and_a_box_where_none_is_is_invented() -> None:
    score = Score()
    score.add(plates(quad(0), quad(600)), np.stack([quad(2), quad(300)]), NOTHING)
    assert score.found == [True, False]
    assert score.invented == 1
    assert score.apart == [pytest.approx(2 / 30)]


def test_what_need_not_be_found_is_not_invented_where_it_is() -> None:
    score = Score()
    score.add(plates(quad(600)), NOTHING, np.stack([quad(601)]))
    assert (score.found, score.invented, score.pictures) == ([], 0, 1)


def test_shares_are_counted_by_width() -> None:
    score = Score()
    score.add(plates(quad(0, 60)), np.stack([quad(0, 60), quad(200, 70), quad(400, 100)]), NOTHING)
    assert score.found_of(56, 80) == (1, 2)
    assert score.found_of(80, 120) == (0, 1)
    assert score.found_of(120, 420) == (0, 0)


def test_a_row_tells_what_was_counted_and_a_width_that_no_plate_has_gets_none() -> None:
    ours, peer = Score(), Score()
    there = np.stack([quad(0), quad(300), quad(600)])
    ours.add(plates(quad(0), quad(300)), there, NOTHING)
    peer.add(plates(quad(0)), there, NOTHING)
    rows = [row for row in found_rows("drawn", {OURS: ours, PEER: peer}) if isinstance(row, dict)]
    by_width = [row for row in rows if "px wide" in row["what"]]
    assert len(by_width) == 1
    assert "2 of 3 plates 80 to 120 px wide found, % (95 %: 20.8 to 93.9; peer 6.1 to 79.2)" in by_width[0]["what"]
    assert (by_width[0]["ours"], by_width[0]["peer"], by_width[0]["met"]) == (66.7, 33.3, True)


def test_the_goal_is_met_only_when_every_vehicle_is_told_right_in_time() -> None:
    quick, slow = DECISION_LIMIT_MS / 2, DECISION_LIMIT_MS + 1
    assert decision_row(OURS, [quick, quick], 0).met is True
    assert decision_row(OURS, [quick, slow], 0).met is False
    one_told = decision_row(OURS, [quick], 1)
    assert one_told.met is False
    assert "1 of 2 vehicles told right" in one_told.what


def test_no_vehicle_told_is_no_figure_and_no_goal_met() -> None:
    row = decision_row(OURS, [], 8)
    assert (row.ours, row.ratio, row.met) == (None, None, False)


@pytest.mark.parametrize("spent", [[], [1.0]])
def test_the_peer_has_no_goal_of_ours(spent: list[float]) -> None:
    row = decision_row(PEER, spent, 1)
    assert (row.goal, row.met, row.ratio) == ("none", None, None)
