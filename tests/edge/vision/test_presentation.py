"""A pass is a face's only when something looked at every shot compared, and found faces."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.contract.config import PresentationPolicy
from core.contract.vocabulary import Presentation
from edge.vision.presentation import LEAST_SHOTS, may_be_compared, presentation_of

LIMIT = 0.5
scores = st.lists(st.floats(0, 1), max_size=6)


@pytest.mark.parametrize(
    ("seen", "unchecked", "word"),
    [
        ([], 0, Presentation.NOT_CHECKED),
        ([], 2, Presentation.NOT_CHECKED),
        ([0.9], 0, Presentation.NOT_CHECKED),
        ([0.9, 0.9], 0, Presentation.NOT_CHECKED),
        ([0.9] * 3, 0, Presentation.BONA_FIDE),
        ([LIMIT] * 3, 0, Presentation.BONA_FIDE),
        ([0.49], 0, Presentation.ATTACK),
        ([0.9, 0.2, 0.9], 0, Presentation.BONA_FIDE),
        ([0.6, 0.1, 0.2], 0, Presentation.ATTACK),
        ([0.9, 0.9, 0.9], 1, Presentation.NOT_CHECKED),
        ([0.1], 1, Presentation.ATTACK),
        ([math.nan, 0.9], 0, Presentation.ATTACK),
    ],
)
def test_the_word_for_a_pass(seen: list[float], unchecked: int, word: Presentation) -> None:
    assert presentation_of(seen, LIMIT, unchecked=unchecked) is word


@pytest.mark.parametrize(
    ("score", "policy", "compared"),
    [
        (0.5, "if_available", True),
        (0.5, "required", True),
        (0.49, "if_available", False),
        (0.49, "required", False),
        (None, "if_available", True),
        (None, "required", False),
        (math.nan, "if_available", False),
    ],
)
def test_what_may_be_compared(score: float | None, policy: PresentationPolicy, compared: bool) -> None:
    assert may_be_compared(score, LIMIT, policy) is compared


@given(scores, st.integers(0, 3))
def test_nothing_is_a_face_that_was_looked_at_too_seldom_or_of_which_a_shot_was_not(
    seen: list[float], unchecked: int
) -> None:
    if len(seen) < LEAST_SHOTS or unchecked:
        assert presentation_of(seen, LIMIT, unchecked=unchecked) is not Presentation.BONA_FIDE


@given(scores, st.floats(0, 1))
def test_a_better_shot_never_makes_a_face_a_picture_and_the_order_does_not_matter(
    seen: list[float], more: float
) -> None:
    if not seen or math.isclose(sum(seen) / len(seen), LIMIT):
        return  # rounding decides
    before = presentation_of(seen, LIMIT)
    assert presentation_of(seen[::-1], LIMIT) is before
    if before is Presentation.BONA_FIDE and more >= LIMIT:
        assert presentation_of([*seen, more], LIMIT) is Presentation.BONA_FIDE
