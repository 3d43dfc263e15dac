"""`docs/models.md` tells of every model, file and licence of the manifest."""

from __future__ import annotations

from pathlib import Path

import pytest

from models.manifest import load_manifest

TEXT = (Path(__file__).resolve().parents[2] / "docs" / "models.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", [model.name for model in load_manifest().models])
def test_every_model_is_described(name: str) -> None:
    model = load_manifest().model(name)
    row = next(line for line in TEXT.splitlines() if line.startswith(f"| `{name}` |"))
    assert ("needs a yes" in row) is model.acceptance
    assert row.rstrip(" |").endswith("yes") is model.default
    size = sum(file.size for file in model.files) / 1e6
    assert f"{size:.1f} MB" in row or f"{size:.0f} MB" in row


def test_the_checksums_of_the_default_models_are_told() -> None:
    manifest = load_manifest()
    for name in manifest.defaults:
        for file in manifest.model(name).files:
            assert f"| {file.file} | `{file.sha256}` |" in TEXT
