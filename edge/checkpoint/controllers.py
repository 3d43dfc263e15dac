"""What opens a gate: a simulated one in memory, and a relay behind MQTT. Both are `edge.ports.Gate`."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Protocol

import structlog

from core.contract.commands import COMMAND_LIFETIME_S, GateCommandV1, GateResultV1
from core.contract.events import CheckpointStateV1
from core.contract.ids import CheckpointId, CommandId, new_id
from core.contract.vocabulary import GateState

log = structlog.get_logger()

Clock = Callable[[], float]
"""Monotonic seconds."""
WallClock = Callable[[], datetime]
StateListener = Callable[[CheckpointStateV1], None]
"""Told of every change, in the thread that caused it; must not wait."""


class CommandChannel(Protocol):
    """The way to a relay. Never keeps a command for later: it goes now or not at all."""

    def send_command(self, command: GateCommandV1) -> bool:
        """Hand ``command`` to the broker; False when there is no connection. Does not wait for the relay."""
        ...


def utc_now() -> datetime:
    return datetime.now(UTC)


class _HeldGate:
    """How a gate without a door contact is: open for ``hold_s`` after it was last told to open."""

    def __init__(
        self,
        start: CheckpointStateV1,
        hold_s: float,
        listener: StateListener,
        clock: Clock,
        wall_clock: WallClock,
    ) -> None:
        self._state = start
        self._hold_s = hold_s
        self._listener = listener
        self._clock = clock
        self._wall_clock = wall_clock
        self._lock = threading.Lock()
        self._closes_s = 0.0

    def opened(self) -> None:
        with self._lock:
            self._closes_s = self._clock() + self._hold_s
            self._become(GateState.OPEN)

    def unknown(self) -> None:
        with self._lock:
            self._become(GateState.UNKNOWN)

    def current(self) -> CheckpointStateV1:
        with self._lock:
            if self._state.gate is GateState.OPEN and self._clock() >= self._closes_s:
                self._become(GateState.CLOSED)
            return self._state

    def _become(self, gate: GateState) -> None:
        """Change and tell, under the lock: listeners hear of changes in the order in which they happened."""
        if gate is not self._state.gate:
            self._state = CheckpointStateV1(checkpoint=self._state.checkpoint, gate=gate, since=self._wall_clock())
            self._listener(self._state)


class SimulatedGate:
    """A gate in memory: opens when told, closes ``hold_s`` seconds after it was last told.

    It notices that it has closed when somebody asks for its state: the worker asks several times a second.
    """

    def __init__(
        self,
        checkpoint: CheckpointId,
        hold_s: float,
        listener: StateListener,
        *,
        clock: Clock = time.monotonic,
        wall_clock: WallClock = utc_now,
    ) -> None:
        self.hold_s = hold_s
        start = CheckpointStateV1(checkpoint=checkpoint, gate=GateState.CLOSED, since=wall_clock())
        self._held = _HeldGate(start, hold_s, listener, clock, wall_clock)

    def open(self) -> bool:
        self._held.opened()
        return True

    def state(self) -> CheckpointStateV1:
        return self._held.current()

    def may_be_unlocked(self) -> bool:
        """Whether the door behind it can be opened now without force, as far as anybody here knows."""
        return self._held.current().gate is GateState.OPEN


class MqttRelay:
    """A relay on the checkpoint's ``cmd`` topic, which answers on ``cmd/result``.

    Every command has an id and expires after ``COMMAND_LIFETIME_S``; one that was not confirmed in time is not
    repeated, because whoever stood there may be gone. The relay has no contact: its gate counts as open for ``hold_s``
    after a confirmed command, and as unknown before the first one and after one that nobody confirmed.
    """

    def __init__(
        self,
        checkpoint: CheckpointId,
        hold_s: float,
        timeout_s: float,
        channel: CommandChannel,
        listener: StateListener,
        *,
        clock: Clock = time.monotonic,
        wall_clock: WallClock = utc_now,
    ) -> None:
        self.hold_s = hold_s
        self._checkpoint = checkpoint
        self._timeout_s = timeout_s
        self._channel = channel
        self._wall_clock = wall_clock
        start = CheckpointStateV1(checkpoint=checkpoint, gate=GateState.UNKNOWN, since=wall_clock())
        self._held = _HeldGate(start, hold_s, listener, clock, wall_clock)
        self._clock = clock
        self._answered = threading.Condition()
        self._waiting: dict[CommandId, GateResultV1 | None] = {}
        # This edge may have told it to open just before it was started again.
        self._unsure_until_s = clock() + COMMAND_LIFETIME_S + hold_s

    def open(self) -> bool:
        """Command it open and wait for its answer, at most ``timeout_s``. False: refused, unanswered, no connection."""
        command = self._command()
        with self._answered:
            self._waiting[command.command_id] = None
        try:
            if not self._channel.send_command(command):
                log.warning("gate.unreachable", checkpoint=self._checkpoint, advice="the broker is away")
                return False
            result = self._wait_for(command.command_id)
        finally:
            with self._answered:
                del self._waiting[command.command_id]
        if result is None:
            with self._answered:
                self._unsure_until_s = self._clock() + COMMAND_LIFETIME_S + self.hold_s
            log.warning("gate.silent", checkpoint=self._checkpoint, waited_s=self._timeout_s, advice="check the relay")
            self._held.unknown()
            return False
        if result.done:
            self._held.opened()
        else:
            log.warning("gate.refused", checkpoint=self._checkpoint, detail=result.detail)
        return result.done

    def answered(self, result: GateResultV1) -> None:
        """A result arrived. One that nobody waits for, or waits for no longer, changes nothing."""
        with self._answered:
            if result.command_id in self._waiting:
                self._waiting[result.command_id] = result
                self._answered.notify_all()

    def state(self) -> CheckpointStateV1:
        return self._held.current()

    def may_be_unlocked(self) -> bool:
        """As `SimulatedGate.may_be_unlocked`. A command that nobody confirmed may be obeyed until it expires, and then
        holds for ``hold_s``; after that the door is locked, whatever its relay does not say.
        """
        with self._answered:
            unsure = bool(self._waiting) or self._clock() < self._unsure_until_s
        return unsure or self._held.current().gate is GateState.OPEN

    def _command(self) -> GateCommandV1:
        now = self._wall_clock()
        return GateCommandV1(
            command_id=CommandId(new_id()),
            checkpoint=self._checkpoint,
            action="open",
            issued_at=now,
            expires_at=now + timedelta(seconds=COMMAND_LIFETIME_S),
        )

    def _wait_for(self, command_id: CommandId) -> GateResultV1 | None:
        with self._answered:
            self._answered.wait_for(lambda: self._waiting[command_id] is not None, self._timeout_s)
            return self._waiting[command_id]


Controller = SimulatedGate | MqttRelay
