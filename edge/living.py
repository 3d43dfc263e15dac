"""A thread that can be seen to live, and begun anew when it died."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable


class LivingThread:
    """Runs ``run`` in a daemon thread. What runs says now and then that it goes on: `beat`."""

    def __init__(self, name: str, run: Callable[[], None]) -> None:
        self.name = name
        self._run = run
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._beat_s = time.monotonic()
        self._waits = False

    def start(self) -> None:
        """Begin. Raises RuntimeError when it was begun before."""
        with self._lock:
            if self._thread is not None:
                raise RuntimeError(f"thread {self.name} runs already")
            self._begin()

    def revive(self) -> bool:
        """Begin anew what was begun and has died; True when it had."""
        with self._lock:
            if self._thread is None or self._thread.is_alive():
                return False
            self._begin()
            return True

    def join(self, timeout_s: float) -> bool:
        """Wait until it has ended; False when it has not within ``timeout_s``."""
        thread = self._thread
        if thread is None:
            return True
        thread.join(timeout_s)
        return not thread.is_alive()

    def beat(self, *, waits: bool = False) -> None:
        """From the thread: it goes on. ``waits``: until something comes for it, however long that takes."""
        self._beat_s, self._waits = time.monotonic(), waits

    @property
    def started(self) -> bool:
        return self._thread is not None

    @property
    def alive(self) -> bool:
        thread = self._thread
        return thread is not None and thread.is_alive()

    def silent_s(self, now_s: float) -> float:
        """Seconds since it last said that it goes on, at ``now_s`` (monotonic); 0 while it waits for something."""
        return 0.0 if self._waits else max(0.0, now_s - self._beat_s)

    def _begin(self) -> None:
        self.beat()
        self._thread = threading.Thread(target=self._run, name=self.name, daemon=True)
        self._thread.start()
