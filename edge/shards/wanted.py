"""Pictures that an edge asked one of its processes for."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from core.contract.events import PassageV1
from edge.health import Counters

MAX_WANTED = 64
"""Pictures of one process that were asked for and have not come."""
GIVEN_UP_S = 120.0
"""A process answers within seconds, if only to say that there is none."""


class WantedPictures:
    """Of one process while it lives. Thread-safe."""

    def __init__(self, counters: Counters, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._counters = counters
        self._clock = clock
        self._lock = threading.Lock()
        self._wanted: dict[int, tuple[PassageV1, float]] = {}

    def begin(self, number: int, passage: PassageV1) -> bool:
        """Picture ``number`` of ``passage`` is asked for; False where that is one too many."""
        now_s = self._clock()
        with self._lock:
            owed = {one: asked for one, asked in self._wanted.items() if now_s - asked[1] <= GIVEN_UP_S}
            given_up, self._wanted = len(self._wanted) - len(owed), owed
            begun = len(owed) < MAX_WANTED
            if begun:
                owed[number] = passage, now_s
        if given_up:
            self._counters.add("pictures_skipped", given_up)
        return begun

    def take(self, number: int) -> PassageV1 | None:
        """The passage that picture ``number`` was asked for; None where none was."""
        with self._lock:
            passage, _ = self._wanted.pop(number, (None, 0.0))
            return passage
