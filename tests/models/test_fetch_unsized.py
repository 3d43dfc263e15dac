"""A file whose authors tell its sha256 and no size: whatever has that sha256 is it, up to a limit."""

from __future__ import annotations

from pathlib import Path

import pytest

from models.directory import ModelDirectory, State
from models.errors import SourcesExhaustedError
from models.fetch import fetch
from models.manifest import Manifest
from tests.models.small_models import CONTENT, FIRST_HOST, Internet, manifest, serve

LIMIT = len(CONTENT) + 5_000


@pytest.fixture
def store(tmp_path: Path) -> ModelDirectory:
    return ModelDirectory(tmp_path / "store")


def unsized(limit: int = LIMIT) -> Manifest:
    sized = manifest().model_dump(mode="json", by_alias=True)
    (model,) = sized["model"]
    (file,) = model["file"]
    only = [source for source in file["source"] if FIRST_HOST in source.get("url", "")]
    model["file"] = [file | {"size": limit, "size_is_limit": True, "source": only}]
    return Manifest.model_validate(sized)


def test_it_is_fetched_and_checked_by_its_sha256_alone(store: ModelDirectory) -> None:
    internet = Internet().at(FIRST_HOST, serve(CONTENT))
    fetch(["tiny"], directory=store, manifest=unsized(), transport=internet.transport)
    (model,) = unsized().models
    assert store.condition_of_original(model, model.files[0]).state is State.READY
    (store.root / "tiny" / "tiny.onnx").write_bytes(CONTENT[:-1])
    assert store.condition_of_original(model, model.files[0]).state is State.DAMAGED


def test_what_a_broken_run_left_is_fetched_anew(store: ModelDirectory) -> None:
    broken = Internet().at(FIRST_HOST, serve(CONTENT[:3_000]))
    with pytest.raises(SourcesExhaustedError, match="this is another file"):
        fetch(["tiny"], directory=store, manifest=unsized(), transport=broken.transport)
    whole = Internet().at(FIRST_HOST, serve(CONTENT))
    fetch(["tiny"], directory=store, manifest=unsized(), transport=whole.transport)
    assert "Range" not in whole.asked[0].headers


def test_more_than_the_limit_is_never_read(store: ModelDirectory) -> None:
    internet = Internet().at(FIRST_HOST, serve(CONTENT))
    with pytest.raises(SourcesExhaustedError, match="sends more than the 5000 bytes"):
        fetch(["tiny"], directory=store, manifest=unsized(limit=5_000), transport=internet.transport)
