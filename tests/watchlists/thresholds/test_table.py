"""Thresholds rise with the gallery, and nobody invents one for a model that was never measured."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.contract.ids import ModelId
from models.face_embedder import model_id
from models.manifest import Task, load_manifest
from watchlists.errors import UnknownModelError
from watchlists.thresholds import SFACE, Calibration, Threshold, calibration_of


@pytest.mark.parametrize(
    ("searched", "cosine", "basis"),
    [
        (0, 0.429, "floor"),
        (50, 0.429, "floor"),
        (200, 0.429, "measured"),
        (447, 0.449, "interpolated"),  # the geometric middle of 200 and 1,000
        (1000, 0.469, "measured"),
        (1680, 0.483, "measured"),
        (2822, 0.497, "extrapolated"),  # as far beyond 1,680 as 1,680 is beyond 1,000, in log N
    ],
)
def test_the_1_n_threshold_follows_the_size_of_the_gallery(searched: int, cosine: float, basis: str) -> None:
    threshold = SFACE.identify_at(searched)
    assert threshold.cosine == pytest.approx(cosine, abs=2e-4)
    assert threshold.basis == basis


@given(st.integers(0, 10**9), st.integers(0, 10**9))
def test_a_larger_gallery_never_has_a_lower_threshold(one: int, other: int) -> None:
    small, large = sorted((one, other))
    assert SFACE.identify_at(small).cosine <= SFACE.identify_at(large).cosine <= 1.0


def test_the_model_we_ship_has_thresholds() -> None:
    weights = load_manifest().model("sface").file_for(Task.FACE_EMBEDDING)
    assert calibration_of(ModelId(model_id("sface", weights.sha256))) is SFACE


@pytest.mark.parametrize("model", ["sface@ffffffffffff", "buffalo_l@0ba9fbfa01b5", ""])
def test_an_unmeasured_model_is_refused_with_what_to_do(model: str) -> None:
    with pytest.raises(UnknownModelError, match="face_embedder"):
        calibration_of(ModelId(model))


SITE = Calibration(
    identify=((800, 0.40), (1000, 0.41), (1200, 0.42), (10_000, 0.45)),
    verify=0.39,
    bases=("measured", "measured", "fitted", "extrapolated"),
    made_for=1000,
    fallback=SFACE,
)


@pytest.mark.parametrize(
    ("loaded", "state"), [(1000, "ok"), (800, "ok"), (1200, "ok"), (799, "stale"), (1201, "stale")]
)
def test_a_calibration_goes_stale_20_percent_away_from_what_it_was_made_for(loaded: int, state: str) -> None:
    assert SITE.standing(loaded).state == state


@given(st.integers(1, 10**6))
def test_the_limits_of_staleness_are_exact_whatever_the_size(made_for: int) -> None:
    site = replace(SITE, made_for=made_for)
    assert site.standing(made_for + made_for // 5).state == "ok"
    assert site.standing(made_for - made_for // 5).state == "ok"
    assert site.standing(made_for + made_for // 5 + 1).state == "stale"


def test_a_stale_one_says_by_how_much_and_what_to_do() -> None:
    text = SITE.standing(1500).text
    assert "calibrated for 1000 templates, 1500 are loaded (+50%)" in text
    assert "anju watchlists calibrate --gallery 1500" in text


@pytest.mark.parametrize(("loaded", "state"), [(0, "ok"), (1680, "ok"), (2016, "ok"), (2017, "stale")])
def test_the_built_in_table_is_stale_beyond_what_was_measured(loaded: int, state: str) -> None:
    assert SFACE.standing(loaded).state == state


@pytest.mark.parametrize(
    ("searched", "cosine", "basis"),
    [
        (50, 0.40, "floor"),
        (1000, 0.41, "measured"),
        (1100, 0.4152, "interpolated"),
        (1200, 0.42, "fitted"),
        (1680, 0.483, "measured"),  # beyond what it covers: the built-in one, being higher
    ],
)
def test_a_site_has_its_own_thresholds_as_far_as_it_was_calibrated(searched: int, cosine: float, basis: str) -> None:
    threshold = SITE.identify_at(searched)
    assert threshold.cosine == pytest.approx(cosine, abs=2e-4)
    assert threshold.basis == basis


@given(st.integers(1201, 10**7))
def test_an_outgrown_calibration_is_never_below_the_built_in_one(searched: int) -> None:
    assert SITE.identify_at(searched).cosine >= SFACE.identify_at(searched).cosine


@given(st.integers(1201, 10**7))
def test_an_outgrown_calibration_that_is_higher_stays_in_use(searched: int) -> None:
    strict = replace(SITE, identify=((800, 0.60), (1000, 0.61), (1200, 0.62), (10_000, 0.65)))
    assert strict.identify_at(searched).cosine >= 0.62


@given(st.integers(0, 10**9), st.integers(0, 10**9))
def test_a_larger_gallery_never_has_a_lower_threshold_on_a_site(one: int, other: int) -> None:
    small, large = sorted((one, other))
    assert SITE.identify_at(small).cosine <= SITE.identify_at(large).cosine <= 1.0


def test_a_table_of_one_size_holds_beyond_it_and_says_so() -> None:
    one = Calibration(identify=((100, 0.5),), verify=0.4)
    assert one.identify_at(5000) == Threshold(0.5, "extrapolated")
