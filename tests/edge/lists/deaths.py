"""Killing an edge in the middle of its work, at any statement it sends to the disk."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable

from core.contract.lists import ListMessage
from edge.lists.mirror import ListMirror
from tests.edge.lists.estate import Estate


def in_a_process_that_dies(work: Callable[[], None]) -> int:
    """Run ``work`` in a child process; its exit status, negative for the signal that killed it."""
    child = os.fork()
    if child == 0:
        try:
            work()
        finally:
            os._exit(0)
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status)


def applying(*messages: ListMessage) -> Callable[[ListMirror], None]:
    """Work for ``dies_at``."""

    def work(mirror: ListMirror) -> None:
        for message in messages:
            mirror.apply(message)

    return work


def dies_at(estate: Estate, work: Callable[[ListMirror], object], statement: int) -> bool:
    """Do ``work`` with the estate's mirror in a process that is killed before its SQL statement number ``statement``.

    False if it lived.
    """

    def child() -> None:
        mirror = estate.open_mirror()
        executed = 0

        def count(_: str) -> None:
            nonlocal executed
            executed += 1
            if executed == statement:
                os.kill(os.getpid(), signal.SIGKILL)

        mirror._store._file.db.set_trace_callback(count)
        work(mirror)

    return in_a_process_that_dies(child) == -signal.SIGKILL
