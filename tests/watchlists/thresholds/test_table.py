"""Thresholds rise with the gallery, and nobody invents one for a model that was never measured."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.contract.ids import ModelId
from models.face_embedder import model_id
from models.manifest import Task, load_manifest
from watchlists.errors import UnknownModelError
from watchlists.thresholds import SFACE, calibration_of


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
