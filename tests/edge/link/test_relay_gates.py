"""Gates behind a real broker: one command, in time or not at all."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import pytest

from core.contract.ids import CheckpointId
from core.contract.topics import Channel
from edge.checkpoint.controllers import MqttRelay
from edge.link.client import EdgeLink
from tests.edge.link.parts import Core, Edge, Relay, until
from tests.support.mosquitto import Mosquitto

pytestmark = pytest.mark.integration
GATE = CheckpointId("gate")


def relay_gate(link: EdgeLink, timeout_s: float = 10.0) -> MqttRelay:
    gate = MqttRelay(GATE, 3.0, timeout_s, link, link.checkpoint_changed)
    link.listen(GATE, gate.answered)
    return gate


def test_a_gate_behind_the_broker_opens_and_says_so(mosquitto: Mosquitto, edge: Edge, core: Core) -> None:
    relay = Relay(mosquitto, edge.estate, GATE)
    gate = relay_gate(edge.link)
    edge.link.start()
    until(lambda: edge.link.connected, "connected")
    assert gate.open()
    assert len(relay.opened) == 1
    until(lambda: b'"open"' in (core.last(Channel.CHECKPOINT_STATE) or b""), "the gate's state at the core")
    relay.close()


def test_a_relay_refuses_a_command_that_came_too_late(mosquitto: Mosquitto, edge: Edge) -> None:
    relay = Relay(mosquitto, edge.estate, GATE)
    relay.now = lambda: datetime.now(UTC) + timedelta(seconds=11)
    gate = relay_gate(edge.link)
    edge.link.start()
    until(lambda: edge.link.connected, "connected")
    assert not gate.open()
    assert (len(relay.opened), len(relay.refused)) == (0, 1)
    relay.close()


def test_no_command_given_while_the_broker_was_away_ever_arrives(mosquitto: Mosquitto, edge: Edge) -> None:
    gate = relay_gate(edge.link)
    edge.link.start()
    until(lambda: edge.link.connected, "connected")
    mosquitto.stop()
    until(lambda: not edge.link.connected, "the cut noticed")
    assert not gate.open()
    mosquitto.start()
    relay = Relay(mosquitto, edge.estate, GATE)
    until(lambda: edge.link.connected, "connected again")
    assert gate.open()
    assert len(relay.opened) == 1
    assert relay.refused == []
    relay.close()


def test_a_relay_that_never_answers_is_given_up_in_time_and_asked_once(mosquitto: Mosquitto, edge: Edge) -> None:
    relay = Relay(mosquitto, edge.estate, GATE)
    relay.answers = False
    gate = relay_gate(edge.link, timeout_s=0.2)
    edge.link.start()
    until(lambda: edge.link.connected, "connected")
    assert not gate.open()
    time.sleep(0.3)
    assert len(relay.opened) == 1
    relay.close()
