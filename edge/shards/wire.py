"""Frames between an edge and one of its processes: two lengths, a JSON header, bytes. Nothing else is understood."""

from __future__ import annotations

import contextlib
import select
import socket
import struct
import threading
import time

_LENGTHS = struct.Struct(">II")
MAX_HEADER = 1_000_000
"""The health of a thousand cameras; an edge has fewer."""
MAX_BLOB = 16_000_000
"""A configuration of ten thousand cameras goes down; what comes up is smaller."""
_CHUNK = 65_536


class WireError(Exception):
    """The other side is gone, does not listen, or sends what is no frame: nothing more is to be had from it."""


class Wire:
    """One end. ``send`` from any thread, ``receive`` from one."""

    def __init__(self, sock: socket.socket, *, patience_s: float) -> None:
        """patience_s: how long the other side may leave what it is sent unread."""
        self._sock = sock
        self._patience_s = patience_s
        self._sending = threading.Lock()
        self._held = bytearray()
        sock.setblocking(True)  # a frame that is half sent can't be taken back: sending waits by itself, below
        seconds = int(patience_s)
        rest_us = int((patience_s - seconds) * 1_000_000)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("@ll", seconds, rest_us))

    def send(self, header: bytes, blob: bytes = b"") -> None:
        """Raises WireError when the other side is gone or reads nothing; ValueError for what is too large to send."""
        if len(header) > MAX_HEADER or len(blob) > MAX_BLOB:
            raise ValueError(f"a frame of {len(header)} and {len(blob)} bytes is too large")
        with self._sending:
            try:
                self._sock.sendall(_LENGTHS.pack(len(header), len(blob)) + header + blob)
            except OSError as error:
                self.close()
                raise WireError(f"nothing can be sent: {error.strerror or type(error).__name__}") from None

    def receive(self, timeout_s: float) -> tuple[bytes, bytes] | None:
        """The next frame's header and bytes; None when it is not complete within ``timeout_s``. Raises WireError."""
        deadline_s = time.monotonic() + timeout_s
        while (frame := self._complete()) is None:
            left_s = deadline_s - time.monotonic()
            if left_s <= 0 or not _readable(self._sock, left_s):
                return None
            try:
                chunk = self._sock.recv(_CHUNK)
            except OSError as error:
                raise WireError(f"nothing can be read: {error.strerror or type(error).__name__}") from None
            if not chunk:
                raise WireError("the other side has ended")
            self._held += chunk
        return frame

    def close(self) -> None:
        """Whoever waits for the other side is told at once; more than once is harmless."""
        with contextlib.suppress(OSError):
            self._sock.shutdown(socket.SHUT_RDWR)

    def _complete(self) -> tuple[bytes, bytes] | None:
        if len(self._held) < _LENGTHS.size:
            return None
        header, blob = _LENGTHS.unpack_from(self._held)
        if not 0 < header <= MAX_HEADER or blob > MAX_BLOB:
            raise WireError("what came is no frame")
        start, end = _LENGTHS.size, _LENGTHS.size + header + blob
        if len(self._held) < end:
            return None
        frame = bytes(self._held[start : start + header]), bytes(self._held[start + header : end])
        # What was sent may be of somebody's face: it is not left lying in a buffer that is used again.
        self._held[:end] = bytes(end)
        del self._held[:end]
        return frame


def _readable(sock: socket.socket, timeout_s: float) -> bool:
    try:
        poll = select.poll()
        poll.register(sock, select.POLLIN)
        return bool(poll.poll(max(1, int(timeout_s * 1000))))
    except (OSError, ValueError):
        raise WireError("the connection is closed") from None
