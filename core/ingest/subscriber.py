"""The core's ear: one connection, its subscriptions, and the loop from a message to the acknowledgement."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import TypeVar

import aiomqtt
import structlog
from aiomqtt import ProtocolVersion
from sqlalchemy.exc import OperationalError

from core.contract.config_file import ConfigError, LoadedConfig
from core.contract.events import EventAckV1
from core.contract.lists import ListReceiptV1
from core.contract.topics import Channel, parse, topic, topic_filter
from core.ingest.arrivals import Arrival
from core.ingest.batch import Committed, Rulebook
from core.ingest.committer import Committer
from core.ingest.connection import (
    BrokerTlsError,
    SubscriptionRefusedError,
    make_client,
    refused_protocol,
    subscribe,
)
from core.ingest.control import ControlDesk, EdgeCameOnline, EdgeWentOffline
from core.ingest.inbox import Inbox
from core.lists.relay import Relay
from core.storage.database import Database
from core.tasks import until_first_ends
from core.threads import in_thread

GATHER_S = 0.01
"""How long a first message waits for company."""
MAX_BATCH = 200
RETRY_FIRST_S = 0.2
RETRY_MAX_S = 5.0
SHARED_GROUP = "$share/anju-core/"
_STATES = (Channel.EDGE_AVAILABILITY, Channel.EDGE_STATE, Channel.CHECKPOINT_STATE, Channel.LIST_RECEIPT)

log = structlog.get_logger()
T = TypeVar("T")


class Subscriber:
    """Connects, subscribes and waits for the answer, works, and begins anew after every break, until cancelled.

    An event is acknowledged to its edge after its transaction is committed, never before. While the database is away
    the batch in hand is tried again and the inbox fills; what it drops, edges send again.
    """

    def __init__(self, loaded: LoadedConfig, database: Database, relay: Relay) -> None:
        self._loaded = loaded
        self._estate = loaded.config.estate.id
        self._committer = Committer(database, Rulebook.of(loaded.config))
        self._desk = ControlDesk(database, loaded.config)
        self._relay = relay
        self._protocol = ProtocolVersion.V311 if loaded.config.broker.embedded else ProtocolVersion.V5
        self.counts: Counter[str] = Counter()
        self.connected = False

    async def run(self) -> None:
        """Until cancelled. Raises ConfigError, BrokerTlsError: what waiting does not mend."""
        pause_s = RETRY_FIRST_S
        while True:
            started = asyncio.get_running_loop().time()
            try:
                await self._session()
            except aiomqtt.MqttError as error:
                if refused_protocol(error) and self._protocol is ProtocolVersion.V5:
                    log.info("broker.speaks_mqtt_3")
                    self._protocol = ProtocolVersion.V311
                    continue
                log.warning("broker.lost", error=str(error)[:200])
            except SubscriptionRefusedError as error:
                log.warning("broker.refuses", error=str(error))
            except (ConfigError, BrokerTlsError):
                raise
            except Exception:  # the outermost loop: told, counted, and on with the next message
                self.counts["failures"] += 1
                log.exception("core.failure")
            finally:
                self.connected = False
                self._relay.connection_lost()
            self.counts["broker_breaks"] += 1
            if asyncio.get_running_loop().time() - started > RETRY_MAX_S:
                pause_s = RETRY_FIRST_S
            await asyncio.sleep(random.uniform(0.5, 1.0) * pause_s)
            pause_s = min(pause_s * 2, RETRY_MAX_S)

    async def _session(self) -> None:
        inbox = Inbox()
        inbox.counts = self.counts
        async with make_client(self._loaded, self._protocol, inbox) as client:
            await subscribe(client, self._filters())
            self.connected = True
            log.info("broker.connected", protocol=self._protocol.name, host=self._loaded.config.broker.host)
            await until_first_ends(self._receive(client, inbox), self._relay.run(_publisher(client)))

    def _filters(self) -> list[str]:
        """Events are shared between core processes where the broker can; every process hears states and receipts."""
        shared = SHARED_GROUP if self._protocol is ProtocolVersion.V5 else ""
        events = shared + topic_filter(self._estate, Channel.EDGE_EVENT)
        return [events, *(topic_filter(self._estate, channel) for channel in _STATES)]

    async def _receive(self, client: aiomqtt.Client, inbox: Inbox) -> None:
        async for first in client.messages:
            if inbox.qsize() < MAX_BATCH:
                await asyncio.sleep(GATHER_S)
            await self._work([first, *inbox.drain(MAX_BATCH - 1)], client)

    async def _work(self, messages: Sequence[aiomqtt.Message], client: aiomqtt.Client) -> None:
        """Commit what came and say so. Events of the estate's edges go together, everything else one by one."""
        now = datetime.now(UTC)
        arrivals: list[Arrival] = []
        for message in messages:
            payload = message.payload if isinstance(message.payload, bytes) else b""
            name = parse(message.topic.value)
            if name is not None and name.channel is Channel.EDGE_EVENT and name.estate == self._estate:
                if message.retain:
                    self.counts["retained_ignored"] += 1
                else:
                    arrivals.append(Arrival(message.topic.value, name.id, payload, now))
            elif message.retain and name is not None and name.channel is Channel.LIST_RECEIPT:
                self.counts["retained_ignored"] += 1  # a receipt of who knows when
            else:
                await self._take_control(message, payload, client)
        if arrivals:
            committed = await self._until_stored(lambda: self._committer.commit(arrivals))
            self._count(committed)
            await self._tell(client, committed)

    async def _take_control(self, message: aiomqtt.Message, payload: bytes, client: aiomqtt.Client) -> None:
        where, retained = message.topic.value, message.retain
        heard, usable = await self._until_stored(lambda: self._desk.take(where, payload, retained=retained))
        self.counts["states" if usable else "states_unusable"] += 1
        if isinstance(heard, EventAckV1):
            await self._acknowledge(client, heard)
        else:
            self._tell_relay(heard)

    def _tell_relay(self, heard: EdgeCameOnline | EdgeWentOffline | ListReceiptV1 | None) -> None:
        match heard:
            case None:
                pass
            case EdgeCameOnline(edge):
                self._relay.edge_came_online(edge)
            case EdgeWentOffline(edge):
                self._relay.edge_went_offline(edge)
            case receipt:
                self._relay.receipt_came(receipt)

    async def _until_stored(self, store: Callable[[], T]) -> T:
        """Run ``store`` in a thread until the database takes it."""
        pause_s = RETRY_FIRST_S
        while True:
            try:
                return await in_thread(store)
            except OperationalError as error:
                self.counts["storage_failures"] += 1
                log.warning("storage.unavailable", error=type(error.orig).__name__, retry_in_s=round(pause_s, 1))
            await asyncio.sleep(pause_s)
            pause_s = min(pause_s * 2, RETRY_MAX_S)

    def _count(self, committed: Committed) -> None:
        self.counts.update(committed.counts)
        for kind in ("garbage", "unusable", "templates_refused", "dropped_at_edges"):
            if committed.counts[kind]:
                log.warning(f"ingest.{kind}", count=committed.counts[kind])

    async def _tell(self, client: aiomqtt.Client, committed: Committed) -> None:
        publish = _publisher(client)
        alerts = [(topic(self._estate, Channel.ALERT_EVENT, alert.alert_id), alert) for alert in committed.alerts]
        await asyncio.gather(
            *(self._acknowledge(client, ack) for ack in committed.acks),
            *(publish(name, alert.model_dump_json().encode()) for name, alert in alerts),
        )

    async def _acknowledge(self, client: aiomqtt.Client, ack: EventAckV1) -> None:
        """Say to an edge what is committed: only ever after the commit."""
        name = topic(self._estate, Channel.EDGE_ACK, ack.edge)
        await _publisher(client)(name, ack.model_dump_json().encode())


def _publisher(client: aiomqtt.Client) -> Callable[[str, bytes], Awaitable[None]]:
    async def publish(name: str, payload: bytes) -> None:
        await client.publish(name, payload, qos=1)

    return publish
