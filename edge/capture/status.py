"""How one stream is: written by its thread, read by anybody."""

from __future__ import annotations

import threading
from collections import Counter, deque
from dataclasses import dataclass

from core.contract.vocabulary import CameraState
from edge.capture.conditions.lateness import Lateness, later
from edge.capture.faults import Fault
from edge.capture.source import Timeouts

_RATE_WINDOW_S = 5.0
_RUNS = 5
_LATE_RUN = 1.5


@dataclass(frozen=True, slots=True)
class StreamHealth:
    """frames_per_s: as the camera sends them; last_frame_age_s: since the last one came, None before the first;
    note: what people should know although it works; late_s: how much later packets come than the quickest lately.
    """

    state: CameraState
    fault: Fault | None
    frames_per_s: float
    last_frame_age_s: float | None
    counts: dict[str, int]
    note: str
    late_s: float | None = None


class StreamStatus:
    """State, fault and counts of a stream."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._state = CameraState.CONNECTING
        self._fault: Fault | None = None
        self._counts: Counter[str] = Counter()
        self._received: deque[float] = deque(maxlen=512)
        self._pictureless_since_s: float | None = None
        self._trouble = Fault.UNDECODABLE
        self._note = ""
        self._lateness: Lateness | None = None
        self._keyframe_s: float | None = None
        self._first_keyframe_s = float("-inf")
        self._runs_s: deque[float] = deque(maxlen=_RUNS)

    @property
    def state(self) -> CameraState:
        with self._lock:
            return self._state

    @property
    def heard_s(self) -> float | None:
        """When the last packet came, monotonic; None before the first."""
        with self._lock:
            return self._received[-1] if self._received else None

    def connected(self, at_s: float) -> None:
        with self._lock:
            self._counts["connections"] += 1
            self._pictureless_since_s = at_s
            self._lateness = self._keyframe_s = None

    def received(self, at_s: float, pts_s: float | None = None, *, keyframe: bool = False) -> None:
        """A packet came at ``at_s``, monotonic; ``pts_s``: the stream's own time of it, where it has one."""
        with self._lock:
            self._received.append(at_s)
            if keyframe:
                if self._keyframe_s is None:
                    self._first_keyframe_s = at_s
                else:
                    self._runs_s.append(at_s - self._keyframe_s)
                self._keyframe_s = at_s
            if pts_s is not None:
                self._lateness = later(self._lateness, pts_s, at_s)

    def trying(self, at_s: float) -> None:
        """Something is given to the decoder: a picture should come of it."""
        with self._lock:
            if self._pictureless_since_s is None:
                self._pictureless_since_s = at_s

    def picture(self) -> bool:
        """A picture came; True when the camera was not there before."""
        with self._lock:
            came_back = self._state is not CameraState.ONLINE
            self._state, self._fault = CameraState.ONLINE, None
            self._pictureless_since_s, self._trouble = None, Fault.UNDECODABLE
            self._counts["frames"] += 1
            return came_back

    def empty_picture(self) -> None:
        """One without area came, or one too large."""
        with self._lock:
            self._counts["empty_pictures"] += 1
            self._trouble = Fault.EMPTY_PICTURE

    def overdue(self, at_s: float, limits: Timeouts) -> Fault | None:
        """What is wrong when pictures were tried for too long in vain.

        Without a keyframe nothing can be decoded: until the first one, and after damage until the next, a stream is
        waited for as long as its keyframes are apart.
        """
        with self._lock:
            since_s = self._pictureless_since_s
            if since_s is None:
                return None
            if self._keyframe_s is None:
                return Fault.NO_KEYFRAME if at_s - since_s > max(limits.picture_s, limits.keyframe_s) else None
            run_s = min(limits.keyframe_s, _LATE_RUN * max(self._runs_s, default=0.0))
            if at_s - max(since_s, self._first_keyframe_s) <= max(limits.picture_s, run_s):
                return None
            return self._trouble if self._keyframe_s >= since_s else Fault.NO_KEYFRAME

    def gone(self, fault: Fault) -> bool:
        """The stream went away; True when that is news."""
        with self._lock:
            news = self._fault is not fault
            self._state, self._fault = CameraState.OFFLINE, fault
            self._counts[f"fault.{fault}"] += 1
            return news

    def note(self, text: str) -> None:
        """Something people should know of a stream that works."""
        with self._lock:
            self._note = text

    def count(self, what: str) -> None:
        with self._lock:
            self._counts[what] += 1

    def health(self, now_s: float) -> StreamHealth:
        with self._lock:
            recent = sum(now_s - at_s < _RATE_WINDOW_S for at_s in self._received)
            age_s = max(0.0, now_s - self._received[-1]) if self._received else None
            rate = round(recent / _RATE_WINDOW_S, 2)
            late_s = None if self._lateness is None else round(self._lateness.late_s, 3)
            return StreamHealth(self._state, self._fault, rate, age_s, dict(self._counts), self._note, late_s)
