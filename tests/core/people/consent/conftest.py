"""An estate with a folder of its own, prepared as at a first start."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from core.contract.config_file import LoadedConfig, load_config
from core.service import prepare
from tests.core.estates import estate_tree


@pytest.fixture
def loaded(tmp_path: Path) -> LoadedConfig:
    path = tmp_path / "estate.yaml"
    path.write_text(json.dumps(estate_tree()))
    found = load_config(path)
    prepare(found)
    return found
