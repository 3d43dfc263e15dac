"""The edge on the broker: says who is there, sends what happened, hears what the core has and wants.

A loop of its own, in a thread of its own: connect, subscribe and wait for the answer, say what is so, work; when the
connection goes, begin again after a while. Nothing is kept in memory for a broker that is away: events wait in the
outbox, of each state only the latest exists, commands to gates are not sent at all.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

import aiomqtt
import structlog
from aiomqtt import ProtocolVersion

from core.contract.base import Message
from core.contract.commands import COMMAND_LIFETIME_S, GateCommandV1, GateResultV1
from core.contract.config_file import ConfigError
from core.contract.events import CheckpointStateV1, EdgeStateV1, EventAckV1
from core.contract.ids import CheckpointId, SensorId
from core.contract.lists import ListDeltaV1, ListHideV1, ListMessage, ListRollV1, ListSnapshotV1
from core.contract.topics import Channel, topic
from core.tasks import end, until_first_ends
from edge.health import Counters
from edge.link import connection
from edge.link.backoff import delays
from edge.link.connection import LinkAddress, TlsError
from edge.link.inbox import RefusedMessageError, SensorSaid, read
from edge.link.sender import OutboxSender, Parcel
from edge.link.waiting import ListQueue
from edge.living import LivingThread
from edge.outbox import DurableOutbox, OutboxError
from edge.ports import ListKeeper

log = structlog.get_logger()

STATE_EVERY_S = 10.0
_LOOK_AGAIN_S = 0.5
_OUTBOX_REST_S = 1.0
_SETTLED_S = 5.0
_GOODBYE_S = 1.2
_STOP_TIMEOUT_S = 2.0
_BEAT_EVERY_S = 5.0


@dataclass(frozen=True, slots=True)
class LinkParts:
    """What the link speaks for. state: called in a worker thread, every ten seconds."""

    outbox: DurableOutbox
    lists: ListKeeper
    state: Callable[[datetime], EdgeStateV1]
    counters: Counters


class EdgeLink:
    """The one connection of an edge. Public methods are safe from any thread and never wait for the broker."""

    def __init__(self, address: LinkAddress, parts: LinkParts) -> None:
        self._address = address
        self._lists = parts.lists
        self._state = parts.state
        self._counters = parts.counters
        self._outbox = parts.outbox
        self._sender = OutboxSender(parts.outbox, address.estate, address.edge)
        self._protocol = ProtocolVersion.V311 if address.broker.embedded else ProtocolVersion.V5
        self._relays: dict[CheckpointId, Callable[[GateResultV1], None]] = {}
        self._sensors: dict[SensorId, Callable[[SensorSaid], None]] = {}
        self._lock = threading.Lock()
        self._gates: dict[CheckpointId, CheckpointStateV1] = {}
        self._untold: set[CheckpointId] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._client: aiomqtt.Client | None = None
        self._stopping = asyncio.Event()
        self._gate_news = asyncio.Event()
        self._receipt_due = asyncio.Event()
        self.thread = LivingThread("edge-link", self._run)

    # -- from other threads ----------------------------------------------------------------------------------------

    @property
    def connected(self) -> bool:
        return self._client is not None

    def listen(self, checkpoint: CheckpointId, answered: Callable[[GateResultV1], None]) -> None:
        """Hand results of ``checkpoint``'s relay to ``answered``, which must not wait. Before `start`."""
        self._relays[checkpoint] = answered

    def listen_to_sensor(self, sensor: SensorId, heard: Callable[[SensorSaid], None]) -> None:
        """Hand what ``sensor`` says to ``heard``, which must not wait. Before `start`."""
        self._sensors[sensor] = heard

    def start(self) -> None:
        self.thread.start()

    def stop(self) -> None:
        """Say "offline" and leave, within ``_STOP_TIMEOUT_S``; the last will says it where there was no time."""
        self._call_in_loop(self._stopping.set)
        self._outbox.wake()
        self.thread.join(_STOP_TIMEOUT_S)

    def checkpoint_changed(self, state: CheckpointStateV1) -> None:
        """Publish ``state`` now, or when the broker is back; by then only the latest counts."""
        with self._lock:
            self._gates[state.checkpoint] = state
            self._untold.add(state.checkpoint)
        self._call_in_loop(self._gate_news.set)

    def send_command(self, command: GateCommandV1) -> bool:
        """Publish ``command`` now; False, and never later, without a connection."""
        client, loop = self._client, self._loop
        if client is None or loop is None:
            return False
        asyncio.run_coroutine_threadsafe(self._publish_command(client, command), loop)
        return True

    def _call_in_loop(self, function: Callable[[], None]) -> None:
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):  # the loop has ended: there is nobody to tell any more
                self._loop.call_soon_threadsafe(function)

    # -- the thread ------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        # A thread that is begun anew has a loop of its own, and events belong to the loop that first waited for them.
        self._gate_news, self._receipt_due, stopping = asyncio.Event(), asyncio.Event(), asyncio.Event()
        if self._stopping.is_set():
            stopping.set()
        self._stopping = stopping
        asyncio.run(self._keep_connected())

    async def _beat(self) -> None:
        while True:
            self.thread.beat()
            await asyncio.sleep(_BEAT_EVERY_S)

    async def _keep_connected(self) -> None:
        self._loop = asyncio.get_running_loop()
        beating = asyncio.ensure_future(self._beat())
        try:
            await self._connect_again_and_again()
        finally:
            beating.cancel()

    async def _connect_again_and_again(self) -> None:
        assert self._loop is not None
        waits = delays(random.Random())
        while not self._stopping.is_set():
            began_s = self._loop.time()
            await self._session_until_stopped()
            if self._loop.time() - began_s > _SETTLED_S:
                waits = delays(random.Random())
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), next(waits))

    async def _session_until_stopped(self) -> None:
        """A session; once the edge stops it gets ``_GOODBYE_S`` to end by itself, however far it has come."""
        session = asyncio.ensure_future(self._try_session())
        stopping = asyncio.ensure_future(self._stopping.wait())
        await asyncio.wait({session, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if not session.done():
            await asyncio.wait({session}, timeout=_GOODBYE_S)
        await end(session, stopping)

    async def _try_session(self) -> None:
        """One connection from beginning to end. The outermost place: whatever goes wrong is logged and counted."""
        try:
            await self._session()
        except aiomqtt.MqttError as error:
            self._connection_ended(error)
        except (ConfigError, TlsError) as error:
            self._counters.add("broker_login_unusable")
            log.warning("broker.login_unusable", problem=str(error), advice="see broker_login and tls_ca_file")
        except Exception:
            self._counters.add("link_failed")
            log.exception("link.failed", advice="the connection is begun again; report this")
        finally:
            self._client = None

    def _connection_ended(self, error: aiomqtt.MqttError) -> None:
        place = {"host": self._address.broker.host, "port": self._address.broker.port}
        if connection.refused_protocol(error) and self._protocol is ProtocolVersion.V5:
            self._protocol = ProtocolVersion.V311
            log.info("broker.speaks_mqtt_3", **place)
        elif connection.refused_login(error):
            self._counters.add("broker_login_refused")
            log.error(
                "broker.login_refused",
                user=self._address.login.user,
                advice="check broker_login: user, password_file and the broker's password list; trying again",
                **place,
            )
        elif self._client is None:
            self._counters.add("broker_unreachable")
            log.warning("broker.unreachable", problem=str(error), **place)
        else:
            self._counters.add("broker_lost")
            log.warning("broker.lost", problem=str(error), advice="gates go on; events wait in the outbox", **place)

    async def _session(self) -> None:
        async with connection.make_client(self._address, self._protocol) as client:
            await self._subscribe(client)
            self._sender.reconnected()
            lists = ListQueue()
            await self._announce(client)
            self._client = client
            self._counters.add("broker_connected")
            log.info("broker.connected", host=self._address.broker.host, protocol=self._protocol.name)
            await until_first_ends(
                self._stopping.wait(),
                self._hear(client, lists),
                self._apply_lists(client, lists),
                self._send_events(client),
                self._tell_state(client),
                self._tell_gates(client),
                self._tell_receipt(client),
            )
            self._client = None
            await client.publish(self._topic(Channel.EDGE_AVAILABILITY), b"offline", qos=1, retain=True, timeout=1.0)

    async def _subscribe(self, client: aiomqtt.Client) -> None:
        topics = [self._topic(Channel.EDGE_ACK), self._topic(Channel.LIST_DELTA)]
        topics += [
            topic(self._address.estate, Channel.CHECKPOINT_CMD_RESULT, checkpoint) for checkpoint in self._relays
        ]
        topics += [topic(self._address.estate, Channel.SENSOR_STATE, sensor) for sensor in self._sensors]
        granted = await client.subscribe([(one, 1) for one in topics])
        if any(connection.refused_subscription(answer) for answer in granted):
            self._counters.add("broker_subscription_refused")
            user = self._address.login.user
            raise aiomqtt.MqttError(f"the broker lets {user!r} not hear {', '.join(topics)}: check its access list")

    async def _announce(self, client: aiomqtt.Client) -> None:
        """Say everything that is so: the broker, or whoever listens there, may have forgotten."""
        await client.publish(self._topic(Channel.EDGE_AVAILABILITY), b"online", qos=1, retain=True)
        await self._publish(client, Channel.LIST_RECEIPT, await asyncio.to_thread(self._lists.receipt))
        with self._lock:
            self._untold.update(self._gates)
        self._gate_news.set()

    # -- speaking --------------------------------------------------------------------------------------------------

    async def _send_events(self, client: aiomqtt.Client) -> None:
        where = self._topic(Channel.EDGE_EVENT)
        while True:
            try:
                parcels = await asyncio.to_thread(self._sender.due)
            except OutboxError as error:
                self._counters.add("outbox_unreadable")
                log.warning("outbox.unreadable", problem=str(error))
                await asyncio.sleep(_OUTBOX_REST_S)
                continue
            if parcels:
                await self._send(client, where, parcels)
            else:
                await asyncio.to_thread(self._outbox.wait_for_news, _LOOK_AGAIN_S)

    async def _send(self, client: aiomqtt.Client, where: str, parcels: list[Parcel]) -> None:
        # Tasks of a group start in the order they were made, and each is on the wire before it first waits.
        try:
            async with asyncio.TaskGroup() as group:
                for parcel in parcels:
                    group.create_task(client.publish(where, parcel.wire, qos=1))
        except BaseExceptionGroup as failures:
            raise failures.exceptions[0] from failures
        self._counters.add("events_sent", len(parcels))

    async def _tell_state(self, client: aiomqtt.Client) -> None:
        while True:
            state = await asyncio.to_thread(self._state, datetime.now(UTC))
            await self._publish(client, Channel.EDGE_STATE, state, retain=True)
            await asyncio.sleep(STATE_EVERY_S)

    async def _tell_gates(self, client: aiomqtt.Client) -> None:
        while True:
            await self._gate_news.wait()
            self._gate_news.clear()
            with self._lock:
                states = [self._gates[checkpoint] for checkpoint in self._untold]
                self._untold.clear()
            for state in states:
                where = topic(self._address.estate, Channel.CHECKPOINT_STATE, state.checkpoint)
                await client.publish(where, state.model_dump_json(), qos=1, retain=True)

    async def _tell_receipt(self, client: aiomqtt.Client) -> None:
        while True:
            await self._receipt_due.wait()
            self._receipt_due.clear()
            await self._publish(client, Channel.LIST_RECEIPT, await asyncio.to_thread(self._lists.receipt))
            await asyncio.sleep(_OUTBOX_REST_S)  # whoever sends us nonsense gets one answer a second

    async def _publish_command(self, client: aiomqtt.Client, command: GateCommandV1) -> None:
        where = topic(self._address.estate, Channel.CHECKPOINT_CMD, command.checkpoint)
        expiry = connection.expiring(COMMAND_LIFETIME_S, self._protocol)
        try:
            await client.publish(where, command.model_dump_json(), qos=1, properties=expiry)
        except aiomqtt.MqttError as error:
            self._counters.add("gate_commands_unsent")
            log.warning("gate.command_unsent", checkpoint=command.checkpoint, problem=str(error))

    async def _publish(
        self, client: aiomqtt.Client, channel: Channel, message: Message, *, retain: bool = False
    ) -> None:
        await client.publish(self._topic(channel), message.model_dump_json(), qos=1, retain=retain)

    def _topic(self, channel: Channel) -> str:
        return topic(self._address.estate, channel, self._address.edge)

    # -- hearing ---------------------------------------------------------------------------------------------------

    async def _hear(self, client: aiomqtt.Client, lists: ListQueue) -> None:
        async for arrived in client.messages:
            payload = arrived.payload if isinstance(arrived.payload, bytes) else b""
            try:
                message = read(
                    str(arrived.topic),
                    payload,
                    retained=arrived.retain,
                    estate=self._address.estate,
                    edge=self._address.edge,
                )
            except RefusedMessageError as error:
                self._counters.add("messages_refused")
                log.warning("link.message_refused", problem=str(error))
                continue
            match message:
                case EventAckV1():
                    await self._acknowledged(message)
                case ListDeltaV1() | ListSnapshotV1() | ListRollV1():
                    self._queue(lists, message, len(payload))
                case ListHideV1():
                    await asyncio.to_thread(self._lists.hide, message)  # before all that waits to be applied
                    self._queue(lists, message, len(payload))
                case GateResultV1():
                    self._relays[message.checkpoint](message)
                case SensorSaid():
                    self._sensors[message.sensor](message)

    async def _acknowledged(self, ack: EventAckV1) -> None:
        try:
            known = await asyncio.to_thread(self._sender.acknowledged, ack.epoch, ack.sequence)
        except OutboxError as error:
            # The events stay, are sent again, and the core will say once more that it has them.
            self._counters.add("outbox_unreadable")
            log.warning("outbox.acknowledgement_lost", problem=str(error))
            return
        if not known:
            self._counters.add("acks_ignored")

    def _queue(self, lists: ListQueue, message: ListMessage, size: int) -> None:
        if not lists.offer(message, size):
            # The receipt says how far we are; the core goes on from there.
            self._counters.add("list_messages_refused")
            self._receipt_due.set()

    async def _apply_lists(self, client: aiomqtt.Client, lists: ListQueue) -> None:
        while True:
            message = await lists.take()
            receipt = await asyncio.to_thread(self._lists.apply, message)
            if receipt is not None:
                await self._publish(client, Channel.LIST_RECEIPT, receipt)
