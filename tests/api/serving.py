"""The application behind a real socket, in a thread of the test."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import httpx
import uvicorn
from fastapi import FastAPI

from api.serve import Server

_START_S = 20.0


class Served:
    """Serves ``app`` on a free port of loopback while entered."""

    def __init__(self, app: FastAPI) -> None:
        self.app = app
        self._socket = socket.create_server(("127.0.0.1", 0))
        config = uvicorn.Config(app, access_log=False, log_config=None, ws="none", timeout_graceful_shutdown=2)
        self._server = Server(config, app.state.context.live)
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True)

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        await self._server.serve(sockets=[self._socket])

    def drop_streams(self) -> None:
        """End every live stream, as a restart would."""
        self._loop.call_soon_threadsafe(self.app.state.context.live.close)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._socket.getsockname()[1]}"

    def client(self, headers: dict[str, str] | None = None) -> httpx.Client:
        """A client with cookies of its own, which follows no redirect."""
        return httpx.Client(base_url=self.url, headers=headers, timeout=20, trust_env=False)

    def __enter__(self) -> Self:
        self._thread.start()
        give_up = time.monotonic() + _START_S
        while not self._server.started:
            assert self._thread.is_alive(), "the server ended"
            assert time.monotonic() < give_up, "the server did not start"
            time.sleep(0.01)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._server.should_exit = True
        self._thread.join(_START_S)
        self._socket.close()


@dataclass(frozen=True, slots=True)
class Heard:
    """One server-sent event."""

    id: int | None
    event: str
    payload: dict[str, Any]


def listen(lines: Iterator[str]) -> Iterator[Heard]:
    """Events out of a stream's lines (WHATWG HTML, 9.2.6), heartbeats included."""
    fields: dict[str, str] = {}
    for line in lines:
        if line:
            name, _, value = line.partition(": ")
            fields[name] = value
        else:
            if "data" in fields:
                number = int(fields["id"]) if "id" in fields else None
                yield Heard(number, fields.get("event", "message"), json.loads(fields["data"]))
            fields = {}


def told(url: str, headers: dict[str, str], count: int, **query: int) -> list[Heard]:
    """The next ``count`` events of the live stream (heartbeats aside), then the connection is dropped."""
    found: list[Heard] = []
    if count == 0:
        return found
    with httpx.stream(
        "GET", f"{url}/api/v1/live", headers=headers, params=query, timeout=10, trust_env=False
    ) as stream:
        assert stream.status_code == 200, stream.status_code
        for one in listen(stream.iter_lines()):
            if one.event != "beat":
                found.append(one)
            if len(found) == count:
                break
    return found
