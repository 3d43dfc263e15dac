"""The curves can be drawn, as pixels or as vectors, and the picture says which threshold was chosen."""

from __future__ import annotations

from pathlib import Path

import cv2
import pytest

from tests.watchlists.thresholds.people import drawn_calibration, drawn_set
from watchlists.thresholds import plot
from watchlists.thresholds.curves import curves
from watchlists.thresholds.errors import ThresholdError
from watchlists.thresholds.plot import check_plot_path, write_plot


@pytest.mark.parametrize("gallery", [100, 5000])
def test_the_threshold_stands_in_the_picture(tmp_path: Path, gallery: int) -> None:
    calibration = drawn_calibration(gallery=gallery)
    drawn = curves(drawn_set(320, seed=1, pictures=2), calibration)
    write_plot(tmp_path / "curve.svg", calibration, drawn)
    write_plot(tmp_path / "curve.png", calibration, drawn)
    assert f"threshold {calibration.chosen.cosine:.4f}" in (tmp_path / "curve.svg").read_text()
    picture = cv2.imread(str(tmp_path / "curve.png"))
    assert picture is not None
    assert picture.shape == (810, 1350, 3)


def test_another_kind_of_file_is_refused_before_the_work() -> None:
    with pytest.raises(ThresholdError, match=r"\.png or \.svg"):
        check_plot_path(Path("curve.pdf"))


def test_without_matplotlib_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plot, "find_spec", lambda name: None)
    with pytest.raises(ThresholdError, match="matplotlib"):
        check_plot_path(Path("curve.png"))


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    calibration = drawn_calibration()
    drawn = curves(drawn_set(320, seed=1, pictures=2), calibration)
    with pytest.raises(ThresholdError, match="--plot"):
        write_plot(tmp_path / "nowhere" / "curve.png", calibration, drawn)
