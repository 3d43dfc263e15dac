"""Fixtures of the core's tests."""

from __future__ import annotations

import pytest

from core.contract.config import EstateConfig
from core.lists.sync_places import do_sync_places
from core.people.edges import do_approve_edge, do_note_edge_state
from core.storage.database import Database
from tests.core.estates import NOW, EdgeKey, edge_state, estate


@pytest.fixture
def config() -> EstateConfig:
    return estate()


@pytest.fixture
def known_database(database: Database, config: EstateConfig) -> Database:
    """A database that knows the estate's edges and places; no edge has spoken yet."""
    with database.writing() as db:
        do_sync_places(db, config)
    return database


@pytest.fixture
def edge_keys() -> dict[str, EdgeKey]:
    return {edge: EdgeKey.make() for edge in ("edge-1", "edge-2")}


@pytest.fixture
def trusting_database(known_database: Database, edge_keys: dict[str, EdgeKey]) -> Database:
    """The same, with both edges' keys approved."""
    with known_database.writing() as db:
        for edge, key in edge_keys.items():
            do_note_edge_state(db, edge_state(edge, key.public_base64), NOW)
            do_approve_edge(db, edge, key.fingerprint, NOW)
    return known_database
