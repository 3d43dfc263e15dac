"""The same on the broker of the demo, which forgets everything when it is stopped."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.contract.access import core_access, edge_access
from core.contract.config import BrokerConfig, Login
from core.contract.events import CheckpointStateV1
from core.contract.ids import CheckpointId
from core.contract.lists import ListDeltaV1
from core.contract.topics import Channel
from core.contract.vocabulary import GateState
from core.embedded_broker import EmbeddedBroker
from edge.link import client as client_module
from edge.link import sender as sender_module
from edge.link import window as window_module
from tests.edge.link.parts import EDGE, Core, Edge, configuration, until
from tests.edge.test_outbox import AT, passage
from tests.support.system import free_port

pytestmark = pytest.mark.integration
GATE = CheckpointId("gate")


class Embedded:
    """The embedded broker in a thread of its own; can be stopped and started again."""

    def __init__(self) -> None:
        self.host, self.port = "127.0.0.1", free_port()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        rules = {"core": core_access(), EDGE: edge_access(EDGE)}
        self._broker = EmbeddedBroker(self.host, self.port, {"core": "core-secret", EDGE: "edge-secret"}, rules)

    def password(self, user: str) -> str:
        return "core-secret"

    def ssl_context(self) -> None:
        return None

    def start(self) -> None:
        asyncio.run_coroutine_threadsafe(self._broker.start(), self._loop).result(10)

    def stop(self) -> None:
        asyncio.run_coroutine_threadsafe(self._broker.stop(), self._loop).result(10)

    def close(self) -> None:
        self.stop()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()


@pytest.fixture
def broker() -> Iterator[Embedded]:
    embedded = Embedded()
    embedded.start()
    yield embedded
    embedded.close()


@pytest.fixture
def edge(broker: Embedded, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Edge]:
    monkeypatch.setattr(sender_module, "SendWindow", lambda: window_module.SendWindow(resend_after_s=0.5))
    monkeypatch.setattr(client_module, "delays", lambda _chance: iter(lambda: 0.1, None))
    password = tmp_path / "password"
    password.write_text("edge-secret")
    config = BrokerConfig(host=broker.host, port=broker.port, embedded=True)
    edge = Edge(configuration(config, Login(user=EDGE, password_file=password), tmp_path), tmp_path / "outbox.db")
    yield edge
    edge.close()


def test_events_states_and_lists_go_both_ways_and_outlive_a_restart(broker: Embedded, edge: Edge) -> None:
    core = Core(broker, edge.estate)
    edge.link.checkpoint_changed(CheckpointStateV1(checkpoint=GATE, gate=GateState.CLOSED, since=AT))
    for _ in range(60):
        edge.outbox.append(passage(), AT)
    edge.link.start()
    until(lambda: len(core.events) == 60 and edge.outbox.waiting().rows == 0, "sixty events at the core")
    core.tell(
        Channel.LIST_DELTA, ListDeltaV1(edge=EDGE, first=1, last=2, sealed_base64="QUFB", signature_base64="QUFB")
    )
    until(lambda: edge.lists.version == 2, "the list applied")
    core.close()
    broker.stop()
    until(lambda: not edge.link.connected, "the cut noticed")
    for _ in range(60):
        edge.outbox.append(passage(), AT)
    broker.start()
    again = Core(broker, edge.estate)
    until(lambda: edge.outbox.waiting().rows == 0, "all acknowledged")
    assert {one.sequence for one in again.events.values()} == set(range(61, 121))
    until(lambda: again.last(Channel.CHECKPOINT_STATE), "the gate's state said again")
    again.close()
