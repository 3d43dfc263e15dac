"""The likeliest text a plate can bear is found, and the forms are those of the contract."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.contract.plates import parse_plate
from models.plate_forms import CHARACTERS, COLOURS, FORMS, NONE, best_text
from models.types import Float

PLACES = 9
EVEN = np.full(len(COLOURS), 1 / len(COLOURS), np.float32)


def chances(text: str, doubts: dict[int, tuple[str, float]] | None = None) -> Float:
    """Log chances that say ``text``, but for ``doubts``: a character and its chance at a place."""
    table = np.full((PLACES, len(CHARACTERS) + 1), 1e-5, np.float32)
    for place in range(PLACES):
        table[place, CHARACTERS.index(text[place]) + 1 if place < len(text) else NONE] = 0.99
    for place, (character, chance) in (doubts or {}).items():
        table[place, CHARACTERS.index(character) + 1] = chance
    return np.asarray(np.log(table / table.sum(axis=1, keepdims=True)), np.float32)


def only(colour: str) -> Float:
    return np.asarray([0.98 if name == colour else 0.02 / 6 for name in COLOURS], np.float32)


@pytest.mark.parametrize(
    "text",
    [
        "京A12345",
        "沪AF12345",
        "粤B12345D",
        "鲁B1234警",
        "川A1234学",
        "川A1234挂",
        "粤Z1234港",
        "123456使",
        "使123456",
        "沪12345领",
        "沪A1234领",
        "京A1234应急",
        "京A12345应急",
        "WJ京12345",
        "WJ12345",
        "KA12345",
    ],
)
def test_a_plate_is_told_as_it_is_seen(text: str) -> None:
    assert best_text(chances(text), EVEN).text == text


def test_a_character_that_cannot_stand_there_gives_way_to_the_likeliest_that_can() -> None:
    seen = chances("京812345", {1: ("B", 0.2)})
    assert best_text(seen, EVEN).text == "京B12345"


def test_the_last_sign_decides_with_the_ground() -> None:
    doubtful = chances("京A12349", {6: ("学", 0.9)})
    assert best_text(doubtful, only("yellow")).text == "京A12349"
    assert best_text(chances("京A12349", {6: ("警", 0.9)}), only("white")).text == "京A1234警"


def test_a_green_ground_asks_for_the_eighth_character() -> None:
    seen = chances("京AD1234", {7: ("5", 0.3)})
    assert best_text(seen, only("green")).text == "京AD12345"
    assert best_text(seen, only("blue")).text == "京AD1234"


@given(st.integers(0, len(FORMS) - 1), st.randoms())
def test_every_text_of_a_form_is_a_plate_of_the_contract(form: int, choice: object) -> None:
    text = "".join(choice.choice(place) for place in FORMS[form].places)  # type: ignore[attr-defined]
    assert parse_plate(text) is not None, text


@given(st.integers(0, 2**32 - 1))
def test_whatever_is_seen_a_well_formed_text_is_told(seed: int) -> None:
    rng = np.random.default_rng(seed)
    noise = np.log(rng.dirichlet(np.ones(len(CHARACTERS) + 1), PLACES)).astype(np.float32)
    assert parse_plate(best_text(noise, EVEN).text) is not None
