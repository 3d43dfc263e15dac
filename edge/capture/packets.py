"""The last seconds of a stream as it was sent: what is decoded when something moves, shown live and kept as a clip."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from itertools import chain
from typing import Any

import av

_BESIDE_BYTES = 700
"""What a packet takes beside its bytes (measured): thousands of empty packets are not for nothing."""


@dataclass(frozen=True, slots=True)
class StreamPacket:
    """One video packet, undecoded.

    size: bytes; pts_s: stream time on the monotonic clock, seconds, in the order of sending, no two the same;
    received_s: monotonic seconds; received_at: wall clock at which its picture was made; behind_s: how long before
    ``pts_s`` that was, where pictures are sent after later ones that they are predicted from (B-frames).
    """

    data: av.Packet[Any]
    keyframe: bool
    size: int
    pts_s: float
    received_s: float
    received_at: datetime
    behind_s: float = 0.0

    @property
    def made_s(self) -> float:
        """Stream time at which its picture was made, seconds."""
        return self.pts_s - self.behind_s


class Room:
    """Memory that several gatherings share, in bytes. Safe from any thread."""

    def __init__(self, max_bytes: int) -> None:
        self._lock = threading.Lock()
        self._left_bytes = max_bytes

    def take(self, size: int) -> bool:
        """False, and nothing taken, where ``size`` is more than is left."""
        with self._lock:
            if size > self._left_bytes:
                return False
            self._left_bytes -= size
            return True

    def give_back(self, size: int) -> None:
        with self._lock:
            self._left_bytes += size


class Gathering:
    """What a ring had from some time on, and what has come since: whole, whatever the ring loses meanwhile.

    Ends by itself at its last moment, at ``max_bytes``, when there is no ``room`` left, and when the stream goes away.
    Safe from any thread. To be left by whoever asked for it, where it shares room.
    """

    def __init__(self, begin: Iterable[StreamPacket], to_s: float, max_bytes: int, room: Room | None = None) -> None:
        self._lock = threading.Lock()
        self._to_s = to_s
        self._left_bytes = max_bytes
        self._room = room
        self._held_bytes = 0
        self._crowded = False
        self._packets: list[StreamPacket] = []
        self._over = False
        for packet in begin:
            self.take(packet)

    def take(self, packet: StreamPacket) -> bool:
        """Gather ``packet``; False when that was the last, or it comes too late for this."""
        with self._lock:
            if not self._packets and not packet.keyframe:
                return not self._over
            held = packet.size + _BESIDE_BYTES
            self._left_bytes -= held
            self._over = self._over or packet.pts_s > self._to_s or self._left_bytes < 0
            if not self._over and self._room is not None and not self._room.take(held):
                self._over = self._crowded = True
            if not self._over:
                self._packets.append(packet)
                self._held_bytes += held
            return not self._over

    def end(self) -> None:
        """Nothing more is gathered."""
        with self._lock:
            self._over = True

    def leave(self) -> None:
        """Forget what was gathered, and give the room back."""
        with self._lock:
            self._over = True
            self._packets = []
            held, self._held_bytes = self._held_bytes, 0
        if self._room is not None:
            self._room.give_back(held)

    @property
    def crowded(self) -> bool:
        """Whether it ended because there was no room left."""
        return self._crowded

    @property
    def held_bytes(self) -> int:
        """What it takes of the memory, shared or not."""
        return self._held_bytes

    @property
    def packets(self) -> tuple[StreamPacket, ...]:
        """So far; the first is a keyframe."""
        with self._lock:
            return tuple(self._packets)


@dataclass(slots=True)
class _Run:
    """A keyframe and all that was predicted from it."""

    packets: list[StreamPacket] = field(default_factory=list)
    held_bytes: int = 0


class PacketRing:
    """The packets of at least the last ``seconds``, as far as ``max_bytes`` allow. Safe from any thread.

    It starts at a keyframe, and loses whole runs, the oldest first: nothing in it is undecodable. A run that alone is
    larger than ``max_bytes`` is lost too; then the ring is empty until the next keyframe.
    """

    def __init__(self, seconds: float, max_bytes: int) -> None:
        self._seconds = seconds
        self._max_bytes = max_bytes
        self._lock = threading.Lock()
        self._runs: deque[_Run] = deque()
        self._held_bytes = 0
        self._gatherings: list[Gathering] = []

    @property
    def held_bytes(self) -> int:
        """What the ring takes of the memory, at most ``max_bytes``."""
        with self._lock:
            return self._held_bytes

    @property
    def newest_s(self) -> float | None:
        """Stream time of the newest packet; None when there is none."""
        with self._lock:
            return self._runs[-1].packets[-1].pts_s if self._runs else None

    def add(self, packet: StreamPacket) -> None:
        """Keep ``packet``; one that comes before any keyframe is of no use and is not kept."""
        held = packet.size + _BESIDE_BYTES
        with self._lock:
            self._gatherings = [one for one in self._gatherings if one.take(packet)]
            if packet.keyframe:
                self._runs.append(_Run())
            elif not self._runs:
                return
            run = self._runs[-1]
            run.packets.append(packet)
            run.held_bytes += held
            self._held_bytes += held
            while self._runs and self._too_much(packet.pts_s):
                self._held_bytes -= self._runs.popleft().held_bytes

    def clear(self) -> None:
        """Forget everything: what comes next belongs to another stream. What is gathered ends, and is kept by whoever
        asked for it.
        """
        with self._lock:
            self._runs.clear()
            self._held_bytes = 0
            gatherings, self._gatherings = self._gatherings, []
        for one in gatherings:
            one.end()

    def gather(self, from_s: float, to_s: float, max_bytes: int, room: Room | None = None) -> Gathering:
        """As `between`, and what comes from now on; of more than ``max_bytes`` or ``room`` the beginning."""
        with self._lock:
            gathering = Gathering(_packets(self._from(from_s)), to_s, max_bytes, room)
            self._gatherings.append(gathering)
            return gathering

    def from_keyframe_before(self, at_s: float) -> tuple[StreamPacket, ...]:
        """From the keyframe at or before ``at_s`` (else the oldest) to the newest; empty when the ring is."""
        with self._lock:
            return tuple(_packets(self._from(at_s)))

    def between(self, from_s: float, to_s: float) -> tuple[StreamPacket, ...]:
        """From the keyframe at or before ``from_s`` (else the oldest) to the last packet made by ``to_s``."""
        with self._lock:
            return tuple(packet for packet in _packets(self._from(from_s)) if packet.pts_s <= to_s)

    def _too_much(self, newest_s: float) -> bool:
        if self._held_bytes > self._max_bytes:
            return True
        return len(self._runs) > 1 and newest_s - self._runs[1].packets[0].pts_s >= self._seconds

    def _from(self, at_s: float) -> list[_Run]:
        runs = list(self._runs)
        start = sum(run.packets[0].pts_s <= at_s for run in runs)
        return runs[max(0, start - 1) :]


def _packets(runs: Iterable[_Run]) -> Iterable[StreamPacket]:
    return chain.from_iterable(run.packets for run in runs)
