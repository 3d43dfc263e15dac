"""The small estate of this folder's tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from edge.lists.mirror import ListMirror
from tests.edge.lists.estate import Estate


@pytest.fixture
def estate(tmp_path: Path) -> Estate:
    return Estate(tmp_path)


@pytest.fixture
def mirror(estate: Estate) -> Iterator[ListMirror]:
    opened = estate.open_mirror()
    yield opened
    opened.close()
