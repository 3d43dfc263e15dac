"""What stands around a link in its tests: a core that counts and acknowledges, a relay, lists, somebody who shouts."""

from __future__ import annotations

import ssl
import threading
import time
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from core.contract.base import Message
from core.contract.commands import GateCommandV1, GateResultV1
from core.contract.config import BrokerConfig, CoreConfig, EdgeConfig, Estate, EstateConfig, Login, Name
from core.contract.config_file import LoadedConfig
from core.contract.envelope import Envelope, decode
from core.contract.events import EdgeStateV1, EventAckV1
from core.contract.ids import CheckpointId, EdgeId, EstateId, new_id
from core.contract.lists import ListDeltaV1, ListHideV1, ListMessage, ListReceiptV1, ListRollV1, ListSnapshotV1
from core.contract.topics import Channel, parse, topic
from edge.health import Counters, EdgeHealth, EdgeIdentity
from edge.link.client import EdgeLink, LinkParts
from edge.link.connection import LinkAddress
from edge.outbox import DurableOutbox

EDGE = EdgeId("edge-1")
STARTED = datetime(2026, 5, 4, tzinfo=UTC)


def until(true: Callable[[], object], what: str, timeout_s: float = 20.0) -> None:
    """Wait for something to become so; fails with ``what`` when it doesn't."""
    deadline = time.monotonic() + timeout_s
    while not true():
        assert time.monotonic() < deadline, f"never: {what}"
        time.sleep(0.01)


def configuration(broker: BrokerConfig, login: Login, state_dir: Path, estate: EstateId | None = None) -> LoadedConfig:
    """An estate with one edge, on an estate id that no other test uses."""
    config = EstateConfig(
        estate=Estate(id=estate or EstateId(f"e-{new_id()[-12:]}"), name=Name(zh="小区", en="Estate")),
        broker=broker,
        core=CoreConfig(broker_login=login),
        edges=(EdgeConfig(id=EDGE, broker_login=login),),
    )
    return LoadedConfig(config, state_dir / "config.yaml", state_dir)


class Broker(Protocol):
    """What a client needs to know of a broker."""

    host: str
    port: int

    def password(self, user: str) -> str: ...

    def ssl_context(self) -> ssl.SSLContext | None: ...


class Client:
    """A plain MQTT client in a thread of its own, reconnecting by itself."""

    def __init__(self, broker: Broker, user: str, topics: list[str]) -> None:
        self._topics = topics
        self.ready = threading.Event()
        self.client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=f"{user}-{new_id()[-12:]}")
        self.client.username_pw_set(user, broker.password(user))
        if (context := broker.ssl_context()) is not None:
            self.client.tls_set_context(context)
        self.client.reconnect_delay_set(1, 1)
        self.client.on_connect = self._on_connect
        self.client.on_subscribe = lambda *_: self.ready.set()
        self.client.on_message = lambda _client, _userdata, message: self.heard(message)
        self.client.connect(broker.host, broker.port)
        self.client.loop_start()
        assert self.ready.wait(10)

    def _on_connect(self, client: mqtt.Client, *_: object) -> None:
        if self._topics:
            client.subscribe([(one, 1) for one in self._topics])
        else:
            self.ready.set()

    def heard(self, message: mqtt.MQTTMessage) -> None:
        """Called for every message."""

    def publish(self, where: str, payload: bytes | str, *, retain: bool = False) -> None:
        self.client.publish(where, payload, qos=1, retain=retain)

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()


class Core(Client):
    """Takes events as the core does: each once, acknowledged by the highest number without a gap, when it wants to."""

    def __init__(self, broker: Broker, estate: str) -> None:
        self.estate = estate
        self.acking = True
        self.skips: set[int] = set()
        self.lock = threading.Lock()
        self.events: dict[str, Envelope] = {}
        self.deliveries: Counter[str] = Counter()
        self.order: list[int] = []
        self.said: dict[Channel, list[tuple[bytes, bool]]] = {}
        self._known: dict[str, set[int]] = {}
        self._contiguous: Counter[str] = Counter()
        super().__init__(broker, "core", [f"anju/v1/{estate}/#"])

    def heard(self, message: mqtt.MQTTMessage) -> None:
        where, payload = parse(message.topic), bytes(message.payload)
        assert where is not None
        if where.channel is Channel.EDGE_EVENT:
            self._take(decode(payload).envelope)
        with self.lock:
            self.said.setdefault(where.channel, []).append((payload, message.retain))

    def _take(self, envelope: Envelope) -> None:
        with self.lock:
            self.deliveries[envelope.id] += 1
            self.order.append(envelope.sequence)
            if envelope.sequence in self.skips:
                self.skips.discard(envelope.sequence)
                return
            self.events[envelope.id] = envelope
            known = self._known.setdefault(envelope.epoch, set())
            known.add(envelope.sequence)
            self._contiguous[envelope.epoch] = max(self._contiguous[envelope.epoch], envelope.floor - 1)
            while self._contiguous[envelope.epoch] + 1 in known:
                self._contiguous[envelope.epoch] += 1
        if self.acking:
            self.acknowledge(envelope.epoch, self._contiguous[envelope.epoch])

    def acknowledge(self, epoch: str, sequence: int) -> None:
        self.tell(Channel.EDGE_ACK, EventAckV1(edge=EDGE, epoch=epoch, sequence=sequence))

    def tell(self, channel: Channel, message: Message) -> None:
        self.publish(topic(self.estate, channel, EDGE), message.model_dump_json())

    def last(self, channel: Channel) -> bytes | None:
        with self.lock:
            said = self.said.get(channel, [])
            return said[-1][0] if said else None

    def count(self, channel: Channel) -> int:
        with self.lock:
            return len(self.said.get(channel, []))

    def states(self) -> list[EdgeStateV1]:
        with self.lock:
            return [EdgeStateV1.model_validate_json(payload) for payload, _ in self.said.get(Channel.EDGE_STATE, [])]


