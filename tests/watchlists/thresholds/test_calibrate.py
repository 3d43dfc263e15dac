"""A calibration is a table that only rises, says what each row rests on, and refuses what it can't know."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.watchlists.thresholds.people import MODEL, NOON, drawn_calibration, drawn_set, people
from watchlists.thresholds.calibrate import Calibrator, Wanted, calibrate, sizes_around
from watchlists.thresholds.curves import curves
from watchlists.thresholds.errors import BadTargetError, NoImpostorsError, ThresholdError, TooFewPeopleError
from watchlists.thresholds.scores import Comparisons, everybody_with_everybody, score_set


@cache
def calibrator() -> Calibrator:
    return Calibrator(drawn_set(320, seed=1, pictures=2))


def test_each_row_says_what_it_rests_on() -> None:
    rows = {row.gallery: row for row in drawn_calibration(gallery=100).identify}
    assert list(rows) == [80, 100, 120, 200, 500, 1000]
    assert rows[100].basis == "measured"
    assert rows[1000].basis == "extrapolated"
    assert rows[100].fpir.estimate <= 0.01 <= rows[100].fpir.high
    assert rows[100].fnir is not None


def test_what_stands_behind_it_is_counted() -> None:
    counts = drawn_calibration().counts
    assert (counts.people_searched, counts.non_mated_searches, counts.impostor_comparisons) == (320, 640, 640 * 319)
    assert (counts.people_searched_mated, counts.mated_searches) == (320, 320)


def test_the_tail_is_told_where_it_was_used() -> None:
    tail = drawn_calibration().tail
    assert tail is not None
    assert tail.exceedances == pytest.approx(2000, abs=1)
    assert -0.5 <= tail.shape <= 0.5


def test_the_same_scores_give_the_same_calibration() -> None:
    one, other = everybody_with_everybody(*people(300, seed=6)), everybody_with_everybody(*people(300, seed=6))
    made = calibrate(one, Wanted(MODEL, 50), now=NOON, made_by="anju test")
    assert made == calibrate(other, Wanted(MODEL, 50), now=NOON, made_by="anju test")
    assert made.scores_sha256 == one.sha256


@given(st.integers(1, 100_000), st.floats(0.01, 0.5), st.floats(0.01, 0.5))
@settings(max_examples=40)
def test_wanting_fewer_strangers_never_lowers_the_threshold(gallery: int, one: float, other: float) -> None:
    strict, lenient = (calibrator().choose(gallery, target) for target in sorted((one, other)))
    if strict.basis == lenient.basis:  # counted and fitted rates differ by what chance left in the set
        assert strict.cosine >= lenient.cosine


@given(st.integers(1, 20_000))
@settings(max_examples=15)
def test_a_table_never_falls_and_covers_what_was_asked_for(gallery: int) -> None:
    calibration = calibrate(calibrator().scores, Wanted(MODEL, gallery), now=NOON, made_by="anju test")
    cosines = [row.cosine for row in calibration.identify]
    assert cosines == sorted(cosines)
    assert calibration.chosen.gallery == gallery
    assert all(row.fpir.low <= row.fpir.estimate <= row.fpir.high for row in calibration.identify)
    assert calibration.table().standing(gallery).state == "ok"


@given(st.integers(0, 2**32 - 1), st.integers(0, 3), st.floats(0.01, 1.0), st.booleans())
@settings(max_examples=40)
def test_whatever_was_compared_with_whom_it_is_a_calibration_or_a_sentence(
    seed: int, digits: int, kept: float, apart: bool
) -> None:
    """Rounded scores, pairs left out at random, probes and references of the same people or of others."""
    draw = np.random.default_rng(seed)
    probe, gallery = np.divmod(np.arange(310 * 60), 60)
    gallery += 310 * apart
    chosen = draw.random(len(probe)) < kept
    score = np.round(draw.normal(0.1, 0.15, len(probe)).clip(-1, 1), digits)
    rows = (score[chosen], (probe == gallery)[chosen], probe[chosen], gallery[chosen], np.zeros(chosen.sum(), int))
    try:
        calibration = calibrate(
            score_set(Comparisons(*rows)), Wanted(MODEL, int(draw.integers(1, 300))), now=NOON, made_by="anju test"
        )
    except ThresholdError:
        return
    assert all(row.fpir.low <= row.fpir.estimate <= row.fpir.high for row in calibration.identify)


@given(st.integers(1, 10_000_000))
def test_the_sizes_of_a_table_rise_and_fit_a_file(gallery: int) -> None:
    sizes = sizes_around(gallery)
    assert sizes == sorted(set(sizes))
    assert gallery in sizes
    assert sizes[0] >= 1
    assert len(sizes) <= 100


@pytest.mark.parametrize(
    ("count", "fpir", "message"),
    [(299, 0.01, "takes 300 .*1 more"), (200, 0.003, "takes 1000 .*800 more"), (10, 0.01, "290 more")],
)
def test_too_few_people_say_how_many_more_are_needed(count: int, fpir: float, message: str) -> None:
    with pytest.raises(TooFewPeopleError, match=message):
        calibrate(drawn_set(count, seed=1), Wanted(MODEL, 5, fpir), now=NOON, made_by="anju test")


@pytest.mark.parametrize(
    ("gallery", "fpir", "fmr"), [(0, 0.01, 1e-4), (-3, 0.01, 1e-4), (5, 0.0, 1e-4), (5, 1.0, 1e-4), (5, 0.01, 2.0)]
)
def test_what_means_nothing_can_not_be_wanted(gallery: int, fpir: float, fmr: float) -> None:
    with pytest.raises(BadTargetError):
        Wanted(MODEL, gallery, fpir, fmr)


def test_pictures_of_one_person_say_nothing_about_strangers() -> None:
    with pytest.raises(NoImpostorsError, match="mated 0"):
        everybody_with_everybody(*people(1, seed=1, pictures=3))


def test_curves_cross_the_threshold_and_fall_and_rise() -> None:
    calibration = drawn_calibration(gallery=100)
    drawn = curves(drawn_set(320, seed=1, pictures=2), calibration).points
    fpir = [point.fpir.estimate for point in drawn if point.fpir]
    fnir = [point.fnir.estimate for point in drawn if point.fnir]
    assert fpir == sorted(fpir, reverse=True)
    assert fnir == sorted(fnir)
    assert len(fpir) == len(fnir) == len(drawn)
    at = {point.cosine: point for point in drawn}[calibration.chosen.cosine]
    assert at.fpir == calibration.chosen.fpir
    assert any(point.fitted for point in drawn)
