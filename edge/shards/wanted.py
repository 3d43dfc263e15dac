"""Pictures that an edge asked one of its processes for."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable

from core.contract.events import PassageV1
from edge.health import Counters
from edge.shards.messages import GarbageError

MAX_WANTED = 64
"""Pictures of one process that were asked for and have not come."""
GIVEN_UP_S = 120.0
"""A process answers within seconds, if only to say that there is none."""
_REMEMBERED = 256
"""Of those given up: a machine that slept for minutes gets them after all."""


class WantedPictures:
    """Of one process while it lives. Thread-safe."""

    def __init__(self, counters: Counters, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._counters = counters
        self._clock = clock
        self._lock = threading.Lock()
        self._wanted: dict[int, tuple[PassageV1, float]] = {}
        self._given_up: deque[int] = deque(maxlen=_REMEMBERED)

    def begin(self, number: int, passage: PassageV1) -> bool:
        """Picture ``number`` of ``passage`` is asked for; False where that is one too many."""
        now_s = self._clock()
        with self._lock:
            owed = {one: asked for one, asked in self._wanted.items() if now_s - asked[1] <= GIVEN_UP_S}
            given_up, self._wanted = self._wanted.keys() - owed.keys(), owed
            self._given_up += given_up
            begun = len(owed) < MAX_WANTED
            if begun:
                owed[number] = passage, now_s
        if given_up:
            self._counters.add("pictures_skipped", len(given_up))
        return begun

    def take(self, number: int) -> PassageV1 | None:
        """The passage that picture ``number`` was asked for; None where that was given up meanwhile.

        Raises GarbageError where nobody asked for it.
        """
        with self._lock:
            passage, _ = self._wanted.pop(number, (None, 0.0))
            if passage is None:
                if number not in self._given_up:
                    raise GarbageError("a picture that nobody asked for")
                self._given_up.remove(number)
            return passage
