"""Runs the enrolment endpoint in a thread of the edge's process."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import structlog
import uvicorn
from fastapi import FastAPI

from edge.enrol.patience import PatientProtocol

log = structlog.get_logger()

START_TIMEOUT_S = 10.0
STOP_TIMEOUT_S = 10.0
_MAX_CONNECTIONS = 32


class EnrolServerError(RuntimeError):
    """The endpoint can't be served; the text says where and what to do."""


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """Certificate chain and private key (without a passphrase), PEM."""

    certificate: Path
    key: Path

    def context(self) -> ssl.SSLContext:
        """Raises EnrolServerError when they can't be used."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        try:
            # Without a password to try OpenSSL would ask for one on the terminal, for ever.
            context.load_cert_chain(self.certificate, self.key, password="")
        except (OSError, ValueError) as error:
            raise EnrolServerError(
                f"enrol_tls_cert_file {self.certificate} with enrol_tls_key_file {self.key} can't be used: "
                f"{getattr(error, 'strerror', None) or type(error).__name__}; both are PEM, belong together, are "
                "readable for this user and have no passphrase"
            ) from None
        return context


class EnrolServer:
    """Serves ``app`` until ``stop``. The address is taken when made, so that a conflict shows at once."""

    def __init__(self, app: FastAPI, host: str, port: int, tls: TlsFiles | None = None) -> None:
        """Raises EnrolServerError when ``host``:``port`` can't be had, or ``tls`` not used. Port 0 takes any free one.

        tls: None speaks plain HTTP, which the configuration allows on loopback only.
        """
        context = None if tls is None else tls.context()
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
                http=PatientProtocol,
                access_log=False,
                log_config=None,
                lifespan="off",
                ws="none",
                server_header=False,
                limit_concurrency=_MAX_CONNECTIONS,
                timeout_keep_alive=5,
                timeout_graceful_shutdown=5,
                ssl_context_factory=None if context is None else lambda *_: context,
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
