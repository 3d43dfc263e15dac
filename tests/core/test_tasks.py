"""Tasks that end together end, whoever swallows what."""

from __future__ import annotations

import asyncio
import threading

import pytest

from core import tasks
from core.tasks import end, until_first_ends
from core.threads import in_thread


class BrokenError(Exception):
    pass


async def for_ever() -> None:
    await asyncio.Event().wait()


async def breaks() -> None:
    raise BrokenError


def test_the_first_that_fails_is_told_and_the_others_are_ended() -> None:
    ended = []

    async def works() -> None:
        try:
            await for_ever()
        finally:
            ended.append("works")

    async def scenario() -> None:
        with pytest.raises(BrokenError):
            await until_first_ends(works(), breaks())

    asyncio.run(scenario())
    assert ended == ["works"]


def test_a_cancellation_that_is_swallowed_is_asked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    # What asyncio.wait_for does before Python 3.12 when its answer and the cancellation come together.
    monkeypatch.setattr(tasks, "_ASK_AGAIN_S", 0.01)
    answers: list[str] = []

    async def sends(answer: asyncio.Event) -> None:
        while True:
            try:
                await answer.wait()
            except asyncio.CancelledError:
                if answers:
                    raise
                answers.append("swallowed")

    async def scenario() -> None:
        work = asyncio.ensure_future(sends(asyncio.Event()))
        await asyncio.sleep(0)
        await asyncio.wait_for(end(work), 5)
        assert work.cancelled()

    asyncio.run(scenario())
    assert answers == ["swallowed"]


def test_a_thread_is_waited_for_however_often_its_caller_is_cancelled() -> None:
    may_end, done = threading.Event(), []

    def transaction() -> None:
        may_end.wait(10)
        done.append("committed")

    async def scenario() -> None:
        caller = asyncio.ensure_future(in_thread(transaction))
        for _ in range(3):
            await asyncio.sleep(0.01)
            caller.cancel()
        await asyncio.sleep(0.01)
        assert not caller.done()
        may_end.set()
        with pytest.raises(asyncio.CancelledError):
            await caller
        assert done == ["committed"]

    asyncio.run(scenario())
