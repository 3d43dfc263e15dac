"""How much of what the core says may wait: a number, and bytes."""

from __future__ import annotations

import asyncio

import pytest

from core.contract.lists import ListDeltaV1
from edge.link import waiting
from edge.link.waiting import ListQueue
from tests.edge.link.parts import EDGE


def delta(first: int) -> ListDeltaV1:
    return ListDeltaV1(edge=EDGE, first=first, last=first, sealed_base64="", signature_base64="")


def test_messages_are_taken_in_the_order_they_came_and_too_many_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "MAX_WAITING", 3)

    async def scene() -> None:
        queue = ListQueue()
        assert [queue.offer(delta(first), 10) for first in range(1, 6)] == [True, True, True, False, False]
        assert [await queue.take() for _ in range(3)] == [delta(1), delta(2), delta(3)]

    asyncio.run(scene())


def test_too_many_bytes_are_refused_and_what_is_being_applied_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "MAX_WAITING_BYTES", 100)

    async def scene() -> None:
        queue = ListQueue()
        assert queue.offer(delta(1), 60)
        assert not queue.offer(delta(2), 60)
        assert queue.offer(delta(2), 40)
        await queue.take()
        assert not queue.offer(delta(3), 60), "the first is still in memory"
        await queue.take()
        assert queue.offer(delta(3), 60)

    asyncio.run(scene())
