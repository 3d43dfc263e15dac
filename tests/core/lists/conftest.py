"""Fixtures of the tests of lists."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.storage.database import Database
from tests.core.lists.line import Line


@pytest.fixture
def line(known_database: Database, tmp_path: Path) -> Line:
    """Core and both edges, approved and connected."""
    one = Line(known_database, tmp_path, "edge-1", "edge-2")
    one.introduce()
    return one
