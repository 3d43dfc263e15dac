"""An estate on a real broker, and an edge that sends its events until the core has acknowledged them."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiomqtt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from core.contract.config_file import LoadedConfig, load_config
from core.contract.events import EventAckV1
from core.contract.lists import ListReceiptV1
from core.contract.topics import Channel, topic
from core.ingest.subscriber import Subscriber
from core.lists.relay import Relay
from core.lists.sent_numbers import SentNumbers
from core.lists.sync_places import do_sync_places
from core.storage.database import Database
from tests.core.estates import NOW, PLATES, estate_tree
from tests.support.mosquitto import Mosquitto

ESTATE = "test-estate"
WAIT_S = 60
_WINDOW = 40


def on_broker(folder: Path, broker: Mosquitto, database_url: str, core_user: str = "core") -> LoadedConfig:
    """The test estate's configuration on ``broker``, written to a file and read as the core would."""
    login = broker.login(core_user)
    named: dict[str, Any] = {"user": login.user, "password_file": str(login.password_file)}
    tree = estate_tree(
        broker=json.loads(broker.config.model_dump_json()),
        core={"broker_login": named},
        database={"url": database_url},
    )
    path = folder / "estate.yaml"
    path.write_text(json.dumps(tree))
    return load_config(path)


@asynccontextmanager
async def running(loaded: LoadedConfig, database: Database) -> AsyncIterator[Subscriber]:
    """A connected subscriber of this process."""
    with database.writing() as db:
        do_sync_places(db, loaded.config)
    loaded.prepare_state_dir()
    numbers = SentNumbers(loaded.state_dir)
    subscriber = Subscriber(
        loaded, database, Relay(database, loaded.config.estate.id, Ed25519PrivateKey.generate(), PLATES.read, numbers)
    )
    work = asyncio.ensure_future(subscriber.run())
    try:
        await until(lambda: subscriber.connected or work.done())
        yield subscriber
    finally:
        work.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await work


async def until(true: Any) -> None:
    """Wait until ``true()``. Raises TimeoutError."""
    async with asyncio.timeout(WAIT_S):
        while not true():
            await asyncio.sleep(0.02)


class Edge:
    """What an edge does on the broker, without cameras: publish, listen, send again."""

    def __init__(self, broker: Mosquitto, edge: str = "edge-1") -> None:
        self._broker = broker
        self.id = edge
        self.acked = 0
        self.deltas: asyncio.Queue[bytes] = asyncio.Queue()

    @asynccontextmanager
    async def connected(self) -> AsyncIterator[aiomqtt.Client]:
        client = aiomqtt.Client(
            self._broker.host,
            self._broker.port,
            username=self.id,
            password=self._broker.password(self.id),
            timeout=WAIT_S,
        )
        async with client:
            await client.subscribe([(self.topic(Channel.EDGE_ACK), 1), (self.topic(Channel.LIST_DELTA), 1)])
            listening = asyncio.ensure_future(self._listen(client))
            try:
                yield client
            finally:
                listening.cancel()
                await asyncio.gather(listening, return_exceptions=True)

    def topic(self, channel: Channel, thing: str | None = None) -> str:
        return topic(ESTATE, channel, thing or self.id)

    async def send_until_acked(self, client: aiomqtt.Client, wires: Sequence[bytes]) -> None:
        """Publish events 1 .. n in order, and again what is not acknowledged within a moment."""
        async with asyncio.timeout(WAIT_S):
            while self.acked < len(wires):
                before = self.acked
                for wire in wires[before : before + _WINDOW]:
                    await client.publish(self.topic(Channel.EDGE_EVENT), wire, qos=1)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(0.5):
                        while self.acked < min(before + _WINDOW, len(wires)):
                            await asyncio.sleep(0.01)

    async def say(self, client: aiomqtt.Client, channel: Channel, payload: bytes, *, retain: bool = False) -> None:
        await client.publish(self.topic(channel), payload, qos=1, retain=retain)

    async def send_receipt(self, client: aiomqtt.Client, version: int) -> None:
        fields = {"edge": self.id, "version": version, "at": NOW, "templates": 0}
        receipt = ListReceiptV1.model_validate(fields)
        await self.say(client, Channel.LIST_RECEIPT, receipt.model_dump_json().encode())

    async def _listen(self, client: aiomqtt.Client) -> None:
        async for message in client.messages:
            assert isinstance(message.payload, bytes)
            if message.topic.value == self.topic(Channel.EDGE_ACK):
                self.acked = max(self.acked, EventAckV1.model_validate_json(message.payload).sequence)
            else:
                self.deltas.put_nowait(message.payload)
