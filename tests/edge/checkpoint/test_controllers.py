"""Gates open when told, close by themselves, and never open late."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

import pytest

from core.contract.commands import COMMAND_LIFETIME_S, GateCommandV1, GateResultV1
from core.contract.events import CheckpointStateV1
from core.contract.ids import CheckpointId, CommandId, new_id
from core.contract.vocabulary import GateState
from edge.checkpoint.controllers import MqttRelay, SimulatedGate

GATE = CheckpointId("gate")
NOW = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)


class Clocks:
    """A monotonic clock and a wall clock that tests move by hand."""

    def __init__(self) -> None:
        self.seconds = 100.0
        self.wall = NOW

    def monotonic(self) -> float:
        return self.seconds

    def now(self) -> datetime:
        return self.wall


@pytest.fixture
def clocks() -> Clocks:
    return Clocks()


@pytest.fixture
def heard() -> list[CheckpointStateV1]:
    return []


def simulated(clocks: Clocks, heard: list[CheckpointStateV1]) -> SimulatedGate:
    return SimulatedGate(GATE, 3.0, heard.append, clock=clocks.monotonic, wall_clock=clocks.now)


def test_a_simulated_gate_opens_holds_and_closes(clocks: Clocks, heard: list[CheckpointStateV1]) -> None:
    gate = simulated(clocks, heard)
    assert gate.state().gate is GateState.CLOSED
    assert gate.open()
    clocks.seconds += 2.9
    assert gate.state().gate is GateState.OPEN
    clocks.seconds += 0.2
    assert gate.state().gate is GateState.CLOSED
    assert [state.gate for state in heard] == [GateState.OPEN, GateState.CLOSED]


def test_opening_an_open_gate_holds_it_longer_and_is_no_news(clocks: Clocks, heard: list[CheckpointStateV1]) -> None:
    gate = simulated(clocks, heard)
    gate.open()
    clocks.seconds += 2.0
    gate.open()
    clocks.seconds += 2.0
    assert gate.state().gate is GateState.OPEN
    assert len(heard) == 1


@pytest.mark.parametrize("jump", [timedelta(hours=-9), timedelta(days=400)])
def test_a_jump_of_the_wall_clock_neither_closes_a_gate_nor_holds_it_open(
    clocks: Clocks, heard: list[CheckpointStateV1], jump: timedelta
) -> None:
    gate = simulated(clocks, heard)
    gate.open()
    clocks.wall += jump
    clocks.seconds += 1.0
    assert gate.state().gate is GateState.OPEN
    clocks.seconds += 2.5
    assert gate.state().gate is GateState.CLOSED


class Wire:
    """The way to a relay that answers, refuses, or says nothing."""

    def __init__(self, answers: bool | None, *, connected: bool = True) -> None:
        self.answers = answers
        self.connected = connected
        self.sent: list[GateCommandV1] = []
        self.relay: MqttRelay | None = None

    def send_command(self, command: GateCommandV1) -> bool:
        if not self.connected:
            return False
        self.sent.append(command)
        if self.answers is not None and self.relay is not None:
            answer = result(command.command_id, done=self.answers)
            threading.Thread(target=self.relay.answered, args=(answer,)).start()
        return True


def result(command: CommandId, *, done: bool = True) -> GateResultV1:
    return GateResultV1(command_id=command, checkpoint=GATE, done=done, at=NOW)


def relay_on(wire: Wire, clocks: Clocks, heard: list[CheckpointStateV1], timeout_s: float = 5.0) -> MqttRelay:
    wire.relay = MqttRelay(GATE, 3.0, timeout_s, wire, heard.append, clock=clocks.monotonic, wall_clock=clocks.now)
    return wire.relay


def test_a_relay_that_confirms_is_open_for_its_hold_time(clocks: Clocks, heard: list[CheckpointStateV1]) -> None:
    relay = relay_on(Wire(answers=True), clocks, heard)
    assert relay.state().gate is GateState.UNKNOWN
    assert relay.open()
    assert relay.state().gate is GateState.OPEN
    clocks.seconds += 3.0
    assert relay.state().gate is GateState.CLOSED
    assert [state.gate for state in heard] == [GateState.OPEN, GateState.CLOSED]


def test_a_command_expires_ten_seconds_after_it_was_given(clocks: Clocks, heard: list[CheckpointStateV1]) -> None:
    wire = Wire(answers=True)
    relay_on(wire, clocks, heard).open()
    assert wire.sent[0].expires_at - wire.sent[0].issued_at == timedelta(seconds=COMMAND_LIFETIME_S)


def test_a_relay_that_refuses_did_not_open(clocks: Clocks, heard: list[CheckpointStateV1]) -> None:
    assert not relay_on(Wire(answers=False), clocks, heard).open()
    assert heard == []


def test_without_a_connection_nothing_is_sent_and_nothing_waits(clocks: Clocks, heard: list[CheckpointStateV1]) -> None:
    wire = Wire(answers=None, connected=False)
    assert not relay_on(wire, clocks, heard, timeout_s=60.0).open()
    assert wire.sent == []


def test_a_silent_relay_is_given_up_and_its_command_is_not_repeated(
    clocks: Clocks, heard: list[CheckpointStateV1]
) -> None:
    wire = Wire(answers=None)
    relay = relay_on(wire, clocks, heard, timeout_s=0.01)
    assert not relay.open()
    assert len(wire.sent) == 1
    assert relay.state().gate is GateState.UNKNOWN


def test_an_answer_after_the_timeout_or_to_another_command_changes_nothing(
    clocks: Clocks, heard: list[CheckpointStateV1]
) -> None:
    wire = Wire(answers=None)
    relay = relay_on(wire, clocks, heard, timeout_s=0.01)
    relay.answered(result(CommandId(new_id())))
    relay.open()
    relay.answered(result(wire.sent[0].command_id))
    assert relay.state().gate is GateState.UNKNOWN
    assert heard == []


def test_a_door_is_unlocked_while_its_gate_is_open(clocks: Clocks, heard: list[CheckpointStateV1]) -> None:
    gate = simulated(clocks, heard)
    assert not gate.may_be_unlocked()
    gate.open()
    assert gate.may_be_unlocked()
    clocks.seconds += 3.1
    assert not gate.may_be_unlocked()


@pytest.mark.parametrize("answers", [True, False, None])
def test_whether_a_relay_has_unlocked_its_door_is_open_no_longer_than_a_command_can_last(
    clocks: Clocks, heard: list[CheckpointStateV1], answers: bool | None
) -> None:
    relay = relay_on(Wire(answers=answers), clocks, heard, timeout_s=5.0 if answers is not None else 0.01)
    assert relay.may_be_unlocked(), "the edge may have opened it just before it was started again"
    clocks.seconds += COMMAND_LIFETIME_S + 3.1
    assert not relay.may_be_unlocked()
    relay.open()
    assert relay.may_be_unlocked() is (answers is not False)
    clocks.seconds += 2.9
    assert relay.may_be_unlocked() is (answers is not False)
    clocks.seconds += 0.2
    assert relay.may_be_unlocked() is (answers is None)
    clocks.seconds += COMMAND_LIFETIME_S
    assert not relay.may_be_unlocked()


def test_a_door_may_be_unlocked_while_its_relay_is_being_asked(clocks: Clocks, heard: list[CheckpointStateV1]) -> None:
    seen: list[bool] = []

    class Asked(Wire):
        def send_command(self, command: GateCommandV1) -> bool:
            assert self.relay is not None
            seen.append(self.relay.may_be_unlocked())
            return False

    wire = Asked(answers=None)
    relay = relay_on(wire, clocks, heard)
    clocks.seconds += COMMAND_LIFETIME_S + 3.1
    relay.open()
    assert (seen, relay.may_be_unlocked()) == ([True], False)
