"""Whoever connects and asks for nothing keeps nobody else out."""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Iterator

import httpx
import pytest
from fastapi import FastAPI, Request, Response

from edge.enrol.server import EnrolServer

LARGE = 40_000_000
MANY = 40
"""More than are let in at once."""


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[EnrolServer]:
    monkeypatch.setattr("edge.enrol.patience.CHECK_EVERY_S", 0.1)
    app = FastAPI()

    @app.get("/here")
    async def here() -> str:
        return "here"

    @app.get("/large")
    async def large() -> Response:
        return Response(b"x" * LARGE)

    @app.post("/take")
    async def take(request: Request) -> int:
        return len(await request.body())

    made = EnrolServer(app, "127.0.0.1", 0)
    made.start()
    yield made
    made.stop()


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"GET /here HTTP/1.1\r\nHost: h\r\n",
        b"POST /take HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nhalf",
        b"GET /here HTTP/1.1\r\nHost: h\r\n\r\nGET /here HT",
    ],
    ids=["nothing", "half a request", "half a body", "a request and half of another"],
)
def test_who_says_too_little_is_cut_off_and_everybody_else_is_answered(server: EnrolServer, said: bytes) -> None:
    with contextlib.ExitStack() as stack:
        silent = [stack.enter_context(socket.create_connection(("127.0.0.1", server.port), 10)) for _ in range(MANY)]
        for one in silent:
            one.sendall(said)
        for one in silent:
            with contextlib.suppress(ConnectionResetError):
                while one.recv(4096):
                    continue  # ends by itself: the socket's timeout would raise
        assert httpx.get(f"http://127.0.0.1:{server.port}/here", timeout=10.0).json() == "here"


def test_a_request_in_several_pieces_is_answered(server: EnrolServer) -> None:
    with socket.create_connection(("127.0.0.1", server.port), 10) as one:
        for piece in (
            b"POST /take HTTP/1.1\r\nHost: h\r\n",
            b"Connection: close\r\nContent-Length: 4\r\n\r\n",
            b"body",
        ):
            one.sendall(piece)
        answer = b""
        while part := one.recv(4096):
            answer += part
    assert answer.endswith(b"\r\n\r\n4")


def test_a_large_answer_over_a_slow_line_arrives_whole(server: EnrolServer) -> None:
    taken = 0
    with httpx.stream("GET", f"http://127.0.0.1:{server.port}/large", timeout=10.0) as answer:
        for part in answer.iter_bytes(2_000_000):
            taken += len(part)
            time.sleep(0.05)
    assert taken == LARGE
