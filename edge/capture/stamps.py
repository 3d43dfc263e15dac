"""A camera's stamps that run at another pace than time: found by how evenly they go wrong, and put right.

Cameras that say 25 pictures a second and send 20, and ones with slow clocks, look like a queue that grows for ever. A
queue does not grow evenly: large packets take longer to come through than small ones, what is shown decides how large
they are, and nothing between a camera and here holds more than some seconds. Pure but for its own memory.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

_STRETCH_S = 5.0
_STRETCHES = 6
"""Half a minute: less than a delay lasts before it is told of (`behind`)."""
_BREAK_S = 2.0
_LEAST_SLOPE = 0.002
"""Seconds a second. Two honest clocks drift apart by less; jitter over half a minute looks like less."""
_UNEVEN_SHARE, _UNEVEN_S = 0.1, 0.03
_FULL = 0.5
_SIZES_DIFFER = 0.1
_SLOWEST, _FASTEST = 0.1, 10.0


@dataclass(slots=True)
class _Stretch:
    """Five seconds of packets.

    quickest: when the least delayed came, and by how much that was after its own time; waited: whether any packet had
    to be waited for; rested: whether packets were left lying to be read together. Sums over packets: bytes, squared
    bytes, seconds each took to come after the one before it, those seconds times its bytes.
    """

    since_s: float
    quickest: tuple[float, float]
    waited: bool = False
    rested: bool = False
    packets: int = 0
    size: float = 0.0
    size2: float = 0.0
    gap_s: float = 0.0
    gap_size: float = 0.0


@dataclass(slots=True)
class StampPace:
    """Of one stream; survives reconnects, for the camera is the same afterwards."""

    pace: float = 1.0
    """Seconds that pass for each second the stamps tell."""
    doubted: bool = False
    """They go wrong evenly, and by which fault is not known yet: packets are to be read as they come."""
    _anchor: tuple[float, float] = (0.0, 0.0)
    _last: tuple[float, float] | None = None
    _stretches: list[_Stretch] = field(default_factory=list)

    def own_time(self, pts_s: float, received_s: float, *, size: int, waited: bool, rested: bool = False) -> float:
        """Stream time of the packet stamped ``pts_s``, seconds, at the pace of time; its beginning is the camera's.

        received_s: monotonic; size: bytes; waited: whether it had not come yet when it was asked for; rested: whether
        nothing was asked for in a while before.
        """
        gap_s = self._gap(pts_s, received_s)
        self._last = pts_s, received_s
        if not self._stretches or received_s - self._stretches[-1].since_s >= _STRETCH_S:
            self._judge(pts_s, received_s)
            self._stretches.append(_Stretch(received_s, (received_s, received_s - self._own(pts_s))))
        own_s = self._own(pts_s)
        _take(self._stretches[-1], received_s, received_s - own_s, gap_s, size=size, waited=waited)
        self._stretches[-1].rested |= rested
        return own_s

    def _own(self, pts_s: float) -> float:
        return self._anchor[1] + (pts_s - self._anchor[0]) * self.pace

    def _gap(self, pts_s: float, received_s: float) -> float:
        """How long the packet took to come; 0, and nothing before it counts any more, where the stream broke off."""
        if self._last is not None:
            made_s, took_s = pts_s - self._last[0], received_s - self._last[1]
            if took_s <= _BREAK_S and abs(made_s - took_s) <= _BREAK_S:
                return took_s
        self._stretches = []
        return 0.0

    def _judge(self, pts_s: float, received_s: float) -> None:
        """Set the pace by the last half minute, where it went wrong evenly."""
        self._stretches = self._stretches[-_STRETCHES:]
        if len(self._stretches) < _STRETCHES:
            return
        slope = _slope(self._stretches)
        self.doubted = slope is not None
        if slope is None or any(one.rested for one in self._stretches):
            # How long packets took to come is not known of those that were left lying.
            return
        full = _full(self._stretches)
        if full is None or full > _FULL:
            return
        self.doubted = False
        # What has gathered meanwhile as if it had queued never did.
        shift_s = max(0.0, slope) * (received_s - self._stretches[0].quickest[0])
        self._anchor = pts_s, self._own(pts_s) + shift_s
        self.pace = min(_FASTEST, max(_SLOWEST, self.pace / max(1e-3, 1 - slope)))
        self._stretches = []


def _take(one: _Stretch, received_s: float, offset_s: float, gap_s: float, *, size: int, waited: bool) -> None:
    if offset_s < one.quickest[1]:
        one.quickest = received_s, offset_s
    one.waited = one.waited or waited
    one.packets += 1
    one.size += size
    one.size2 += size * size
    one.gap_s += gap_s
    one.gap_size += gap_s * size


def _slope(stretches: Sequence[_Stretch]) -> float | None:
    """By how many seconds a second the stamps fall behind (negative: run ahead); None where not evenly."""
    if not all(one.waited for one in stretches):
        # What lies ready whenever it is asked for queues here: this machine is too slow.
        return None
    (first_s, first), (last_s, last) = stretches[0].quickest, stretches[-1].quickest
    slope = (last - first) / (last_s - first_s)
    uneven_s = max(_UNEVEN_SHARE * abs(slope) * _STRETCH_S, _UNEVEN_S)
    offsets = (one.quickest for one in stretches)
    even = all(abs(first + slope * (at_s - first_s) - offset) <= uneven_s for at_s, offset in offsets)
    return slope if even and abs(slope) > _LEAST_SLOPE else None


def _full(stretches: Sequence[_Stretch]) -> float | None:
    """How far it is their size that decides how long packets take to come: 0 not at all, 1 wholly, as in a full line.

    The mean size, each packet counted by how long it took, lies that far between the plain mean and the one in which
    each counts by its size. None where sizes differ too little to tell: then it may be either, and is left late.
    """
    packets = sum(one.packets for one in stretches)
    size, gap_s = sum(one.size for one in stretches), sum(one.gap_s for one in stretches)
    if size <= 0 or gap_s <= 0:
        return None
    plain, by_size = size / packets, sum(one.size2 for one in stretches) / size
    if by_size - plain < _SIZES_DIFFER * plain:
        return None
    return (sum(one.gap_size for one in stretches) / gap_s - plain) / (by_size - plain)
