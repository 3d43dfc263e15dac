"""The live stream: one tailer per process reads the ``live`` table, every connected page gets each row once, in order.

A page says the last number it has; what it missed is read for it from the table, then it joins the tail. Nobody
waits for a slow page: its queue is bounded, it is cut off at the limit, and comes back with its last number.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from typing import Protocol

import structlog
from anyio import CancelScope, create_task_group, move_on_after, to_thread
from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from core.live import LiveEvent, read_after
from core.storage.database import Database
from core.storage.schema import LiveRow

POLL_S = 0.1
HEARTBEAT_S = 15.0
QUEUE_LIMIT = 512
MAX_CLIENTS = 200
_BATCH = 500
_FAILED_POLL_PAUSE_S = 2.0
_POLLS_PER_BOUNDS_CHECK = 50
log = structlog.get_logger()


def encode(row: LiveEvent) -> bytes:
    """A row as a server-sent event: its number, its kind, its payload as JSON in one line."""
    told = json.dumps(row.payload, ensure_ascii=False, separators=(",", ":"))
    return f"id: {row.id}\nevent: {row.kind}\ndata: {told}\n\n".encode()


def encode_reset(position: int) -> bytes:
    """What lies between was pruned: the page must load again what it shows, and goes on from ``position``."""
    return f"id: {position}\nevent: reset\ndata: {{}}\n\n".encode()


@dataclass(frozen=True, slots=True)
class Bounds:
    """Lowest and highest number in the table; both 0 when it is empty."""

    oldest: int
    newest: int

    def continues(self, after: int) -> bool:
        """Whether a page that has seen ``after`` can go on without having missed something that is gone."""
        return self.oldest - 1 <= after <= self.newest


class LiveTable(Protocol):
    """Where the tailer and returning pages read."""

    def read_after(self, after: int, limit: int) -> list[LiveEvent]: ...

    def bounds(self) -> Bounds: ...


class DatabaseLiveTable:
    """The table in the database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def read_after(self, after: int, limit: int) -> list[LiveEvent]:
        with self._database.reading() as db:
            return read_after(db, after, limit)

    def bounds(self) -> Bounds:
        with self._database.reading() as db:
            oldest, newest = db.execute(select(func.min(LiveRow.id), func.max(LiveRow.id))).one()
        return Bounds(oldest or 0, newest or 0)


class TooManyClientsError(Exception):
    """The process has as many pages as it will serve."""


@dataclass(eq=False, slots=True)
class Subscription:
    """One connected page. ``joined_at``: every row after that number comes through ``queue``."""

    joined_at: int
    queue: asyncio.Queue[LiveEvent] = field(default_factory=lambda: asyncio.Queue(QUEUE_LIMIT))
    cut: asyncio.Event = field(default_factory=asyncio.Event)


