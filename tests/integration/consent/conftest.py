"""Houses for these tests, on either kind of database."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.integration.consent.house import House, MakeShelf
from tests.integration.consent.shelves import PostgresShelf, SqliteShelf
from tests.integration.consent.witness import Witness


@pytest.fixture
def on_sqlite(request: pytest.FixtureRequest) -> MakeShelf:
    template = request.getfixturevalue("_sqlite_template")
    return lambda folder: SqliteShelf(folder, template)


@pytest.fixture
def on_postgres(request: pytest.FixtureRequest) -> MakeShelf:
    cluster, template = (request.getfixturevalue(one) for one in ("postgres", "_postgres_template"))
    return lambda _: PostgresShelf(cluster, template)


@pytest.fixture
def house(on_sqlite: MakeShelf) -> Iterator[House]:
    opened = House(on_sqlite)
    yield opened
    opened.close()


@pytest.fixture
def witness(house: House) -> Witness:
    return Witness(house)
