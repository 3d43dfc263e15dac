"""The API's process: start what it needs, say where it is, serve until told to stop."""

from __future__ import annotations

import socket
from collections.abc import Callable

import structlog
import uvicorn

from api.accounts import renew_setup_token
from api.app import create_app
from api.context import ApiContext
from api.live import DatabaseLiveTable, LiveHub
from api.pages.render import check_vendor
from core.contract.config_file import ConfigError, LoadedConfig, Problem
from core.keys import load_or_create_signing_key
from core.service import opened, plate_keeper, prepare
from core.storage.database import Database

_MAX_CONNECTIONS = 1000
_SHUTDOWN_S = 5
log = structlog.get_logger()


class Server(uvicorn.Server):
    """Ends the live streams first: they would never end by themselves, and hold up the shutdown."""

    def __init__(self, config: uvicorn.Config, live: LiveHub) -> None:
        super().__init__(config)
        self._live = live

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._live.close()
        await super().shutdown(sockets)


def make_context(loaded: LoadedConfig, database: Database) -> ApiContext:
    """What the application works with, over an open database. Raises PlateKeyLostError, KeyFileError."""
    with database.reading() as db:
        plates = plate_keeper(loaded, db)
    return ApiContext(
        config=loaded.config,
        state_dir=loaded.state_dir,
        database=database,
        signing_key=load_or_create_signing_key(loaded.file(loaded.config.core.signing_key_file)),
        plates=plates,
        live=LiveHub(DatabaseLiveTable(database)),
    )


def page_url(loaded: LoadedConfig) -> str:
    """Where people open the pages."""
    api = loaded.config.api
    host = f"[{api.host}]" if ":" in api.host else api.host
    return (api.public_url or f"http://{host}:{api.port}").rstrip("/")


def run_api(loaded: LoadedConfig, announce: Callable[[str], None]) -> None:
    """Serve until SIGTERM or SIGINT. ``announce`` is given, once, the address to set up the first account at.

    The token stands in the address's fragment: browsers never send it, and no log sees it. Raises ConfigError (the
    port is taken), MissingVendorError, KeyFileError.
    """
    check_vendor()
    prepare(loaded)
    listening = _listen(loaded)
    with opened(loaded) as database, listening:
        context = make_context(loaded, database)
        token = renew_setup_token(database)
        if token is not None:
            announce(f"{page_url(loaded)}/setup#token={token}")
        server = Server(
            uvicorn.Config(
                create_app(context),
                access_log=False,
                log_config=None,
                ws="none",
                server_header=False,
                proxy_headers=loaded.config.api.public_url is not None,  # of a proxy on this machine only
                limit_concurrency=_MAX_CONNECTIONS,
                timeout_keep_alive=20,
                timeout_graceful_shutdown=_SHUTDOWN_S,
            ),
            context.live,
        )
        log.info("api.serving", url=page_url(loaded))
        server.run(sockets=[listening])
    log.info("api.stopped")


def _listen(loaded: LoadedConfig) -> socket.socket:
    """The listening socket, taken before anything else starts, so that a conflict shows at once. Raises ConfigError."""
    api = loaded.config.api
    try:
        family = socket.getaddrinfo(api.host, api.port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((api.host, api.port), family=family, backlog=256)
    except OSError as error:
        message = f"can't listen on {api.host}:{api.port}: {error.strerror}; close what does, or set another port"
        raise ConfigError(loaded.path, [Problem("api.port", None, message)]) from error
