"""Work done beside the thread that asks for it: one thread, in order, a bounded number waiting."""

from __future__ import annotations

import queue
from collections.abc import Callable

import structlog

from edge.health import Counters
from edge.living import LivingThread

log = structlog.get_logger()

Job = Callable[[], None]


class Aside:
    """Runs jobs one after the other in a thread of its own."""

    def __init__(self, name: str, limit: int, counters: Counters) -> None:
        self._counters = counters
        self._jobs: queue.Queue[Job | None] = queue.Queue(limit)
        self.thread = LivingThread(name, self._run)

    def start(self) -> None:
        self.thread.start()

    def submit(self, job: Job) -> bool:
        """Have ``job`` done soon. False, and not done, when ``limit`` jobs are waiting already."""
        try:
            self._jobs.put_nowait(job)
        except queue.Full:
            return False
        return True

    def stop(self, timeout_s: float) -> None:
        """Finish what waits, as far as ``timeout_s`` allows."""
        if not self.thread.started:
            return
        try:
            self._jobs.put(None, timeout=timeout_s)
        except queue.Full:
            return
        self.thread.join(timeout_s)

    def _run(self) -> None:
        self.thread.beat(waits=True)
        while (job := self._jobs.get()) is not None:
            self.thread.beat()
            try:
                job()
            except Exception:
                self._counters.add("jobs_failed")
                log.exception("edge.job_failed", thread=self.thread.name, advice="gates go on; report this")
            self.thread.beat(waits=True)
