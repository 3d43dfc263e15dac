"""An edge and a core on a real broker."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from core.contract.config_file import LoadedConfig
from edge.link import client as client_module
from edge.link import sender as sender_module
from edge.link import window as window_module
from tests.edge.link.parts import EDGE, Core, Edge, configuration
from tests.support.mosquitto import Mosquitto


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waits that are seconds in an estate are a fraction of one here."""
    monkeypatch.setattr(sender_module, "SendWindow", lambda: window_module.SendWindow(resend_after_s=0.3))
    monkeypatch.setattr(client_module, "delays", lambda _chance: iter(lambda: 0.05, None))
    monkeypatch.setattr(client_module, "STATE_EVERY_S", 0.1)


@pytest.fixture
def loaded(mosquitto: Mosquitto, tmp_path: Path) -> LoadedConfig:
    return configuration(mosquitto.config, mosquitto.login(EDGE), tmp_path)


@pytest.fixture
def make_edge(tmp_path: Path) -> Iterator[Callable[[LoadedConfig], Edge]]:
    edges: list[Edge] = []

    def make(loaded: LoadedConfig) -> Edge:
        edges.append(Edge(loaded, tmp_path / "outbox.db"))
        return edges[-1]

    yield make
    for edge in edges:
        edge.close()


@pytest.fixture
def edge(loaded: LoadedConfig, make_edge: Callable[[LoadedConfig], Edge]) -> Edge:
    return make_edge(loaded)


@pytest.fixture
def core(mosquitto: Mosquitto, edge: Edge) -> Iterator[Core]:
    core = Core(mosquitto, edge.estate)
    yield core
    core.close()
