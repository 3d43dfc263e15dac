"""Fixtures of the API's tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from httpx import Client

from api.app import create_app
from core.storage.database import Database
from tests.api.houses import House, make_house
from tests.api.serving import Served

SAME_ORIGIN = {"Sec-Fetch-Site": "same-origin"}


@pytest.fixture
def house(database: Database, tmp_path: Path) -> House:
    """A small estate that is running, on either database; nothing has happened yet."""
    return make_house(database, tmp_path)


@pytest.fixture
def served(house: House) -> Iterator[Served]:
    """The API behind a real socket."""
    with Served(create_app(house.context())) as server:
        yield server


@pytest.fixture
def client(served: Served) -> Iterator[Client]:
    """A browser at the API that is not signed in; it says that its requests come from Anju's own page."""
    with served.client(headers=SAME_ORIGIN) as opened:
        yield opened
