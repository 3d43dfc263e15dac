"""Whether a stream's packets can be trusted to tell of movement: what they said, beside what decoded pictures showed.

Some encoders send as many bytes for an empty yard as for a crowd. Such a stream is decoded as a whole, until its
packets would have told everything for a while. And none is relied on before its packets have told of a few movements in
time: how deaf a stream is can't be told from its quiet (of drawn walkers at dusk no encoder's packets tell, of those in
rain some do). Whose packets tell now and then while nothing moves has to tell of more. What was proved in one light is
proved in that light.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from edge.capture.false_alarms import FalseAlarms


class Doubt(StrEnum):
    """Why a stream's packets are not relied on. Also the name of a counter, ``doubt.<value>``."""

    LEARNING = "learning"
    UNPROVEN = "unproven"
    MISSES = "misses"
    CRIES_WOLF = "cries_wolf"
    KEYFRAMES_ONLY = "keyframes_only"
    KEYFRAMES_TOO_FAR = "keyframes_too_far"


DOUBTS: dict[Doubt, str] = {
    Doubt.LEARNING: "",
    Doubt.UNPROVEN: "",
    Doubt.MISSES: (
        "every picture is decoded: this stream's packets don't grow when something moves; set the camera's encoder to "
        "variable bit rate to save processor time"
    ),
    Doubt.CRIES_WOLF: (
        "every picture is decoded: this stream's packets change all the time although nothing moves in the zones; "
        "less noise (more light, noise reduction) or a zone without trees and street saves processor time"
    ),
    Doubt.KEYFRAMES_ONLY: (
        "every picture is decoded: this stream is all keyframes; a keyframe every 1 to 2 seconds saves processor time"
    ),
    Doubt.KEYFRAMES_TOO_FAR: (
        "every picture is decoded: this stream's keyframes are too far apart to catch up from; set the camera to one "
        "every 1 to 2 seconds"
    ),
}
"""What people are told; nothing while a stream is new."""

_STILL_S = 2.0
"""Movement after so long a stillness is a new one."""
_TELL_S = 3.0
"""By then the packets must have told of a movement that pictures showed; what was sent since is looked at then."""
PROOF = 5
"""Movements that a stream's packets must have told of in time before they are relied on, at least."""
_MOST_PROOF = 30
_LOUDER = 1.0
"""Of log2 bytes: packets of twice or half the size are another light, or another encoder."""
_WIDER, _LEAST_SPREAD = 2.0, 0.2
_REMEMBERED = 40
_MISSES = 2
_MISSED_SHARE = 0.1
_WOLF_AFTER_S = 300.0
_WOLF_SHARE = 0.4
_AGREED = 15
_FIRST_RETRY_S = 600.0
_LONGEST_RETRY_S = 4 * 3600.0
_KEYFRAME_SHARE = 0.4
_KEYFRAME_SHARE_OF = 200
_SHORT_RUNS = 5
"""So many in a row, and the keyframes are taken to be close together again."""
FARTHEST_KEYFRAME = 150
"""Packets between keyframes: to decode more of them takes longer than somebody at a gate should wait."""

FARTHEST_KEYFRAME_S = 10.0
"""Seconds between them: of a slow stream few packets last long, and what packets don't tell only a keyframe shows."""


@dataclass(frozen=True, slots=True)
class Usual:
    """Packets of a quiet scene. level: median of log2 of their bytes; spread: their standard deviation, robust."""

    level: float
    spread: float


def _another(now: Usual, before: Usual) -> bool:
    louder = abs(now.level - before.level) > _LOUDER
    return louder or now.spread > _WIDER * max(before.spread, _LEAST_SPREAD)


