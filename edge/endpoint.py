"""The edge's HTTP endpoint: portraits come in, video goes out, nothing of either by way of the core."""

from __future__ import annotations

import structlog
from fastapi import APIRouter

from core.contract.config import EdgeConfig
from core.contract.config_file import LoadedConfig
from edge.assembly import enrol_tls
from edge.enrol.endpoint import make_app
from edge.enrol.enroller import Enroller
from edge.enrol.server import EnrolServer, EnrolServerError
from edge.health import Counters

log = structlog.get_logger()


class EdgeEndpoint:
    """Serves, or says why it can't: an edge whose address is taken goes on opening gates."""

    def __init__(
        self, loaded: LoadedConfig, edge: EdgeConfig, enroller: Enroller, video: APIRouter, counters: Counters
    ) -> None:
        self._edge = edge
        self._counters = counters
        self._server: EnrolServer | None = None
        api = loaded.config.api
        app = make_app(enroller, api.public_url or f"http://{api.host}:{api.port}", video)
        try:
            self._server = EnrolServer(app, edge.enrol_host, edge.enrol_port, enrol_tls(loaded, edge))
        except EnrolServerError as error:
            self._unavailable(error)

    @property
    def url(self) -> str | None:
        """Where browsers reach it; None where it could not be served."""
        return None if self._server is None else self._edge.enrol_url

    def start(self) -> None:
        if self._server is not None:
            try:
                self._server.start()
            except EnrolServerError as error:
                self._unavailable(error)

    def stop(self) -> None:
        """Finish what is being answered."""
        if self._server is not None:
            self._server.stop()

    def _unavailable(self, error: EnrolServerError) -> None:
        self._counters.add("enrolment_unavailable")
        log.warning("enrolment.unavailable", problem=str(error))
