"""`anju edge picture` draws what is configured on a picture whose faces are blurred, or says why it can't."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from skimage import data as pictures
from typer.testing import CliRunner

from cli.main import app
from models.directory import ModelDirectory
from models.store import open_face_detector
from models.types import Image
from tests.support.clips import Codec

EXAMPLE = Path(__file__).parents[2] / "configs" / "estate.example.yaml"
RUNNER = CliRunner()


@pytest.fixture
def store(models_dir: Path, monkeypatch: pytest.MonkeyPatch) -> ModelDirectory:
    monkeypatch.setenv("ANJU_MODELS_DIR", str(models_dir))
    return ModelDirectory(models_dir)


def drawn(out: Path, *more: str) -> Image:
    result = RUNNER.invoke(app, ["edge", "picture", "--config", str(EXAMPLE), "--out", str(out), *more])
    assert result.exit_code == 0, result.output
    assert str(out) in result.output
    return np.asarray(cv2.imread(str(out)), np.uint8)


@pytest.mark.parametrize("language", ["zh", "en"])
def test_what_is_configured_for_a_camera_is_drawn_on_its_picture(
    language: str, store: ModelDirectory, tmp_path: Path, clip: Callable[..., Path]
) -> None:
    codec: Codec = "h264"
    footage = clip(codec, seconds=1.0)
    yard = drawn(tmp_path / "yard.png", "--camera", "yard-cam", "--clip", str(footage), "--language", language)
    door = drawn(tmp_path / "door.png", "--camera", "door-3-cam", "--clip", str(footage), "--language", language)
    assert yard.shape == door.shape
    assert (np.abs(yard.astype(int) - door.astype(int)).max(axis=2) > 40).mean() > 0.02


def test_a_moment_after_the_clip_is_told_and_a_place_that_cannot_be_written(
    store: ModelDirectory, tmp_path: Path, clip: Callable[..., Path]
) -> None:
    codec: Codec = "h264"
    footage = str(clip(codec, seconds=1.0))
    called = ["edge", "picture", "-c", str(EXAMPLE), "--camera", "yard-cam", "--clip", footage]
    late = RUNNER.invoke(app, [*called, "-o", str(tmp_path / "x.png"), "--at", "60"])
    assert (late.exit_code, "choose an earlier moment" in late.output) == (1, True)
    nowhere = RUNNER.invoke(app, [*called, "-o", str(tmp_path / "none/x.png")])
    assert (nowhere.exit_code, "can't be written: No such file or directory" in nowhere.output) == (1, True)


def test_no_face_is_left_on_it(store: ModelDirectory, tmp_path: Path) -> None:
    astronaut: Image = pictures.astronaut()  # type: ignore[no-untyped-call]
    clip = tmp_path / "portrait.png"
    cv2.imwrite(str(clip), np.ascontiguousarray(astronaut[:, :, ::-1]))
    detector = open_face_detector("yunet", store=store)
    assert len(detector.detect([np.asarray(cv2.imread(str(clip)), np.uint8)])[0]) == 1
    picture = drawn(tmp_path / "out.png", "--camera", "lane-cam", "--clip", str(clip))
    assert len(detector.detect([picture])[0]) == 0


@pytest.mark.parametrize(
    ("more", "status", "words"),
    [
        (["--camera", "yart-cam"], 2, "no camera 'yart-cam'"),
        (["--camera", "yard-cam", "--clip", str(EXAMPLE)], 1, "Invalid data found"),
        (["--camera", "yard-cam", "--clip", "/nowhere/clip.mp4"], 1, "No such file or directory"),
        (["--camera", "yard-cam"], 1, "secrets/yard-cam.password)"),
    ],
)
def test_what_is_wrong_is_told(more: list[str], status: int, words: str, tmp_path: Path) -> None:
    result = RUNNER.invoke(app, ["edge", "picture", "-c", str(EXAMPLE), "-o", str(tmp_path / "x.png"), *more])
    assert result.exit_code == status
    assert words in result.output.replace("\n", " ")
    assert not (tmp_path / "x.png").exists()
