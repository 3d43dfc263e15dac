"""Plates read are counted by what is written on them, and what is told wrongly although every character is sure."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.plate_reading import (
    ALONE,
    GOAL_RARE,
    GOAL_SURE,
    OTHER_HALF,
    OURS,
    RAPIDOCR,
    SURE,
    Answer,
    Set,
    cleaned,
    in_one_row,
    province_rows,
    right_row,
    told_wrongly,
    wrong_row,
)
from benchmarks.report import Row

TEXTS = ["藏A12345", "藏B12345", "皖A12345", "皖B12345"]


def answers(*texts: str, lowest: float = 0.95) -> list[Answer]:
    return [Answer(text, lowest) for text in texts]


def read_set(goal: float | None = GOAL_SURE) -> Set:
    return Set("drawn, blue", [], TEXTS, goal)


ANSWERS = {
    OURS: answers("藏A12345", "藏B12345", "皖A12345", "皖B12346"),
    ALONE: answers("藏A12345", "藏B12345", "皖A12346", "皖B12346", lowest=SURE - 0.01),
    OTHER_HALF: answers("云A12345", "云B12345", "皖A12345", "皖B12345"),
    RAPIDOCR: answers("A12345", "B12345", "A12345", "B12345"),
}


def test_every_reader_has_its_share_and_the_goal_is_for_what_an_edge_runs() -> None:
    row = right_row(read_set(), ANSWERS)
    assert (row["ours"], row["peer"], row["ratio"], row["met"]) == (75.0, 50.0, 1.5, False)
    for told in (f"{ALONE} 50.0 (", f"{OTHER_HALF} 50.0 (", f"{RAPIDOCR} 0.0 (", "half of ours"):
        assert told in row["what"]
    assert right_row(read_set(0.7), ANSWERS)["met"] is True
    assert right_row(read_set(None), ANSWERS)["met"] is None


def test_nothing_read_by_the_other_half_leaves_nothing_to_compare_with() -> None:
    assert right_row(read_set(), ANSWERS | {OTHER_HALF: answers("", "", "", "")})["ratio"] is None


def test_told_wrongly_is_what_is_sure_of_every_character_and_wrong() -> None:
    assert told_wrongly(answers("藏A12346", "藏B12345", lowest=SURE), TEXTS[:2]) == (2, 1)
    assert told_wrongly(answers("藏A12346", lowest=SURE - 0.01), TEXTS[:1]) == (0, 0)
    assert told_wrongly([Answer("", 0.0)], TEXTS[:1]) == (0, 0)
    row = wrong_row(read_set(), ANSWERS)
    assert (row["ours"], row["peer"]) == (1, 2)
    assert f"{ALONE} 0 of 0 told" in row["what"]
    assert RAPIDOCR not in row["what"], "it tells no character's confidence"


def test_the_worst_province_is_told_by_its_character_and_by_whole_plates() -> None:
    rare = Set("drawn, police", [], ["皖A1234警"], GOAL_RARE)
    crops = Set("photographed", [], ["青A12345"], 0.99)
    everywhere, character, whole = province_rows(
        [
            (read_set(), answers("藏A12345", "云B12345", "皖A12345", "皖B12345")),
            (rare, answers("皖A12345")),
            (crops, answers("")),
        ]
    )
    assert not isinstance(everywhere, Row)
    assert not isinstance(character, Row)
    assert everywhere["ours"] == 80.0
    assert "5 plates" in everywhere["what"], "photographs are of one province"
    assert character["ours"] == 50.0
    assert "worst of 2 provinces: 藏, 2 plates" in character["what"]
    assert isinstance(whole, Row)
    assert (whole.ours, whole.met) == (50.0, False)


@pytest.mark.parametrize(("text", "plate"), [("皖A·93AC6", "皖A93AC6"), (" 京 Q-O0i1 ", "京Q0011"), ("", "")])
def test_a_general_readers_text_is_taken_as_a_plate_would_have_it(text: str, plate: str) -> None:
    assert cleaned(text) == plate


def test_only_crops_as_high_as_two_rows_are_put_in_one() -> None:
    one_row, two_rows = np.zeros((64, 200, 3), np.uint8), np.zeros((100, 200, 3), np.uint8)
    assert in_one_row(one_row) is one_row
    assert in_one_row(two_rows).shape[0] == 50
