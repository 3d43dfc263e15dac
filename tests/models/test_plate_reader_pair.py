"""Two readers as one: the other counts where ours doubts, and most where it is sure itself."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.plate_forms import CHARACTERS, COLOURS, NONE
from models.plate_reader import CHARACTERS as OTHER_CHARACTERS
from models.plate_reader import peaks
from models.plate_reader_own import PLACES, Weighed, read_of
from models.plate_reader_pair import chances_of, paired
from models.types import Float


def ours(text: str, doubts: dict[int, tuple[str, float]] | None = None) -> Weighed:
    table = np.full((PLACES, len(CHARACTERS) + 1), 1e-5, np.float32)
    for place in range(PLACES):
        table[place, CHARACTERS.index(text[place]) + 1 if place < len(text) else NONE] = 1.0
    for place, (character, chance) in (doubts or {}).items():
        table[place] *= 1 - chance
        table[place, CHARACTERS.index(character) + 1] = chance
    even = np.full(len(COLOURS), 1 / len(COLOURS), np.float32)
    return Weighed(np.asarray(np.log(table / table.sum(axis=1, keepdims=True)), np.float32), even, 0.0)


def theirs(text: str, chance: float = 0.99) -> Float:
    table = np.full((len(text), len(OTHER_CHARACTERS)), (1 - chance) / 71, np.float32)
    for place, character in enumerate(text):
        table[place, OTHER_CHARACTERS.index(character)] = chance
    return table


def test_a_doubt_of_ours_is_settled_by_the_other() -> None:
    doubtful = ours("京A12345", {6: ("6", 0.55)})
    assert read_of(doubtful).text == "京A12346"
    settled = read_of(paired(doubtful, theirs("京A12345")))
    assert settled.text == "京A12345"
    assert settled.confidences[6] > 0.9


def test_one_that_is_not_sure_itself_counts_for_less() -> None:
    wrong = {0: ("陕", 0.9)}
    assert read_of(paired(ours("皖A12345", wrong), theirs("皖A12345", 0.99))).text == "皖A12345"
    assert read_of(paired(ours("皖A12345", wrong), theirs("皖A12345", 0.8))).text == "陕A12345"


def test_two_that_are_firm_and_differ_make_nobody_sure() -> None:
    read = read_of(paired(ours("藏A12345", {0: ("藏", 0.97), 3: ("2", 0.9)}), theirs("川A12345", 0.98)))
    assert read.text in {"藏A12345", "川A12345"}
    assert 0.4 < read.confidences[0] < 0.6
    assert min(read.confidences[1:]) > 0.9


@given(st.floats(0.52, 0.999), st.floats(0.96, 0.999))
def test_a_character_that_ours_calls_impossible_is_never_told_for_sure(known: float, sure: float) -> None:
    read = read_of(paired(ours("藏A12345", {0: ("藏", known)}), theirs("川A12345", sure)))
    assert min(read.confidences[0], read.confidences[-1]) < 0.6


def test_of_two_that_contradict_each_other_the_one_is_told_that_is_surer_of_the_rest() -> None:
    knowing, guessing = ours("藏A12345", {0: ("藏", 0.97)}), ours("藏A12345", {0: ("藏", 0.97), 3: ("3", 0.45)})
    assert read_of(paired(knowing, theirs("川A12345", 0.99))).text == "藏A12345"
    assert read_of(paired(knowing, theirs("川A12345", 0.999))).text == "川A12345"
    assert read_of(paired(guessing, theirs("川A12345", 0.99))).text == "川A12345"


def test_a_text_is_no_surer_than_that_the_plate_ends_there() -> None:
    ends = {7: ("5", 0.45)}
    read = read_of(ours("沪AD1234", ends))
    assert read.text == "沪AD1234"
    assert read.confidences[-1] == pytest.approx(0.55, abs=0.01)
    assert min(read.confidences[:-1]) > 0.9


def test_the_longest_plate_has_no_place_to_end_at() -> None:
    assert min(read_of(ours("京A12345应急"[:9])).confidences) > 0.9


def test_what_we_are_sure_of_one_that_is_not_sure_does_not_change() -> None:
    assert read_of(paired(ours("京A1234学"), theirs("京A12349", 0.8))).text == "京A1234学"


@pytest.mark.parametrize("text", ["京A1234", "京A123456", ""])
def test_another_count_of_characters_is_no_opinion(text: str) -> None:
    own = ours("京A12345")
    assert paired(own, theirs(text)) is own


def test_where_ours_makes_nothing_of_it_one_that_is_sure_is_told_and_one_that_is_not_is_no_help() -> None:
    even = np.full((PLACES, len(CHARACTERS) + 1), -np.log(len(CHARACTERS) + 1), np.float32)
    nothing = Weighed(even, np.full(len(COLOURS), 1 / len(COLOURS), np.float32), 0.0)
    assert read_of(nothing).text == ""
    assert read_of(paired(nothing, theirs("京AD12345", 0.99))).text == "京AD12345"
    assert paired(nothing, theirs("京AD12345", 0.8)) is nothing


def test_where_the_other_says_nothing_stands_it_says_none() -> None:
    chances = chances_of(theirs("京A12345"))
    assert chances.shape == (PLACES, len(CHARACTERS) + 1)
    assert [int(row.argmax()) for row in chances[7:]] == [NONE, NONE]
    assert "".join(CHARACTERS[int(row.argmax()) - 1] for row in chances[:7]) == "京A12345"


def test_the_surest_step_of_each_run_speaks_for_its_character() -> None:
    steps = np.full((6, 73), 0.001, np.float32)
    for step, (symbol, chance) in enumerate([(11, 0.5), (11, 0.9), (0, 0.9), (11, 0.6), (12, 0.7), (0, 0.9)]):
        steps[step, symbol] = chance
    surest = peaks(steps)
    assert surest.shape == (3, 72)
    np.testing.assert_allclose(surest.max(axis=1), [0.9, 0.6, 0.7])
    assert surest.argmax(axis=1).tolist() == [10, 10, 11]


def test_nothing_read_gives_no_rows() -> None:
    assert peaks(np.eye(73, dtype=np.float32)[[0, 0]]).shape == (0, 72)
