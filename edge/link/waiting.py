"""What the core said about the lists, waiting to be applied: in order, and never more than this machine can hold."""

from __future__ import annotations

import asyncio

from core.contract.lists import ListMessage
from edge.link.inbox import MAX_LIST_BYTES

MAX_WAITING = 64
MAX_WAITING_BYTES = 4 * MAX_LIST_BYTES


class ListQueue:
    """At most ``MAX_WAITING`` messages of ``MAX_WAITING_BYTES`` together; what does not fit is refused at once.

    For one event loop. The one being applied still counts with its bytes, until the next is taken.
    """

    def __init__(self) -> None:
        self._waiting: asyncio.Queue[tuple[ListMessage, int]] = asyncio.Queue(MAX_WAITING)
        self._bytes = 0
        self._taken_bytes = 0

    def offer(self, message: ListMessage, size: int) -> bool:
        """Let ``message`` (``size`` bytes on the wire) wait its turn. False when there is no room for it."""
        if self._bytes + size > MAX_WAITING_BYTES:
            return False
        try:
            self._waiting.put_nowait((message, size))
        except asyncio.QueueFull:
            return False
        self._bytes += size
        return True

    async def take(self) -> ListMessage:
        """The next message, once there is one."""
        self._bytes -= self._taken_bytes
        self._taken_bytes = 0
        message, self._taken_bytes = await self._waiting.get()
        return message