class LiveHub:
    """Tails the table and fans out. One per process; lives on one event loop."""

    def __init__(self, table: LiveTable, *, poll_s: float = POLL_S, max_clients: int = MAX_CLIENTS) -> None:
        self._table = table
        self._poll_s = poll_s
        self._max_clients = max_clients
        self._clients: set[Subscription] = set()
        self._position = 0
        self.slow_clients = 0
        self.failed_polls = 0
        self.tailing = asyncio.Event()
        self._stopping = asyncio.Event()

    async def run(self) -> None:
        """Tail until ``stop``. A database that is away is waited for; pages notice nothing but the pause."""
        polls = 0
        while not self._stopping.is_set():
            try:
                if not self.tailing.is_set():
                    self._position = (await to_thread.run_sync(self._table.bounds)).newest
                    self.tailing.set()
                elif polls % _POLLS_PER_BOUNDS_CHECK == 0:
                    await self._notice_restart()
                await self._poll()
                polls += 1
                await self._pause(self._poll_s)
            except SQLAlchemyError as error:
                self.failed_polls += 1
                log.warning("live.poll_failed", error=type(error).__name__, failed=self.failed_polls)
                await self._pause(_FAILED_POLL_PAUSE_S)

    def stop(self) -> None:
        """Let ``run`` end after the read in hand: a thread that reads can't be cancelled, only waited for."""
        self._stopping.set()
        self.close()

    async def _pause(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stopping.wait()

    async def _poll(self) -> None:
        while rows := await to_thread.run_sync(self._table.read_after, self._position, _BATCH):
            self._position = rows[-1].id
            for client in tuple(self._clients):
                self._give(client, rows)

    def _give(self, client: Subscription, rows: list[LiveEvent]) -> None:
        for row in rows:
            try:
                client.queue.put_nowait(row)
            except asyncio.QueueFull:
                self.slow_clients += 1
                log.info("live.client_too_slow", slow_clients=self.slow_clients)
                self._drop(client)
                return

    async def _notice_restart(self) -> None:
        """A restored or emptied table counts from the start again: everybody comes back and is told to reload."""
        newest = (await to_thread.run_sync(self._table.bounds)).newest
        if newest < self._position:
            self._position = newest
            self.close()

    def close(self) -> None:
        """End every stream; pages come back on their own."""
        for client in tuple(self._clients):
            self._drop(client)

    def _drop(self, client: Subscription) -> None:
        self._clients.discard(client)
        client.cut.set()

    @property
    def full(self) -> bool:
        """Whether another page would be one too many."""
        return len(self._clients) >= self._max_clients

    @contextlib.contextmanager
    def subscribed(self) -> Iterator[Subscription]:
        """Join the tail. Raises TooManyClientsError."""
        if self.full:
            raise TooManyClientsError
        client = Subscription(self._position)
        self._clients.add(client)
        try:
            yield client
        finally:
            self._clients.discard(client)

    async def events(
        self, client: Subscription, after: int | None, still_allowed: Callable[[], Awaitable[bool]], beat_s: float
    ) -> AsyncIterator[bytes]:
        """The stream of one page, encoded: what it missed after ``after``, then what comes; ends when not allowed."""
        yield b"retry: 1000\n\n"
        last = client.joined_at if after is None else after
        if after is not None and not (await to_thread.run_sync(self._table.bounds)).continues(after):
            last = client.joined_at
            yield encode_reset(last)
        while last < client.joined_at:
            missed = await to_thread.run_sync(self._table.read_after, last, _BATCH)
            for row in missed:
                yield encode(row)
            if not missed:
                break
            last = missed[-1].id
        loop = asyncio.get_running_loop()
        next_beat = loop.time()
        while True:
            if loop.time() >= next_beat:
                if not await still_allowed():
                    return
                yield b"event: beat\ndata: {}\n\n"
                next_beat = loop.time() + beat_s
            try:
                async with asyncio.timeout_at(next_beat):
                    row = await client.queue.get()
            except TimeoutError:
                continue
            if row.id > last:
                last = row.id
                yield encode(row)


class LiveResponse(Response):
    """A stream of server-sent events that ends when the page goes, is too slow, or signs out."""

    media_type = "text/event-stream"

    def __init__(
        self,
        hub: LiveHub,
        after: int | None,
        still_allowed: Callable[[], Awaitable[bool]],
        beat_s: float = HEARTBEAT_S,
    ) -> None:
        super().__init__(headers={"x-accel-buffering": "no"})
        del self.headers["content-length"]
        self._hub = hub
        self._after = after
        self._still_allowed = still_allowed
        self._beat_s = beat_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - ASGI's form
        with self._hub.subscribed() as client:
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            async with create_task_group() as group:
                group.start_soon(self._send_all, client, send, group.cancel_scope)
                group.start_soon(_until_gone, receive, group.cancel_scope)
                await client.cut.wait()
                group.cancel_scope.cancel()
        with move_on_after(1.0):
            await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _send_all(self, client: Subscription, send: Send, scope: CancelScope) -> None:
        async for chunk in self._hub.events(client, self._after, self._still_allowed, self._beat_s):
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
        scope.cancel()


async def _until_gone(receive: Receive, scope: CancelScope) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    scope.cancel()
