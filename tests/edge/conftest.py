"""An outbox for whoever tests one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from edge.outbox import DurableOutbox
from tests.edge.test_outbox import open_outbox


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "outbox.db"


@pytest.fixture
def outbox(path: Path) -> Iterator[DurableOutbox]:
    opened = open_outbox(path)
    yield opened
    opened.close()
