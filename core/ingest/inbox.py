"""The bounded queue between the broker's connection and the database."""

from __future__ import annotations

import asyncio
from collections import Counter

from aiomqtt import Message

from core.contract.events import MAX_EVENT_BYTES

MAX_MESSAGES = 2000
MAX_BYTES = 64_000_000
CONTROL_RESERVE = 500
"""Places beyond ``MAX_MESSAGES`` that only states and receipts may use."""


class Inbox(asyncio.Queue[Message]):
    """Messages that wait to be committed, bounded in number and bytes.

    At the limit an event is dropped and counted: it is in its edge's outbox until we acknowledge it, and comes again;
    that, and not the broker's memory, is the back-pressure. States and receipts, which nobody repeats at once, have a
    reserve. A payload is cut after ``MAX_EVENT_BYTES`` + 1 bytes: enough to know that it is too much.
    """

    def __init__(self) -> None:
        super().__init__()
        self._held_bytes = 0
        self.counts: Counter[str] = Counter()

    def put_nowait(self, item: Message) -> None:
        payload = item.payload if isinstance(item.payload, bytes) else b""
        if len(payload) > MAX_EVENT_BYTES + 1:
            item.payload = payload[: MAX_EVENT_BYTES + 1]
        is_event = item.topic.value.endswith("/event")
        limit = MAX_MESSAGES if is_event else MAX_MESSAGES + CONTROL_RESERVE
        if self.qsize() >= limit or (is_event and self._held_bytes >= MAX_BYTES):
            self.counts["inbox_dropped_events" if is_event else "inbox_dropped_states"] += 1
            return
        super().put_nowait(item)

    def drain(self, limit: int) -> list[Message]:
        """At most ``limit`` messages that are here already."""
        taken: list[Message] = []
        while len(taken) < limit and not self.empty():
            taken.append(self.get_nowait())
        return taken

    def _put(self, item: Message) -> None:
        self._held_bytes += len(item.payload) if isinstance(item.payload, bytes) else 0
        super()._put(item)

    def _get(self) -> Message:
        item = super()._get()
        self._held_bytes -= len(item.payload) if isinstance(item.payload, bytes) else 0
        return item
