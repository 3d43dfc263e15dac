"""A small MQTT broker of Anju's own (amqtt, MQTT 3.1.1) on loopback: for the demo and for trying out.

Each account of the configuration has a password and the access of ``core.contract.access``; nobody else gets in. It
forgets what was queued for an absent client and everything else when it stops: nothing of Anju relies on a broker's
memory. An estate runs Mosquitto or EMQX.
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import logging
import os
import secrets
import struct
from collections.abc import Mapping
from typing import Any

import structlog
from amqtt.adapters import StreamReaderAdapter, StreamWriterAdapter
from amqtt.broker import Broker
from amqtt.contexts import Action
from amqtt.errors import AMQTTError, BrokerError, CodecError
from amqtt.session import Session

from core.contract.access import Access, allows, estate_access
from core.contract.config_file import LoadedConfig

log = structlog.get_logger()

MAX_PACKET_BYTES = 9_000_000
"""The largest message of the contract (a sealed list delta) fits; a client that sends more is cut off."""
MAX_CONNECTIONS = 200
CONNECT_TIMEOUT_S = 10.0
STOP_TIMEOUT_S = 5.0
_LISTENER = "default"


class BrokerStartError(RuntimeError):
    """The broker can't start; the text says why and what to do."""


class _PacketTooLargeError(Exception):
    """A client announced more than ``MAX_PACKET_BYTES``."""


class _BoundedReader(StreamReaderAdapter):  # type: ignore[misc]  # amqtt is untyped
    """Never waits for, or holds, a packet beyond the limit: its sender is cut off."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        super().__init__(reader)
        self._transport = writer.transport

    async def read(self, n: int = -1) -> bytes:
        if n > MAX_PACKET_BYTES:
            log.warning("broker.packet_too_large", bytes=n, limit=MAX_PACKET_BYTES)
            self._transport.abort()
            raise _PacketTooLargeError  # ends amqtt's reading of this client; the last will is told
        found: bytes = await super().read(n)
        return found


class _QuietWriter(StreamWriterAdapter):  # type: ignore[misc]  # amqtt is untyped
    """Closing what is closed already is no failure: amqtt would skip the rest, giving back its place among them."""

    async def close(self) -> None:
        with contextlib.suppress(OSError):
            await super().close()


class _EstateBroker(Broker):  # type: ignore[misc]  # amqtt is untyped
    """amqtt with our accounts. Its own hook for access rules is a plugin, called with ``await`` in the middle of its
    walk over the subscriptions: a client that subscribes meanwhile makes it drop the message. Ours don't yield.
    """

    def __init__(self, listener: dict[str, Any], passwords: Mapping[str, str], rules: Mapping[str, Access]) -> None:
        super().__init__({"listeners": {_LISTENER: listener}, "plugins": {}})
        self._passwords = passwords
        self._rules = rules

    async def stream_connected(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, listener_name: str
    ) -> None:
        try:
            await self._client_connected(listener_name, _BoundedReader(reader, writer), _QuietWriter(writer))
        except OSError as error:  # cut off in the middle of something: scanners and health checks do that all day
            log.debug("broker.connection_broke", error=type(error).__name__)
        finally:
            writer.transport.abort()  # amqtt leaves those open that never became a session

    async def _initialize_client_session(self, *connection: Any) -> Any:
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                return await super()._initialize_client_session(*connection)
        except (OSError, CodecError, ValueError, AttributeError, struct.error) as error:
            raise AMQTTError("this is no MQTT connection") from error

    async def _authenticate(self, session: Session, _: object) -> bool:
        expected = self._passwords.get(session.username or "")
        given = session.password or ""
        welcome = expected is not None and hmac.compare_digest(given.encode(), expected.encode())
        if not welcome:
            log.warning("broker.refused", user_known=expected is not None)
        return welcome

    async def _topic_filtering(self, session: Session, topic: str, action: Action) -> bool:
        access = self._rules.get(session.username or "", Access((), ()))
        permitted = allows(access.publish if action == Action.PUBLISH else access.subscribe, topic)
        if not permitted:
            log.warning("broker.denied", user=session.username, action=str(action), topic=topic[:200])
        return permitted


class EmbeddedBroker:
    """The broker as something to start and stop inside an event loop."""

    def __init__(self, host: str, port: int, passwords: Mapping[str, str], rules: Mapping[str, Access]) -> None:
        self._host, self._port = host, port
        self._passwords, self._rules = passwords, rules
        self._broker: _EstateBroker | None = None

    async def start(self) -> None:
        """Listen. Raises BrokerStartError, mostly because the port is taken."""
        for chatty in ("amqtt", "transitions"):
            logging.getLogger(chatty).setLevel(logging.CRITICAL)  # they log topics and sessions; what matters we say
        address = f"[{self._host}]" if ":" in self._host else self._host
        listener = {"type": "tcp", "bind": f"{address}:{self._port}", "max_connections": MAX_CONNECTIONS}
        broker = _EstateBroker(listener, self._passwords, self._rules)
        try:
            await broker.start()
        except BrokerError as error:
            raise BrokerStartError(
                f"no broker on {self._host}:{self._port}: {error.__cause__ or error}; "
                "is another one running there? Choose a free port as 'broker.port'"
            ) from error
        self._broker = broker
        log.info("broker.started", host=self._host, port=self._port)

    async def stop(self) -> None:
        """Cut every client off and stop listening."""
        if self._broker is None:
            return
        broker, self._broker = self._broker, None
        async with asyncio.timeout(STOP_TIMEOUT_S):
            await broker.shutdown()
        log.info("broker.stopped")


def ensure_passwords(loaded: LoadedConfig) -> dict[str, str]:
    """The password of every account of the configuration; those without a file get one (random, mode 0600)."""
    config = loaded.config
    passwords = {}
    for login in (config.core.broker_login, *(edge.broker_login for edge in config.edges)):
        path = loaded.file(login.password_file)
        if not path.exists():
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            draft = path.with_name(f".{path.name}.{os.getpid()}")
            descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w") as file:
                file.write(secrets.token_urlsafe(24) + "\n")
            draft.rename(path)  # whoever reads it meanwhile finds all of it or nothing
            log.info("broker.password_made", user=login.user)
        passwords[login.user] = loaded.password(login)
    return passwords


async def serve(loaded: LoadedConfig, stop: asyncio.Event) -> None:
    """Run the configuration's embedded broker until ``stop``. Raises BrokerStartError, ConfigError."""
    config = loaded.config
    if not config.broker.embedded:
        raise BrokerStartError(f"{loaded.path} names a broker of its own: 'broker.embedded' is not set")
    loaded.prepare_state_dir()
    broker = EmbeddedBroker(config.broker.host, config.broker.port, ensure_passwords(loaded), estate_access(config))
    await broker.start()
    try:
        await stop.wait()
    finally:
        await broker.stop()
