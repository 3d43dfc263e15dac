"""Models open by the name in the configuration; one that can't says which command puts it right."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from models.directory import ModelDirectory, Record, State, default_root
from models.errors import LicenceNotAcceptedError, ModelDamagedError, ModelMissingError, UnknownModelError
from models.manifest import load_manifest
from models.store import open_face_detector, open_face_embedder, open_plate_detector, open_plate_reader

OPENERS: dict[str, Callable[..., object]] = {
    "yunet": open_face_detector,
    "sface": open_face_embedder,
    "clp-rec": open_plate_reader,
}


@pytest.fixture
def copy(store: ModelDirectory, tmp_path: Path) -> ModelDirectory:
    """A store a test may damage."""
    shutil.copytree(store.root, tmp_path / "store", ignore=shutil.ignore_patterns("buffalo_l", "antelopev2"))
    return ModelDirectory(tmp_path / "store")


@pytest.mark.parametrize("name", OPENERS)
def test_a_model_that_was_not_fetched_says_how_to_get_it(name: str, tmp_path: Path) -> None:
    with pytest.raises(ModelMissingError, match=f"has not been fetched; run: anju models fetch {name}"):
        OPENERS[name](name, store=ModelDirectory(tmp_path))


def test_our_reader_does_not_open_without_the_one_it_asks(tmp_path: Path) -> None:
    with pytest.raises(ModelMissingError, match="anju models fetch clp-rec"):
        open_plate_reader("anju-plates", store=ModelDirectory(tmp_path))


@pytest.mark.parametrize("name", ["clp-det", "buffalo_l"])
def test_a_model_whose_licence_was_not_accepted_does_not_open(name: str, tmp_path: Path) -> None:
    opener = open_plate_detector if name == "clp-det" else open_face_detector
    with pytest.raises(LicenceNotAcceptedError, match=f"anju models fetch {name} --accept-licence {name}"):
        opener(name, store=ModelDirectory(tmp_path))


def test_a_file_put_there_by_hand_does_not_stand_for_an_accepted_licence(copy: ModelDirectory) -> None:
    copy.remember(load_manifest().model("clp-det"), Record())
    with pytest.raises(LicenceNotAcceptedError):
        open_plate_detector("clp-det", store=copy)


@pytest.mark.parametrize("name", OPENERS)
def test_a_damaged_model_does_not_open(name: str, copy: ModelDirectory) -> None:
    model = load_manifest().model(name)
    path = copy.runnable(model, model.files[0])
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(ModelDamagedError, match=f"is not what was fetched; run: anju models fetch {name}"):
        OPENERS[name](name, store=copy)


def test_an_unreadable_record_is_as_good_as_none(copy: ModelDirectory) -> None:
    (copy.root / "yunet" / "record.json").write_text('{"derived": 7}')
    with pytest.raises(ModelMissingError, match="anju models fetch yunet"):
        open_face_detector("yunet", store=copy)


def test_verify_looks_at_the_published_and_at_the_rewritten_file(copy: ModelDirectory) -> None:
    model = load_manifest().model("yunet")
    assert [condition.state for condition in copy.verify(model)] == [State.READY, State.READY]
    copy.original(model, model.files[0]).unlink()
    assert [condition.state for condition in copy.verify(model)] == [State.MISSING, State.READY]
    copy.runnable(model, model.files[0]).write_bytes(b"")
    assert [condition.state for condition in copy.verify(model)] == [State.MISSING, State.DAMAGED]


def test_a_model_cannot_be_opened_for_another_task(store: ModelDirectory) -> None:
    with pytest.raises(UnknownModelError, match="'sface' does face_embedding"):
        open_face_detector("sface", store=store)


def test_the_store_is_where_the_environment_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANJU_MODELS_DIR", str(tmp_path))
    assert default_root() == tmp_path
    monkeypatch.delenv("ANJU_MODELS_DIR")
    assert default_root() == Path.home() / ".cache" / "anju" / "models"