@dataclass(slots=True)
class SignalJudge:
    """Decides for one stream, from looks in the order of time."""

    proof: int = PROOF
    """Movements told in time until it is relied on at first, at least; 0: relied on until it is found wanting."""
    doubt: Doubt | None = field(default=None, init=False)
    _light: Usual | None = None
    _movements: list[bool] = field(default_factory=list)
    _moved_s: float = float("-inf")
    _told_s: float = float("-inf")
    _open_s: float | None = None
    _alarms: FalseAlarms = field(default_factory=lambda: FalseAlarms(_TELL_S))
    _last_s: float | None = None
    _doubted_s: float = 0.0
    _retry_s: float = _FIRST_RETRY_S
    _packets: int = 0
    _keyframes: int = 0
    _run: int = 0
    _run_is_far: bool = False
    _began_s: float = float("inf")
    _far: int = 0
    _agreed: int = 0

    def __post_init__(self) -> None:
        self.doubt = Doubt.UNPROVEN if self.proof else None

    def quiet(self, usual: Usual) -> None:
        """Take what the packets of a quiet scene are like now: what they told among others counts no longer."""
        if self._light is None:
            self._light = usual
        elif _another(usual, self._light):
            self._light = usual
            self._forget()
            if self.doubt is None and self.proof:
                self.doubt = Doubt.UNPROVEN

    def packet(self, at_s: float, *, keyframe: bool) -> None:
        """Take stream time and kind of each packet: streams without runs, or with endless ones, need no more proof."""
        if self._packets >= _KEYFRAME_SHARE_OF:
            self._packets, self._keyframes = self._packets // 2, self._keyframes // 2
        self._packets += 1
        self._keyframes += keyframe
        if keyframe:
            self._far = max(0, self._far - (not self._run_is_far))
            self._run, self._began_s, self._run_is_far = 0, at_s, False
            return
        self._run += 1
        if self._run >= FARTHEST_KEYFRAME or at_s - self._began_s > FARTHEST_KEYFRAME_S:
            self._run_is_far, self._far = True, _SHORT_RUNS

    @property
    def form(self) -> Doubt | None:
        """What is wrong with the stream's form, whatever it shows."""
        if self._packets >= _KEYFRAME_SHARE_OF // 2 and self._keyframes > _KEYFRAME_SHARE * self._packets:
            return Doubt.KEYFRAMES_ONLY
        return Doubt.KEYFRAMES_TOO_FAR if self._far else None

    def look(self, at_s: float, *, moved: bool, busy: bool) -> None:
        """Take what the picture made at ``at_s`` showed since the last one, and what the packets said meanwhile.

        Looks half a second apart or closer while the stream is decoded, at keyframes otherwise.
        """
        passed_s = 0.0 if self._last_s is None else min(_STILL_S, max(0.0, at_s - self._last_s))
        self._last_s = at_s
        self._told_s = at_s if busy else self._told_s
        moving = moved or at_s - self._moved_s <= _STILL_S
        self._alarms.look(at_s, passed_s, moving=moving, busy=busy)
        self._close(at_s)
        if moved:
            if self._open_s is None and at_s - self._moved_s > _STILL_S:
                self._open_s = at_s
            self._moved_s = at_s
        if self._open_s is not None and self._told_s >= self._open_s - _STILL_S:
            self._count(caught=True)
        self._decide(at_s)

    def glimpse(self, at_s: float, *, moved: bool) -> None:
        """Take whether a keyframe of a stream that is left alone showed something new.

        Where it did, the stream is decoded from now on, and the packets have their time to tell of it, too.
        """
        self._close(at_s)
        if moved:
            self._last_s = self._moved_s = self._open_s = at_s
        else:
            self._agreed += 1
        self._decide(at_s)

    @property
    def trusted(self) -> bool:
        """Whether keyframes have shown nothing that the packets kept quiet about for a while."""
        return self._agreed >= _AGREED

    def _close(self, at_s: float) -> None:
        """A movement that was not told of in time is missed."""
        if self._open_s is not None and at_s - self._open_s > _TELL_S:
            self._count(caught=False)

    def _count(self, *, caught: bool) -> None:
        self._open_s = None
        self._agreed = self._agreed if caught else 0
        self._movements = [*self._movements, caught][-_REMEMBERED:]

    def _decide(self, at_s: float) -> None:
        found = self._found()
        if self.doubt in (None, Doubt.UNPROVEN):
            if found is not None:
                self._doubt(found, at_s)
            elif self.doubt is not None and self._proved():
                self.doubt = None
        elif at_s - self._doubted_s >= self._retry_s:
            self._try_again(found, at_s)

    def _found(self) -> Doubt | None:
        missed = self._movements.count(False)
        if missed >= _MISSES and missed > _MISSED_SHARE * len(self._movements):
            return Doubt.MISSES
        if self._alarms.still_s >= _WOLF_AFTER_S and self._alarms.busy_s > _WOLF_SHARE * self._alarms.still_s:
            return Doubt.CRIES_WOLF
        return None

    def _proved(self) -> bool:
        needed = self._alarms.proof(_STILL_S + _TELL_S, self.proof or PROOF, _MOST_PROOF)
        return self._movements.count(True) >= needed

    def _doubt(self, found: Doubt, at_s: float) -> None:
        self.doubt, self._doubted_s = found, at_s
        self._forget()

    def _try_again(self, found: Doubt | None, at_s: float) -> None:
        """Everything was decoded meanwhile: what the packets would have told is known.

        One that no longer cries wolf was told nothing by that: it has to prove itself like a new one.
        """
        self._retry_s = min(_LONGEST_RETRY_S, self._retry_s * 2)
        if found is not None:
            self.doubt = found
        elif self.doubt is Doubt.CRIES_WOLF:
            self.doubt = Doubt.UNPROVEN if self.proof else None
        elif self._proved():
            self.doubt = None
        self._doubted_s = at_s
        self._forget()

    def _forget(self) -> None:
        self._movements, self._open_s, self._agreed = [], None, 0
        self._alarms = FalseAlarms(_TELL_S)
