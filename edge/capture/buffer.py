"""Frames on their way from the decoder to whoever looks at them: few, newest kept, losses counted."""

from __future__ import annotations

import threading
from collections import deque
from typing import Generic, TypeVar

T = TypeVar("T")


class FrameBuffer(Generic[T]):
    """A queue of at most ``limit`` frames, or ``pass_limit`` while somebody is passing or the decoder catches up.

    When it is full the oldest frame is dropped. One that is dropped during a pass may have been the one that mattered:
    that pass is counted as missed, once.
    """

    def __init__(self, limit: int = 4, pass_limit: int = 16) -> None:
        self._limit = limit
        self._pass_limit = max(limit, pass_limit)
        self._frames: deque[T] = deque()
        self._changed = threading.Condition()
        self._in_pass = False
        self._catching_up = False
        self._pass_missed = False
        self._closed = False
        self._dropped = 0
        self._missed_passes = 0

    def put(self, frame: T) -> None:
        """Never waits."""
        with self._changed:
            if self._closed:
                return
            self._frames.append(frame)
            roomy = self._in_pass or self._catching_up
            while len(self._frames) > (self._pass_limit if roomy else self._limit):
                self._frames.popleft()
                self._dropped += 1
                if self._in_pass and not self._pass_missed:
                    self._pass_missed = True
                    self._missed_passes += 1
            self._changed.notify()

    def take(self, timeout_s: float) -> T | None:
        """The oldest frame, waiting up to ``timeout_s`` for one; None when there is none or the buffer is closed."""
        with self._changed:
            if not self._frames and not self._closed:
                self._changed.wait(timeout_s)
            return self._frames.popleft() if self._frames and not self._closed else None

    def set_in_pass(self, in_pass: bool) -> None:
        """Whether somebody is passing now: then frames are dropped last."""
        with self._changed:
            if not in_pass:
                self._pass_missed = False
            self._in_pass = in_pass

    def set_catching_up(self, catching_up: bool) -> None:
        """Whether frames come faster than they were made, so that whoever looks at them can't keep up for a moment."""
        with self._changed:
            self._catching_up = catching_up

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

    def __len__(self) -> int:
        with self._changed:
            return len(self._frames)
