"""Frames on their way from the decoder to whoever looks at them: few, newest kept, losses counted."""

from __future__ import annotations

import threading
import time
from collections import deque
from typing import Generic, TypeVar

T = TypeVar("T")


class FrameBuffer(Generic[T]):
    """A queue of at most ``limit`` frames, or ``pass_limit`` while somebody is passing or the decoder catches up,
    until that is worked off.

    When it is full the oldest frame is dropped. One that is dropped during a pass may have been the one that mattered:
    that pass is counted as missed, once. So is the one that a decoder catches up with; to keep its beginning, the
    decoder waits for room meanwhile, at most ``patience_s`` in all.
    """

    def __init__(self, limit: int = 4, pass_limit: int = 16, patience_s: float = 3.0) -> None:
        self._limit = limit
        self._pass_limit = max(limit, pass_limit)
        self._patience_s = patience_s
        self._patience_left_s = 0.0
        self._frames: deque[T] = deque()
        self._changed = threading.Condition()
        self._in_pass = False
        self._catching_up = False
        self._backlog = False
        self._pass_missed = False
        self._closed = False
        self._dropped = 0
        self._missed_passes = 0

    def put(self, frame: T) -> None:
        """Waits for room while catching up, otherwise never."""
        with self._changed:
            self._wait_for_room()
            if self._closed:
                return
            self._backlog = self._catching_up or (self._backlog and len(self._frames) > self._limit)
            self._frames.append(frame)
            roomy = self._in_pass or self._backlog
            while len(self._frames) > (self._pass_limit if roomy else self._limit):
                self._frames.popleft()
                self._dropped += 1
                if roomy and not self._pass_missed:
                    self._pass_missed = True
                    self._missed_passes += 1
            self._changed.notify_all()

    def take(self, timeout_s: float) -> T | None:
        """The oldest frame, waiting up to ``timeout_s`` for one; None when there is none or the buffer is closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._frames or self._closed, timeout_s)
            self._changed.notify_all()
            return self._frames.popleft() if self._frames and not self._closed else None

    def set_in_pass(self, in_pass: bool) -> None:
        """Whether somebody is passing now: then frames are dropped last."""
        with self._changed:
            if not in_pass and not self._backlog:
                self._pass_missed = False
            self._in_pass = in_pass

    def set_catching_up(self, catching_up: bool) -> None:
        """Whether frames come faster than they were made, so that whoever looks at them can't keep up for a moment."""
        with self._changed:
            self._catching_up = catching_up
            self._patience_left_s = self._patience_s if catching_up else 0.0
            if catching_up and not self._in_pass:
                self._pass_missed = False
            self._backlog |= catching_up

    def close(self) -> None:
        """Forget all frames, take no more, wake whoever waits."""
        with self._changed:
            self._closed = True
            self._frames.clear()
            self._changed.notify_all()

    def losses(self) -> tuple[int, int]:
        """Frames dropped and passes missed so far."""
        with self._changed:
            return self._dropped, self._missed_passes

    def _wait_for_room(self) -> None:
        """While catching up, as long as patience lasts. The caller holds the lock."""
        asked_s = time.monotonic()
        self._changed.wait_for(
            lambda: self._closed or not self._catching_up or len(self._frames) < self._pass_limit,
            self._patience_left_s,
        )
        self._patience_left_s = max(0.0, self._patience_left_s - (time.monotonic() - asked_s))

    def __len__(self) -> int:
        # Without the lock: one number, and who looks round asks every camera for it at every turn.
        return len(self._frames)
