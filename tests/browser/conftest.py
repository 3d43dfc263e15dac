"""Fixtures of the browser tests: one small estate on SQLite, served on a socket, its pages complete."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from api.app import create_app
from api.pages.render import MissingVendorError, check_vendor
from core.storage.database import Database
from core.storage.migrate import upgrade
from tests.api.houses import House, make_house
from tests.api.serving import Served


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    try:
        check_vendor()
    except MissingVendorError as error:
        pytest.fail(str(error))
    url = f"sqlite:///{tmp_path / 'anju.db'}"
    upgrade(url)
    database = Database(url)
    yield make_house(database, tmp_path)
    database.close()


@pytest.fixture
def served(house: House) -> Iterator[Served]:
    with Served(create_app(house.context())) as server:
        yield server
