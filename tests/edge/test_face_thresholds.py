"""An edge decides with the calibration it names, and does not start with one that is not its model's."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.contract.config import EdgeConfig
from core.contract.config_file import LoadedConfig, load_config
from edge.assembly import face_thresholds
from tests.watchlists.thresholds.people import MODEL, drawn_calibration
from watchlists.thresholds import SFACE
from watchlists.thresholds.builtin import BUILT_IN
from watchlists.thresholds.errors import CalibrationUnreadableError, ForeignCalibrationError
from watchlists.thresholds.file import write_calibration

EXAMPLE = Path(__file__).parents[2] / "configs/estate.example.yaml"
(SFACE_ID,) = BUILT_IN


def edge_naming(folder: Path, file: str | None) -> tuple[LoadedConfig, EdgeConfig]:
    line = "    threads: 2\n"
    named = line if file is None else f"    calibration_file: {file}\n{line}"
    path = folder / "estate.yaml"
    path.write_text(EXAMPLE.read_text().replace(line, named))
    loaded = load_config(path)
    loaded.prepare_state_dir()
    return loaded, loaded.config.edges[0]


def test_without_a_calibration_an_edge_has_what_comes_with_anju(tmp_path: Path) -> None:
    assert face_thresholds(*edge_naming(tmp_path, None), SFACE_ID) is SFACE


def test_an_edge_decides_with_the_calibration_it_names(tmp_path: Path) -> None:
    loaded, edge = edge_naming(tmp_path, "calibration.json")
    made = drawn_calibration(model=SFACE_ID)
    write_calibration(loaded.state_dir / "calibration.json", made)
    thresholds = face_thresholds(loaded, edge, SFACE_ID)
    assert thresholds.identify_at(100).cosine == made.chosen.cosine
    assert thresholds.standing(121).state == "stale"


def test_a_model_without_built_in_thresholds_can_be_used_once_it_was_calibrated(tmp_path: Path) -> None:
    loaded, edge = edge_naming(tmp_path, "calibration.json")
    write_calibration(loaded.state_dir / "calibration.json", drawn_calibration())
    assert face_thresholds(loaded, edge, MODEL).made_for == 100


def test_another_models_or_a_missing_calibration_keeps_the_edge_from_starting(tmp_path: Path) -> None:
    loaded, edge = edge_naming(tmp_path, "calibration.json")
    with pytest.raises(CalibrationUnreadableError, match=r"calibration\.json: No such file"):
        face_thresholds(loaded, edge, SFACE_ID)
    write_calibration(loaded.state_dir / "calibration.json", drawn_calibration())
    with pytest.raises(ForeignCalibrationError):
        face_thresholds(loaded, edge, SFACE_ID)
