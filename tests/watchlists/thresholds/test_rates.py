"""Counted rates are what one would count by hand, and their intervals hold the truth as often as they say."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy import stats

from tests.watchlists.thresholds.people import drawn_set
from watchlists.thresholds.errors import BadTargetError
from watchlists.thresholds.rates import interval, missed, searching
from watchlists.thresholds.scores import Comparisons, ScoreSet, score_set

SMALL = drawn_set(9, seed=3)
LARGE = drawn_set(400, seed=4, pictures=2)


def by_hand(scores: ScoreSet, gallery: int, cosine: float) -> float:
    """Share of searches with a hit, over every gallery there is."""
    shares = []
    for search in range(len(scores.search_person)):
        own = scores.impostor[scores.impostor_search == search]
        galleries = list(combinations(own, gallery))
        shares.append(np.mean([max(drawn) >= cosine for drawn in galleries]))
    return float(np.mean(shares))


@pytest.mark.parametrize("gallery", [1, 2, 5, 8])
@pytest.mark.parametrize("cosine", [-0.2, 0.0, 0.15, 0.3, 0.9])
def test_fpir_is_the_mean_over_every_gallery_that_can_be_drawn(gallery: int, cosine: float) -> None:
    assert searching(SMALL, gallery).rate(cosine) == pytest.approx(by_hand(SMALL, gallery, cosine), abs=1e-9)


@given(st.integers(1, 380), st.integers(1, 380), st.floats(-0.5, 0.8), st.floats(-0.5, 0.8))
@settings(max_examples=60)
def test_fpir_rises_with_the_gallery_and_falls_with_the_threshold(
    one: int, other: int, here: float, there: float
) -> None:
    small, large = sorted((one, other))
    low, high = sorted((here, there))
    assert searching(LARGE, small).rate(low) <= searching(LARGE, large).rate(low) + 1e-9
    assert searching(LARGE, large).rate(high) <= searching(LARGE, large).rate(low) + 1e-9


@given(st.integers(1, 380), st.floats(0.005, 0.9), st.floats(0.005, 0.9))
@settings(max_examples=60)
def test_the_threshold_keeps_the_wanted_rate_and_rises_when_less_is_wanted(
    gallery: int, one: float, other: float
) -> None:
    searches = searching(LARGE, gallery)
    strict, lenient = sorted((one, other))
    assert searches.rate(searches.lowest_cosine(strict)) <= strict
    assert searches.lowest_cosine(lenient) <= searches.lowest_cosine(strict)


def test_a_person_with_many_pictures_counts_once() -> None:
    """One of two people is found among three others in one of one searches, the other in none of nine."""
    rows = [(0.9, "a", "1", "x"), (0.1, "a", "1", "y")]
    rows += [(0.1, "b", str(search), other) for search in range(9) for other in "xy"]
    assert searching(_scores(rows), 2).rate(0.5) == pytest.approx(0.5)


def test_without_an_error_the_rule_of_three_holds() -> None:
    rows = [(0.1, f"p{person}", "1", "x") for person in range(1000)]
    rate = searching(_scores(rows), 1).rate_within(0.5)
    assert (rate.estimate, rate.low) == (0.0, 0.0)
    assert rate.high == pytest.approx(0.003, rel=0.01)


def test_everybody_with_everybody_is_half_as_many_trials_because_errors_come_in_twos() -> None:
    scores = drawn_set(301, seed=5)
    rate = searching(scores, 300).rate_within(0.99)
    assert rate.high == pytest.approx(3 / 150, rel=0.02)


def test_with_independent_searches_the_interval_is_clopper_and_pearsons() -> None:
    """Each person against a gallery of their own: nothing is shared."""
    rows = [(0.9 if person < 12 else 0.1, f"p{person}", "1", f"g{person}") for person in range(400)]
    rate = searching(_scores(rows), 1).rate_within(0.5)
    exact = stats.binomtest(12, 400).proportion_ci(0.95, "exact")
    assert (rate.low, rate.high) == pytest.approx((exact.low, exact.high), rel=0.05)


def test_a_face_that_looks_like_many_makes_the_interval_wider() -> None:
    """As many wrong comparisons, once spread over all references and once all with the same one."""
    spread = [
        (0.9 if person % 20 == other else 0.1, f"p{person}", "1", f"g{other}")
        for person in range(200)
        for other in range(200)
    ]
    one = [
        (0.9 if other == 0 and person % 20 == 0 else 0.1, f"p{person}", "1", f"g{other}")
        for person in range(200)
        for other in range(200)
    ]
    fewer = [row for row in spread if not (row[0] > 0.5 and int(row[1][1:]) >= 10)] + [
        (0.1, *row[1:]) for row in spread if row[0] > 0.5 and int(row[1][1:]) >= 10
    ]
    wide, narrow = (searching(_scores(rows), 1).rate_within(0.5) for rows in (one, fewer))
    assert wide.estimate == pytest.approx(narrow.estimate)
    assert wide.high > 1.5 * narrow.high


def test_fnir_is_the_share_of_own_references_below_the_threshold_each_person_once() -> None:
    rows = [(0.1, "a", "1", "b"), (0.2, "a", "1", "a"), (0.9, "a", "2", "a"), (0.8, "b", "1", "b")]
    rate = missed(_scores(rows), 0.5)
    assert rate is not None
    assert rate.estimate == pytest.approx(0.25)


def test_without_own_references_fnir_is_unknown() -> None:
    assert missed(_scores([(0.1, "a", "1", "b")]), 0.5) is None


@pytest.mark.parametrize("gallery", [0, -5])
def test_an_empty_gallery_is_refused(gallery: int) -> None:
    with pytest.raises(BadTargetError, match="at least 1 template"):
        searching(SMALL, gallery)


@given(st.floats(0, 1), st.floats(0, 0.3), st.integers(1, 10_000))
@example(5e-324, 0.0, 5)
def test_an_interval_holds_its_estimate(estimate: float, variance: float, trials: int) -> None:
    rate = interval(estimate, variance, fewest=trials, most=2 * trials)
    assert 0 <= rate.low <= rate.estimate <= rate.high <= 1


def _scores(rows: list[tuple[float, str, str, str]]) -> ScoreSet:
    names = sorted({name for row in rows for name in (row[1], row[3])})
    number = {name: at for at, name in enumerate(names)}
    probe, gallery = np.array([number[row[1]] for row in rows]), np.array([number[row[3]] for row in rows])
    return score_set(
        Comparisons(
            np.array([row[0] for row in rows]),
            probe == gallery,
            probe,
            gallery,
            np.array([int(row[2]) for row in rows]),
        )
    )
