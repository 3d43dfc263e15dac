"""Times: which frames are wanted, when they were made, and how long to wait before trying again."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from edge.capture.stamps import StampPace

_MAX_STRAY_S = 2.0
_OUT_OF_ORDER_S = 1.0
"""Pictures are sent at most so long after later ones; a stream that runs back farther has begun anew."""
_DRIFT = 0.0025
"""Seconds a second: far more than clocks drift, far less than jitter is."""


@dataclass(slots=True)
class Sampler:
    """Picks frames at ``fps`` by stream time, evenly; 0 picks none."""

    fps: float
    _due_s: float | None = None

    def wants(self, at_s: float) -> bool:
        """True when the frame made at stream time ``at_s`` is to be kept. Survives jumps of the stream's clock."""
        if self.fps <= 0:
            return False
        period_s = 1 / self.fps
        if self._due_s is None or abs(at_s - self._due_s) > 1.0 + period_s:
            self._due_s = at_s
        # Stream times are rounded to their time base: a frame a millisecond early is the one that is due.
        if at_s < self._due_s - 0.002:
            return False
        self._due_s = max(self._due_s + period_s, at_s)
        return True


@dataclass(frozen=True, slots=True)
class PacketTime:
    """When a packet was sent, and its picture made; see `edge.capture.packets.StreamPacket`.

    pts_s: in the order of sending, no two the same; made_s: later ones may have been made earlier; both seconds of
    stream time. received_s: monotonic seconds; received_at: wall clock of ``made_s``; own_s: the stream's own time of
    it, at the pace of time, None where it has none.
    """

    pts_s: float
    made_s: float
    received_s: float
    received_at: datetime
    own_s: float | None = None


@dataclass(slots=True)
class StreamClock:
    """Puts a stream's own times on this machine's clocks.

    Network jitter delays packets but never hastens them: the quickest packet lately tells when the others were made.
    A stream that starts over, jumps or strays by more than two seconds is taken as new, and the time of sending never
    runs back. One whose stamps run at another pace than time is put right (`edge.capture.stamps`).
    """

    _stamps: StampPace = field(default_factory=StampPace)
    _offset_s: float | None = None
    _received_s: float = 0.0
    _last_s: float = field(default=float("-inf"))

    @property
    def pace(self) -> float:
        """Seconds that pass for each second the stream's stamps tell; 1 for an honest one."""
        return self._stamps.pace

    @property
    def doubted(self) -> bool:
        """The stamps may be wrong: packets are to be read as they come, until that is known."""
        return self._stamps.doubted

    def moment(
        self,
        pts_s: float | None,
        received_s: float,
        now_s: float,
        now: datetime,
        *,
        size: int = 0,
        waited: bool = True,
        rested: bool = False,
    ) -> PacketTime:
        """Of the frame with stream time ``pts_s`` (None: it has none) whose packet came at ``received_s``.

        received_s, now_s: monotonic seconds; now: the wall clock at ``now_s``; size, waited, rested: see `StampPace`.
        Its times are stream time moved onto the monotonic clock, so that it goes on across reconnects.
        """
        own_s = (
            None if pts_s is None else self._stamps.own_time(pts_s, received_s, size=size, waited=waited, rested=rested)
        )
        made_s = received_s if own_s is None else self._made(own_s, received_s)
        self._last_s = made_s if made_s > self._last_s else math.nextafter(self._last_s, math.inf)
        made_at = now - timedelta(seconds=max(0.0, now_s - made_s))
        return PacketTime(self._last_s, made_s, received_s, made_at, own_s)

    def _made(self, own_s: float, received_s: float) -> float:
        offset = received_s - own_s
        strayed = self._offset_s is None or abs(offset - self._offset_s) > _MAX_STRAY_S
        if self._offset_s is None or strayed or own_s + self._offset_s < self._last_s - _OUT_OF_ORDER_S:
            self._offset_s = offset
        else:
            self._offset_s = min(self._offset_s + _DRIFT * (received_s - self._received_s), offset)
        self._received_s = received_s
        return own_s + self._offset_s


@dataclass(slots=True)
class Backoff:
    """Doubling waits with jitter, so that a hundred cameras behind one switch don't come back all at once."""

    first_s: float = 1.0
    longest_s: float = 30.0
    random: random.Random = field(default_factory=random.Random)
    _failures: int = 0

    def wait_s(self) -> float:
        """Seconds to wait now; in [half, all] of the doubled time, at most ``longest_s``."""
        limit_s = min(self.longest_s, self.first_s * 2 ** min(self._failures, 16))
        self._failures += 1
        return float(limit_s * self.random.uniform(0.5, 1.0))

    def reset(self) -> None:
        self._failures = 0
