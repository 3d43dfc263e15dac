"""Models that come with Anju are used from the installation: checked like the others, fetched from nowhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from models import directory
from models.directory import ModelDirectory, State
from models.errors import ModelDamagedError, ModelMissingError
from models.fetch import BUNDLED, fetch
from models.manifest import Task
from tests.models.small_models import CONTENT, bundled


@pytest.fixture
def weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of what comes with Anju, with the model "tiny" in it."""
    folder = tmp_path / "weights"
    folder.mkdir()
    (folder / "tiny.onnx").write_bytes(CONTENT)
    monkeypatch.setattr(directory, "WEIGHTS", folder)
    return folder


def test_it_is_ready_in_a_store_that_nothing_was_fetched_into(weights: Path, tmp_path: Path) -> None:
    store = ModelDirectory(tmp_path / "nowhere")
    assert store.ready(bundled().model("tiny"), Task.FACE_EMBEDDING) == weights / "tiny.onnx"
    assert [found.state for found in store.verify(bundled().model("tiny"))] == [State.READY]


def test_fetching_it_says_that_it_comes_with_anju(weights: Path, tmp_path: Path) -> None:
    (fetched,) = fetch(["tiny"], directory=ModelDirectory(tmp_path / "store"), manifest=bundled())
    assert fetched.origins == {"tiny.onnx": BUNDLED}
    assert not list((tmp_path / "store").rglob("*.onnx"))


def test_one_that_was_changed_is_not_opened_and_the_advice_is_to_install_anju_again(
    weights: Path, tmp_path: Path
) -> None:
    (weights / "tiny.onnx").write_bytes(CONTENT[::-1])
    with pytest.raises(ModelDamagedError, match="install Anju again"):
        ModelDirectory(tmp_path).ready(bundled().model("tiny"), Task.FACE_EMBEDDING)


def test_one_that_is_gone_is_told_by_fetch_too(weights: Path, tmp_path: Path) -> None:
    (weights / "tiny.onnx").unlink()
    with pytest.raises(ModelMissingError, match="is missing"):
        ModelDirectory(tmp_path).ready(bundled().model("tiny"), Task.FACE_EMBEDDING)
    with pytest.raises(ModelDamagedError, match="install Anju again"):
        fetch(["tiny"], directory=ModelDirectory(tmp_path), manifest=bundled())
