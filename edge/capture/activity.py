"""Whether something moves in front of a camera, told from how large its packets are, without decoding one.

An encoder spends bytes on what changed. How many a quiet scene takes depends on camera, light, noise and the encoder's
own habits, so nothing is assumed but that each place in a run of frames has its usual size: what leaves it for more
than a moment, in either direction, is news. (An encoder that holds a bit rate makes what follows a surprise smaller.)
"""

from __future__ import annotations

import math
from bisect import bisect_left, insort
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import islice

from edge.capture.judge import Usual

LEARNING_S = 60.0
"""Until so much of a stream was seen, and a few of its keyframes, its packets tell nothing."""
_KEYFRAMES_TO_LEARN = 3

_PLAIN_BYTES = 200.0
"""What an empty frame takes, roughly: differences of a few bytes between such are none."""
_REMEMBERED = 256
_ENOUGH = 12
_FILLING = 48
_QUIET_EVERY_S = 2.0
_BUSY_EVERY_S = 16.0
"""A busy hour must not become what is usual, a tree that moves all day may: it is learned eight times slower."""
_GOLDEN = 0.618034

_SIGMAS_PER_SPREAD = 1 / 2.563
"""From the first tenth to the last: quartiles would call the lesser habit of an encoder with two a surprise."""
_LEAST_SIGMA = 0.06
"""Of log2 bytes: 4 %. Encoders that vary less than that still vary by that now and then."""
_LARGEST_SURPRISE = 6.0
"""Of one packet: one alone, however large, is a stray; two of them are movement."""
_EXPECTED = 1.25
_ALARM = 8.0
_MIDDLE = 8
"""Packets after the keyframe: most runs have that many; of those that don't, what is farthest from it."""
_LATELY = 32
"""Sizes, of about a minute: dusk should not be told when it is night."""
_CALM = 2.0
_CALM_S = 0.6


def _level(ordered: Sequence[float]) -> float:
    return ordered[len(ordered) // 2]


def _spread(ordered: Sequence[float]) -> float:
    return (ordered[len(ordered) * 9 // 10] - ordered[len(ordered) // 10]) * _SIGMAS_PER_SPREAD


@dataclass(slots=True)
class _Usual:
    """Sizes at one place of the runs, as log2 of bytes: the latest ``_REMEMBERED``, also in order."""

    recent: deque[float] = field(default_factory=deque)
    ordered: list[float] = field(default_factory=list)
    taken: int = 0
    taken_s: float = float("-inf")

    def surprise(self, value: float) -> float:
        """How many (robust) standard deviations ``value`` is above the median; 0 while too little is known."""
        if len(self.ordered) < _ENOUGH:
            return 0.0
        surprise = (value - _level(self.ordered)) / max(_spread(self.ordered), _LEAST_SIGMA)
        return min(_LARGEST_SURPRISE, max(-_LARGEST_SURPRISE, surprise))

    def take(self, value: float, at_s: float, *, busy: bool) -> None:
        every_s = _BUSY_EVERY_S if busy else _QUIET_EVERY_S
        filling = len(self.recent) < _FILLING and not busy
        # Not evenly: that would take the same frame of every run, and know nothing of its neighbours.
        every_s *= 0.5 + self.taken * _GOLDEN % 1
        if not filling and 0 <= at_s - self.taken_s < every_s:
            return
        self.taken += 1
        self.taken_s = at_s
        if len(self.recent) >= _REMEMBERED:
            del self.ordered[bisect_left(self.ordered, self.recent.popleft())]
        self.recent.append(value)
        insort(self.ordered, value)


@dataclass(slots=True)
class ActivityMeter:
    """The measure of one stream; survives reconnects, for the scene and the encoder are the same afterwards."""

    learning_s: float = LEARNING_S
    _usual: dict[tuple[bool, int], _Usual] = field(default_factory=dict)
    _since_keyframe: int | None = None
    _keyframes: int = 0
    _seen_s: float = 0.0
    _last_s: float | None = None
    _above: float = 0.0
    _below: float = 0.0
    _rising_s: float | None = None
    _calm_s: float | None = None
    _active: bool = False

    @property
    def active(self) -> bool:
        """True from the moment sizes left the usual until they have been back for ``_CALM_S``."""
        return self._active

    @property
    def since_s(self) -> float | None:
        """Stream time of the first packet of what is, or may become, the present activity."""
        return self._rising_s

    @property
    def learned(self) -> bool:
        """False at first, when nothing is usual yet."""
        return self._seen_s >= self.learning_s and self._keyframes >= _KEYFRAMES_TO_LEARN

    @property
    def usual(self) -> Usual | None:
        """What a packet in the middle of a run is like lately when nothing moves; None while too little is known."""
        for place in range(place_in_run(_MIDDLE), 0, -1):
            found = self._usual.get((False, place))
            if found is not None and len(found.recent) >= _FILLING:
                latest = sorted(islice(reversed(found.recent), _LATELY))
                return Usual(_level(latest), _spread(latest))
        return None

    def begin(self) -> None:
        """The stream starts (over): what comes next follows nothing."""
        self._since_keyframe = None
        self._last_s = None

    def see(self, size: int, at_s: float, *, keyframe: bool, disposable: bool = False) -> bool:
        """Take a packet of ``size`` bytes made at stream time ``at_s``; whether something moves.

        disposable: no other frame is predicted from it, which makes it smaller.
        """
        self._count(at_s, keyframe=keyframe)
        if self._since_keyframe is None:
            return self._active
        value = math.log2(size + _PLAIN_BYTES)
        usual = self._usual.setdefault((disposable, place_in_run(self._since_keyframe)), _Usual())
        surprise = usual.surprise(value)
        usual.take(value, at_s, busy=self._active)
        if self.learned:
            self._judge(surprise, at_s)
        return self._active

    def _count(self, at_s: float, *, keyframe: bool) -> None:
        if keyframe:
            self._since_keyframe = 0
            self._keyframes += 1
        elif self._since_keyframe is not None:
            self._since_keyframe += 1
        if self._last_s is not None:
            self._seen_s += min(1.0, max(0.0, at_s - self._last_s))
        self._last_s = at_s

    def _judge(self, surprise: float, at_s: float) -> None:
        self._above = min(2 * _ALARM, max(0.0, self._above + surprise - _EXPECTED))
        self._below = min(2 * _ALARM, max(0.0, self._below - surprise - _EXPECTED))
        highest = max(self._above, self._below)
        if highest <= _CALM:
            self._calm_s = at_s if self._calm_s is None else self._calm_s
            if not self._active or at_s - self._calm_s >= _CALM_S:
                self._active, self._rising_s = False, None
            return
        self._calm_s = None
        self._rising_s = at_s if self._rising_s is None else self._rising_s
        self._active = self._active or highest > _ALARM


def place_in_run(since_keyframe: int) -> int:
    """0 for a keyframe, then two classes for each doubling of the distance to it.

    Encoders make the frames after a keyframe smaller or larger than the later ones, and settle as they go on.
    """
    return _PLACES[min(since_keyframe, len(_PLACES) - 1)]


_PLACES = (0, *(1 + int(2 * math.log2(since_keyframe)) for since_keyframe in range(1, 257)))
