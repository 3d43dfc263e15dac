"""Runs the enrolment endpoint in a thread of the edge's process."""

from __future__ import annotations

import socket
import threading
import time

import structlog
import uvicorn
from fastapi import FastAPI

log = structlog.get_logger()

START_TIMEOUT_S = 10.0
STOP_TIMEOUT_S = 10.0
_MAX_CONNECTIONS = 16


class EnrolServerError(RuntimeError):
    """The endpoint can't be served; the text says where and what to do."""


class EnrolServer:
    """Serves ``app`` until ``stop``. The address is taken when made, so that a conflict shows at once."""

    def __init__(self, app: FastAPI, host: str, port: int) -> None:
        """Raises EnrolServerError when ``host``:``port`` can't be had. Port 0 takes any free one."""
        try:
            family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
            self._socket = socket.create_server((host, port), family=family, backlog=_MAX_CONNECTIONS)
        except OSError as error:
            raise EnrolServerError(
                f"enrolment endpoint {host}:{port}: {error.strerror}; choose a free enrol_host and enrol_port"
            ) from None
        self._server = uvicorn.Server(
            uvicorn.Config(
                app,
                access_log=False,
                log_config=None,
                lifespan="off",
                ws="none",
                server_header=False,
                limit_concurrency=_MAX_CONNECTIONS,
                timeout_keep_alive=5,
                timeout_graceful_shutdown=5,
            )
        )
        self._thread = threading.Thread(target=self._serve, name="enrolment", daemon=True)

    @property
    def port(self) -> int:
        return int(self._socket.getsockname()[1])

    def start(self) -> None:
        """Serve; returns once requests are answered. Raises EnrolServerError."""
        self._thread.start()
        give_up_s = time.monotonic() + START_TIMEOUT_S
        while not self._server.started:
            if not self._thread.is_alive() or time.monotonic() > give_up_s:
                raise EnrolServerError("the enrolment endpoint did not start; the log above says why")
            time.sleep(0.01)
        log.info("enrolment.serving", port=self.port)

    def stop(self) -> None:
        """Finish what is being answered, then close."""
        self._server.should_exit = True
        if self._thread.ident is not None:
            self._thread.join(STOP_TIMEOUT_S)
        self._socket.close()

    def _serve(self) -> None:
        self._server.run(sockets=[self._socket])