class Relay(Client):
    """A gate controller as it should be: obeys what is fresh, refuses what is late, answers either way."""

    def __init__(self, broker: Broker, estate: str, checkpoint: CheckpointId) -> None:
        self.estate = estate
        self.opened: list[GateCommandV1] = []
        self.refused: list[GateCommandV1] = []
        self.now: Callable[[], datetime] = lambda: datetime.now(UTC)
        self.answers = True
        super().__init__(broker, "relay", [topic(estate, Channel.CHECKPOINT_CMD, checkpoint)])

    def heard(self, message: mqtt.MQTTMessage) -> None:
        command = GateCommandV1.model_validate_json(message.payload)
        fresh = not message.retain and self.now() < command.expires_at
        (self.opened if fresh else self.refused).append(command)
        if self.answers:
            answer = GateResultV1(
                command_id=command.command_id,
                checkpoint=command.checkpoint,
                done=fresh,
                at=self.now(),
                detail="" if fresh else "expired",
            )
            where = topic(self.estate, Channel.CHECKPOINT_CMD_RESULT, command.checkpoint)
            self.publish(where, answer.model_dump_json())


class Lists:
    """Lists that only count: a delta that follows on is applied, and a snapshot once its last part is there."""

    def __init__(self) -> None:
        self.version = 0
        self.parts: list[int] = []
        self.rolls: list[ListRollV1] = []
        self.hides: list[ListHideV1] = []
        self.threads: set[str] = set()
        self.may_apply = threading.Event()
        self.may_apply.set()

    def hide(self, message: ListHideV1) -> None:
        self.threads.add(threading.current_thread().name)
        self.hides.append(message)

    def apply(self, message: ListMessage) -> ListReceiptV1 | None:
        self.threads.add(threading.current_thread().name)
        assert self.may_apply.wait(20)
        match message:
            case ListDeltaV1():
                if message.first == self.version + 1:
                    self.version = message.last
                return self.receipt()
            case ListSnapshotV1():
                self.parts.append(message.part)
                if message.part < message.parts:
                    return None
                self.version = message.version
                return self.receipt()
            case ListRollV1():
                self.rolls.append(message)
                return None if message.version == self.version else self.receipt()
            case ListHideV1():
                return None

    def receipt(self) -> ListReceiptV1:
        return ListReceiptV1(edge=EDGE, version=self.version, at=datetime.now(UTC), templates=0)

    def counts(self) -> dict[str, int]:
        return {"lists.rolls_refused": 0}


class Edge:
    """A link with an outbox and lists of its own, as the worker puts it together."""

    def __init__(self, loaded: LoadedConfig, path: Path) -> None:
        self.estate = loaded.config.estate.id
        self.outbox = DurableOutbox(path, max_rows=10_000, max_bytes=100_000_000)
        self.lists = Lists()
        self.counters = Counters()
        health = EdgeHealth(
            EdgeIdentity(EDGE, STARTED, "a" * 44, "b" * 44, None),
            self.outbox,
            self.counters,
            lists=self.lists,
            cameras=tuple,
            watched=dict,
        )
        parts = LinkParts(self.outbox, self.lists, health.state, self.counters)
        self.link = EdgeLink(LinkAddress(loaded, EDGE), parts)

    def counted(self, name: str) -> int:
        return self.counters.snapshot().get(name, 0)

    def close(self) -> None:
        self.link.stop()
        self.outbox.close()


class Raw(Client):
    """Says whatever it likes, with the core's account."""

    def __init__(self, broker: Broker) -> None:
        super().__init__(broker, "core", [])
