"""Misreads come likeliest first, each once, and are all there."""

from __future__ import annotations

from itertools import islice, pairwise, product
from math import prod

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.contract.plate_digest import fold, misreads
from tests.watchlists.plates.support import CLOSE_PLATES, PLATES
from watchlists.plates.misreads import USUAL_CONFIDENCE, likeliest_misreads


@st.composite
def reads(draw: st.DrawFn) -> tuple[str, list[float]]:
    text = draw(CLOSE_PLATES | PLATES)
    return text, draw(st.lists(st.floats(0, 1), min_size=len(text), max_size=len(text)))


def slowly(text: str, confidences: list[float]) -> dict[str, float]:
    """Every misread of ``text`` and its odds, by the definition."""
    others = dict(misreads(text))
    choices = [[character, *others.get(at, "")] for at, character in enumerate(text)]
    doubts = [(1 - min(max(one, 0.5), 0.999)) / min(max(one, 0.5), 0.999) for one in confidences]
    every = ("".join(chosen) for chosen in product(*choices))
    return {
        one: prod(doubts[at] / len(others[at]) for at in range(len(text)) if one[at] != text[at])
        for one in every
        if one != text
    }


@given(reads())
def test_they_are_those_of_the_definition_each_once_by_falling_odds(read: tuple[str, list[float]]) -> None:
    found = list(likeliest_misreads(*read))
    expected = slowly(*read)
    assert len(found) == len(expected)
    assert dict(found) == pytest.approx(expected)
    odds = [one.odds for one in found]
    assert all(later <= earlier * (1 + 1e-9) for earlier, later in pairwise(odds))
    assert all(fold(one.text) == fold(read[0]) for one in found)


def test_a_character_without_a_double_is_never_misread() -> None:
    assert list(likeliest_misreads("苏E34694")) == []


def test_without_confidences_every_character_is_doubted_alike() -> None:
    text = "京A80345"
    assert list(likeliest_misreads(text)) == list(likeliest_misreads(text, [USUAL_CONFIDENCE] * len(text)))


def test_the_odds_of_a_misread_are_the_doubt_about_it_shared_by_all_that_it_may_be() -> None:
    first, second = islice(likeliest_misreads("苏E80469", [0.999, 0.999, 0.999, 0.6, 0.99, 0.99, 0.99]), 2)
    assert (first.text, second.text) == ("苏E8D469", "苏E8Q469")
    assert [first.odds, second.odds] == pytest.approx([0.4 / 0.6 / 2] * 2)


def test_a_single_misread_of_a_sure_character_is_less_likely_than_two_doubted_ones() -> None:
    order = [one.text for one in likeliest_misreads("苏E8B469", [0.99, 0.99, 0.6, 0.6, 0.99, 0.99, 0.99])]
    assert order == ["苏EBB469", "苏E88469", "苏EB8469"]
    order = [one.text for one in likeliest_misreads("苏E8B584", [0.99, 0.99, 0.6, 0.6, 0.999, 0.999, 0.99])]
    assert order.index("苏EB8584") < order.index("苏E8BS84")


@given(st.text("08B1", max_size=200))
def test_even_of_a_long_text_the_first_ones_come_at_once(text: str) -> None:
    assert len(list(islice(likeliest_misreads(text), 64))) <= 64
