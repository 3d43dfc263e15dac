"""A calibration file is what was made, or is refused with what to do; names, scores and pictures are not in it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.contract.ids import ModelId
from tests.watchlists.thresholds.people import MODEL, drawn_calibration
from watchlists.thresholds import SFACE, load_calibration
from watchlists.thresholds.builtin import BUILT_IN
from watchlists.thresholds.errors import (
    CalibrationUnreadableError,
    ForeignCalibrationError,
    NewerCalibrationError,
    ThresholdError,
)
from watchlists.thresholds.file import CalibrationV1, read_calibration, write_calibration

(SFACE_ID,) = BUILT_IN


@pytest.fixture(scope="module")
def made() -> CalibrationV1:
    return drawn_calibration()


@pytest.fixture
def path(tmp_path: Path, made: CalibrationV1) -> Path:
    write_calibration(tmp_path / "calibration.json", made)
    return tmp_path / "calibration.json"


def test_what_was_written_is_read(path: Path, made: CalibrationV1) -> None:
    assert read_calibration(path) == made


def test_an_edge_gets_the_thresholds_and_what_they_rest_on(path: Path, made: CalibrationV1) -> None:
    table = load_calibration(path, MODEL)
    for row in made.identify:
        assert (table.identify_at(row.gallery).cosine, table.identify_at(row.gallery).basis) == (row.cosine, row.basis)
    assert table.verify == made.verify.cosine
    assert table.made_for == 100


def test_a_calibration_of_a_known_model_falls_back_on_what_comes_with_anju(tmp_path: Path) -> None:
    write_calibration(tmp_path / "c.json", drawn_calibration(model=SFACE_ID))
    assert load_calibration(tmp_path / "c.json", SFACE_ID).fallback is SFACE


def test_nobodys_name_and_no_score_is_in_it(path: Path) -> None:
    text = path.read_text()
    assert "person-" not in text
    assert len(text) < 10_000


def test_another_models_calibration_is_refused(path: Path) -> None:
    with pytest.raises(ForeignCalibrationError, match=f"made with {MODEL}, the edge's model is other@0"):
        load_calibration(path, ModelId("other@000000000000"))


def test_a_newer_version_asks_for_an_update(path: Path) -> None:
    _change(path, lambda content: content.update(version=2, brand_new=True))
    with pytest.raises(NewerCalibrationError, match="version 2"):
        load_calibration(path, MODEL)


@pytest.mark.parametrize(
    "change",
    [
        lambda content: content["identify"][0].update(cosine=0.01),
        lambda content: content["verify"].update(cosine=0.01),
        lambda content: content.update(gallery=120),
        lambda content: content.pop("checksum"),
        lambda content: content.update(checksum="0" * 64),
    ],
)
def test_a_figure_changed_by_hand_is_noticed(path: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    _change(path, change)
    with pytest.raises(CalibrationUnreadableError, match="changed or damaged"):
        load_calibration(path, MODEL)


@pytest.mark.parametrize(
    "change",
    [
        lambda content: content.pop("identify"),
        lambda content: content.update(identify=[]),
        lambda content: content["identify"].reverse(),
        lambda content: content["identify"][-1].update(cosine=-1.0),
        lambda content: content.update(gallery=77),
        lambda content: content.update(unknown=1),
        lambda content: content["verify"].update(cosine=float("nan")),
        lambda content: content.update(made_at="2026-05-01T12:00:00"),
        lambda content: content.update(version="one"),
    ],
)
def test_what_is_no_table_is_refused_with_its_place(path: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    _change(path, change)
    with pytest.raises(CalibrationUnreadableError, match=r"is no calibration .*calibrate"):
        load_calibration(path, MODEL)


@given(st.data())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
def test_a_damaged_file_never_gives_a_threshold(path: Path, data: st.DataObject) -> None:
    whole = path.read_bytes()
    at = data.draw(st.integers(0, len(whole) - 1))
    damaged = path.with_name("damaged.json")
    damaged.write_bytes(whole[:at] + bytes([whole[at] ^ data.draw(st.integers(1, 127))]) + whole[at + 1 :])
    try:
        found = read_calibration(damaged)
    except ThresholdError:
        return
    assert found == read_calibration(path)  # white space, or a number written another way


@pytest.mark.parametrize("content", [b"", b"[]", b"null", b"{", b"\xff\xfe", b"[" * 100_000, b"{}"])
def test_what_is_no_json_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "c.json").write_bytes(content)
    with pytest.raises(CalibrationUnreadableError):
        load_calibration(tmp_path / "c.json", MODEL)


def test_a_truncated_a_missing_and_a_huge_file_are_refused(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(CalibrationUnreadableError, match="is no calibration"):
        load_calibration(path, MODEL)
    path.write_bytes(b" " * 1_000_001)
    with pytest.raises(CalibrationUnreadableError, match="larger than"):
        load_calibration(path, MODEL)
    path.unlink()
    with pytest.raises(CalibrationUnreadableError, match="No such file"):
        load_calibration(path, MODEL)


def test_a_folder_that_is_not_there_leaves_nothing_half_written(tmp_path: Path, made: CalibrationV1) -> None:
    with pytest.raises(ThresholdError, match="--out"):
        write_calibration(tmp_path / "nowhere" / "c.json", made)
    assert list(tmp_path.iterdir()) == []


def _change(path: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))
