"""On people whose likeness is known exactly: thresholds give the wanted rate, and intervals hold the truth.

Fifty estates of 300 people each are drawn once; each test looks at one thing in all of them.
"""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from tests.watchlists.thresholds.people import cosine_of, drawn_set, true_fpir
from watchlists.thresholds.file import Rate
from watchlists.thresholds.rates import Searching, searching
from watchlists.thresholds.scores import ScoreSet
from watchlists.thresholds.tail import TailFit, fit_tail

ESTATES = 50
AS_OFTEN = float(stats.binom.ppf(0.001, ESTATES, 0.95))
"""Intervals of 95 % hold the truth less often than this in one of a thousand such tests."""


@pytest.fixture(scope="module")
def estates() -> list[ScoreSet]:
    return [drawn_set(300, seed) for seed in range(ESTATES)]


@pytest.fixture(scope="module")
def tails(estates: list[ScoreSet]) -> list[TailFit]:
    return [fit_tail(searching(estate, 1)) for estate in estates]


@pytest.mark.parametrize(("gallery", "fpir"), [(250, 0.02), (100, 0.02), (40, 0.01), (1, 0.001)])
def test_where_there_are_scores_intervals_hold_the_truth(estates: list[ScoreSet], gallery: int, fpir: float) -> None:
    cosine = cosine_of(fpir, gallery)
    rates = [searching(estate, gallery).rate_within(cosine) for estate in estates]
    assert _held(rates, [fpir] * ESTATES) >= AS_OFTEN
    assert np.mean([rate.estimate for rate in rates]) == pytest.approx(fpir, rel=0.25)


@pytest.mark.parametrize(("gallery", "fpir"), [(200, 0.02), (50, 0.01)])
def test_on_people_never_seen_a_threshold_gives_the_wanted_rate_within_its_interval(
    estates: list[ScoreSet], gallery: int, fpir: float
) -> None:
    chosen: list[tuple[Searching, float]] = [
        (searches, searches.lowest_cosine(fpir)) for searches in (searching(estate, gallery) for estate in estates)
    ]
    truths = [true_fpir(cosine, gallery) for _, cosine in chosen]
    assert _held([searches.rate_within(cosine) for searches, cosine in chosen], truths) >= AS_OFTEN
    assert np.median(truths) == pytest.approx(fpir, rel=0.25)


@pytest.mark.parametrize("gallery", [1_000, 10_000])
def test_beyond_the_scores_intervals_hold_the_truth(tails: list[TailFit], gallery: int) -> None:
    """300 people are 45,000 pairs; 1 % in 10,000 is one pair in a million."""
    cosine = cosine_of(0.01, gallery)
    assert _held([tail.fpir_within(cosine, gallery) for tail in tails], [0.01] * ESTATES) >= AS_OFTEN


def test_what_is_extrapolated_is_right_in_the_middle(tails: list[TailFit]) -> None:
    truths = [true_fpir(tail.cosine_for(0.01, 1_000), 1_000) for tail in tails]
    assert 0.005 < np.median(truths) < 0.02


def _held(rates: list[Rate], truths: list[float]) -> int:
    return sum(rate.low <= truth <= rate.high for rate, truth in zip(rates, truths, strict=True))
