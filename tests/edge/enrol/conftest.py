"""The desk, with real models, and its endpoint, served."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from edge.enrol.endpoint import make_app
from edge.enrol.portrait import PortraitReader
from edge.enrol.server import EnrolServer
from models.directory import ModelDirectory
from models.store import open_face_detector, open_face_embedder
from tests.edge.enrol.desk import Client, Desk


@pytest.fixture(scope="session")
def reader(models_dir: Path) -> PortraitReader:
    store = ModelDirectory(models_dir)
    return PortraitReader(open_face_detector("yunet", store=store), open_face_embedder("sface", store=store))


@pytest.fixture
def desk(tmp_path: Path, reader: PortraitReader) -> Desk:
    return Desk(tmp_path, reader)


@pytest.fixture
def client(desk: Desk) -> Iterator[Client]:
    enroller = desk.enroller()
    server = EnrolServer(make_app(enroller, "https://estate.example/desk"), "127.0.0.1", 0)
    server.start()
    yield Client(server.port)
    server.stop()
    enroller.tickets.close()
