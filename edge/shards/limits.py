"""How much one process of cameras may ask and tell: what people, vehicles and cameras bring about, and not much more.

A process that was taken over would try face after face, or keep the edge too busy for its gates. What goes beyond a
limit is not answered or not heeded, counted and told; a flood ends the process.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from enum import StrEnum

import structlog

from edge.health import Counters
from edge.shards.messages import GarbageError

log = structlog.get_logger()

_TELL_EVERY_S = 60.0
_FRAME_BYTES = 64_000
"""So much beside a message takes as long to hear as another message."""


class Kind(StrEnum):
    """What is limited, each at its own place."""

    SEARCH = "search"  # whose face it is, or how like somebody's; by checkpoint
    OBSERVATION = "observation"  # by checkpoint
    SCENE = "scene"  # by camera


LIMITS: dict[Kind, tuple[float, float]] = {
    Kind.SEARCH: (18.0, 3.0),
    Kind.OBSERVATION: (30.0, 4.0),
    Kind.SCENE: (100.0, 2.0),
}
"""At once, and a second. One pass takes six searches at most, over seconds, and people come one by one. Counts of all
lines and zones of a camera come together, once in some minutes."""
_AT_ONCE = 4000.0
_A_SECOND, _A_SECOND_AND_CAMERA = 400.0, 40.0
"""Messages: pictures a camera ten a second, each with a question or two, a glance, parts of clips. Parts of live views
come only where one was asked for, and are not counted."""


class Bucket:
    """So many at once, so many a second."""

    def __init__(self, at_once: float, a_second: float, now_s: float) -> None:
        self._at_once = at_once
        self._a_second = a_second
        self._left = at_once
        self._since_s = now_s

    def take(self, much: float, now_s: float) -> bool:
        """False, and nothing taken, when there is not so much left. now_s: monotonic."""
        self._left = min(self._at_once, self._left + (now_s - self._since_s) * self._a_second)
        self._since_s = now_s
        if self._left < much:
            return False
        self._left -= much
        return True


class Limits:
    """Of one shard, also when its process is begun again: nothing is gained by ending. From one thread."""

    def __init__(
        self, places: Iterable[str], cameras: int, counters: Counters, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """places: checkpoints and cameras of the shard; cameras: how many."""
        self._clock = clock
        self._counters = counters
        now_s = clock()
        self._buckets = {(kind, place): Bucket(*LIMITS[kind], now_s) for kind in Kind for place in places}
        self._all = Bucket(_AT_ONCE, _A_SECOND + cameras * _A_SECOND_AND_CAMERA, now_s)
        self._told_s: dict[Kind, float] = {}

    def heard(self, size: int) -> None:
        """A message came, ``size`` bytes beside it. Raises GarbageError when there are too many to be sound."""
        if not self._all.take(1.0 + size / _FRAME_BYTES, self._clock()):
            raise GarbageError("it says more than its cameras can have to say")

    def allows(self, kind: Kind, place: str) -> bool:
        """Whether one more is to be expected at ``place``, one of the shard's; counted, and told, where it is not."""
        now_s = self._clock()
        if self._buckets[kind, place].take(1.0, now_s):
            return True
        self._counters.add("shard_limits_met")
        if now_s - self._told_s.get(kind, float("-inf")) >= _TELL_EVERY_S:
            self._told_s[kind] = now_s
            advice = "if it happens again, this process may be in somebody else's hands: see what its cameras show"
            log.warning("shard.limit_met", what=kind.value, where=place, advice=advice)
        return False
