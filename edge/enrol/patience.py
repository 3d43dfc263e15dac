"""Connections that ask for nothing are closed, so that a few silent ones can't keep everybody else out."""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

CHECK_EVERY_S = 5.0
SILENT_CHECKS = 2
"""So many checks in a row that found a connection without a request: it is closed."""
ASKING_CHECKS = 12
"""So many that found one and the same request not sent to its end: a picture over a slow line takes less."""


class PatientProtocol(H11Protocol):
    """uvicorn's HTTP/1.1, which by itself waits for ever for the first request, and for the rest of one."""

    _timer: asyncio.TimerHandle | None = None
    _waiting_for: object = None
    _checks = 0
    _untaken_bytes = 0

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._timer = self.loop.call_later(CHECK_EVERY_S, self._check)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        super().connection_lost(exc)

    def _check(self) -> None:
        cycle = self.cycle
        silent = cycle is None or cycle.response_complete
        # Closing and still here: what was answered is not taken.
        waits = silent or self.transport.is_closing() or cycle.more_body
        self._checks = self._checks + 1 if waits and cycle is self._waiting_for else int(waits)
        self._waiting_for = cycle
        if self._untaken_bytes != (untaken := self.transport.get_write_buffer_size()):
            self._checks, self._untaken_bytes = 0, untaken  # an answer on its way, however slowly
        if self._checks >= (ASKING_CHECKS if waits and not silent and cycle.more_body else SILENT_CHECKS):
            self.transport.abort()
        else:
            self._timer = self.loop.call_later(CHECK_EVERY_S, self._check)
