"""Where scores end the tail goes on, with an interval that holds the truth, and says when it can't."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from tests.watchlists.thresholds.people import drawn_set
from watchlists.thresholds.errors import BadScoresError, TooFewPeopleError
from watchlists.thresholds.rates import searching
from watchlists.thresholds.scores import Comparisons, score_set
from watchlists.thresholds.tail import EXCEEDANCES, TailFit, fit_tail


def tail_of(count: int, seed: int) -> TailFit:
    return fit_tail(searching(drawn_set(count, seed), 1))


def test_a_known_tail_is_found_again() -> None:
    """100,000 pairs of people who meet once, their scores exponential above 0.2 with scale 0.03."""
    count = 100_000
    score = 0.2 + np.random.default_rng(9).exponential(0.03, count)
    person = np.arange(count)
    fit = fit_tail(
        searching(score_set(Comparisons(np.minimum(score, 1.0), person < 0, person, person + count, person)), 1)
    )
    assert fit.exceedances == 1000
    assert fit.share == pytest.approx(0.01, rel=0.01)
    assert fit.above == pytest.approx(0.2 + 0.03 * np.log(100), abs=0.01)
    assert fit.shape == pytest.approx(0.0, abs=0.1)
    assert fit.scale == pytest.approx(0.03, rel=0.15)
    assert fit.shape == pytest.approx(stats.genpareto.fit(score[score > fit.above] - fit.above, floc=0)[0], abs=0.01)


def test_where_scores_are_the_tail_agrees_with_counting() -> None:
    searches = searching(drawn_set(600, seed=8), 1)
    fit = fit_tail(searches)
    for cosine in np.linspace(fit.above, fit.above + 3 * fit.scale, 5):
        assert fit.fpir(float(cosine), 1) == pytest.approx(searches.rate(float(cosine)), rel=0.15)


def test_the_threshold_is_where_the_rate_is_the_wanted_one() -> None:
    fit = tail_of(300, seed=2)
    for gallery in (500, 5_000, 500_000):
        assert fit.fpir(fit.cosine_for(0.01, gallery), gallery) == pytest.approx(0.01, rel=1e-6)


def test_it_never_answers_from_below_where_it_was_fitted() -> None:
    fit = tail_of(300, seed=2)
    assert fit.cosine_for(0.999, 2) == fit.above


def test_no_more_than_the_highest_scores_are_fitted() -> None:
    assert tail_of(600, seed=2).exceedances == EXCEEDANCES


def test_too_few_comparisons_say_how_many_are_missing() -> None:
    with pytest.raises(TooFewPeopleError, match="7550 more are needed"):
        tail_of(50, seed=1)


def test_scores_that_are_all_equal_have_no_tail() -> None:
    person = np.arange(20_000)
    scores = score_set(Comparisons(np.full(20_000, 0.5), person < 0, person, person + 20_000, person))
    with pytest.raises(BadScoresError, match="unrounded"):
        fit_tail(searching(scores, 1))
