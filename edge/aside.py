"""Work done beside the thread that asks for it: one thread, in order, a bounded number waiting."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable

import structlog

from edge.health import Counters

log = structlog.get_logger()

Job = Callable[[], None]


class Aside:
    """Runs jobs one after the other in a thread of its own."""

    def __init__(self, name: str, limit: int, counters: Counters) -> None:
        self._counters = counters
        self._jobs: queue.Queue[Job | None] = queue.Queue(limit)
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def submit(self, job: Job) -> bool:
        """Have ``job`` done soon. False, and not done, when ``limit`` jobs are waiting already."""
        try:
            self._jobs.put_nowait(job)
        except queue.Full:
            return False
        return True

    def stop(self, timeout_s: float) -> None:
        """Finish what waits, as far as ``timeout_s`` allows."""
        if self._thread.ident is None:
            return
        try:
            self._jobs.put(None, timeout=timeout_s)
        except queue.Full:
            return
        self._thread.join(timeout_s)

    def _run(self) -> None:
        while (job := self._jobs.get()) is not None:
            try:
                job()
            except Exception:
                self._counters.add("jobs_failed")
                log.exception("edge.job_failed", thread=self._thread.name, advice="gates go on; report this")
