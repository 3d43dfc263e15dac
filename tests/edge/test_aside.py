"""Work beside the thread that asks for it."""

from __future__ import annotations

import threading

from structlog.testing import capture_logs

from edge.aside import Aside
from edge.health import Counters


def test_jobs_are_done_in_order_and_what_waits_is_finished_before_the_end() -> None:
    done: list[int] = []
    aside = Aside("test", 100, Counters())
    for number in range(50):
        assert aside.submit(lambda number=number: done.append(number))  # type: ignore[misc]
    aside.start()
    aside.stop(10)
    assert done == list(range(50))


def test_more_than_may_wait_is_refused() -> None:
    aside = Aside("test", 2, Counters())
    assert [aside.submit(lambda: None) for _ in range(3)] == [True, True, False]


def test_a_job_that_fails_is_counted_and_the_next_one_is_done() -> None:
    def fail() -> None:
        raise RuntimeError("a job's own trouble")

    counters, done = Counters(), threading.Event()
    aside = Aside("test", 5, counters)
    with capture_logs() as logs:
        aside.submit(fail)
        aside.submit(done.set)
        aside.start()
        assert done.wait(10)
    aside.stop(10)
    assert counters.snapshot() == {"jobs_failed": 1}
    assert logs[0]["event"] == "edge.job_failed"


def test_stopping_does_not_wait_for_ever() -> None:
    stuck = threading.Event()
    finished: list[str] = []

    def wait() -> None:
        stuck.wait(20)
        finished.append("the stuck job")

    aside = Aside("test", 1, Counters())
    aside.start()
    aside.submit(wait)
    aside.submit(lambda: None)
    aside.stop(0.05)
    assert finished == [], "it came back while the job still hung"
    stuck.set()
