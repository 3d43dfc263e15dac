"""The core on a real broker: every event once, whatever else arrives, whatever breaks."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import sqlite3
import time
from pathlib import Path

import aiomqtt
import pytest
from sqlalchemy import event as sqlalchemy_event
from sqlalchemy import func, select

from core.contract.access import estate_access
from core.contract.config_file import load_config
from core.contract.envelope import encode
from core.contract.lists import LIST_MESSAGES, ListDeltaV1
from core.contract.topics import Channel
from core.embedded_broker import EmbeddedBroker
from core.ingest.connection import SubscriptionRefusedError, subscribe
from core.people.consent.ledger import check_withdraw, do_withdraw_consent
from core.people.edges import do_approve_edge, edge
from core.storage import database as storage
from core.storage.database import Database
from core.storage.schema import AlertRow, CheckpointRow, DeadLetterRow, PassageRow
from tests.core.estates import NOW, EdgeKey, consenting_person, edge_state, envelope, passage, stranger
from tests.core.ingest.edges import WAIT_S, Edge, on_broker, running, until
from tests.core.lists.unseal import opened, ops
from tests.support.mosquitto import Mosquitto
from tests.support.system import free_port

pytestmark = pytest.mark.integration


@pytest.fixture
def empty_sqlite(tmp_path: Path, _sqlite_template: Path) -> Path:
    return Path(shutil.copyfile(_sqlite_template, tmp_path / "empty.db"))


def count(database: Database, table: type[PassageRow | AlertRow | DeadLetterRow]) -> int:
    with database.reading() as db:
        return db.scalar(select(func.count()).select_from(table)) or 0


def test_events_are_stored_acknowledged_and_alerts_published(
    tmp_path: Path, mosquitto: Mosquitto, database: Database, database_url: str
) -> None:
    wires = [encode(envelope(stranger() if number % 5 == 0 else passage(), number)) for number in range(1, 101)]

    async def scenario() -> None:
        heard: list[str] = []
        async with running(on_broker(tmp_path, mosquitto, database_url), database):
            one = Edge(mosquitto)
            observer = aiomqtt.Client(
                mosquitto.host, mosquitto.port, username="observer", password=mosquitto.password("observer")
            )
            async with observer, one.connected() as client:
                await observer.subscribe("anju/v1/test-estate/alert/+/event", qos=1)
                await one.send_until_acked(client, wires)
                async with asyncio.timeout(WAIT_S):
                    async for message in observer.messages:
                        heard.append(message.topic.value)
                        if len(heard) == 20:
                            break
        assert len(set(heard)) == 20

    asyncio.run(scenario())
    assert (count(database, PassageRow), count(database, AlertRow)) == (100, 20)


def test_garbage_on_every_topic_and_a_huge_message_stop_nothing(
    tmp_path: Path, mosquitto: Mosquitto, database: Database, database_url: str
) -> None:
    one = Edge(mosquitto)

    async def scenario() -> None:
        async with running(on_broker(tmp_path, mosquitto, database_url), database) as core, one.connected() as client:
            for garbage in (b"", b"\xff\x00", b"{}", b'{"edge": "edge-2"}', b"[" * 10_000):
                for channel in (
                    Channel.EDGE_EVENT,
                    Channel.EDGE_STATE,
                    Channel.EDGE_AVAILABILITY,
                    Channel.LIST_RECEIPT,
                ):
                    await one.say(client, channel, garbage)
                await client.publish(one.topic(Channel.CHECKPOINT_STATE, "gate"), garbage, qos=1)
            await client.publish(one.topic(Channel.CHECKPOINT_STATE, "no-such-gate"), b"{}", qos=1)
            await one.say(client, Channel.EDGE_EVENT, b"x" * 10_000_000)
            await one.send_until_acked(client, [encode(envelope(passage(), 1))])
            await until(lambda: core.counts["states_unusable"] == 21)
            assert core.counts["garbage"] >= 5
            assert core.counts["failures"] == 0

    asyncio.run(scenario())
    assert count(database, DeadLetterRow) >= 26


def test_a_retained_event_is_no_event(
    tmp_path: Path, mosquitto: Mosquitto, database: Database, database_url: str
) -> None:
    one = Edge(mosquitto)

    async def scenario() -> None:
        async with one.connected() as client:
            await one.say(client, Channel.EDGE_EVENT, encode(envelope(passage(), 1)), retain=True)
            try:
                async with running(on_broker(tmp_path, mosquitto, database_url), database):
                    await one.send_until_acked(client, [encode(envelope(passage(), 1))])
            finally:
                await one.say(client, Channel.EDGE_EVENT, b"", retain=True)

    asyncio.run(scenario())
    assert count(database, PassageRow) == 1


def test_states_and_gates_are_kept_and_a_withdrawal_reaches_the_edge_within_two_seconds(
    tmp_path: Path, mosquitto: Mosquitto, database: Database, database_url: str
) -> None:
    one, key = Edge(mosquitto), EdgeKey.make()
    gate = b'{"checkpoint": "gate", "gate": "open", "since": "2026-11-22T08:00:00Z"}'

    async def next_ops() -> list[str]:
        while True:
            message = LIST_MESSAGES.validate_json(await asyncio.wait_for(one.deltas.get(), WAIT_S))
            if isinstance(message, ListDeltaV1):
                return ops(opened(message, key))

    async def scenario() -> float:
        async with running(on_broker(tmp_path, mosquitto, database_url), database) as core, one.connected() as client:
            await one.say(client, Channel.EDGE_AVAILABILITY, b"online")
            await one.say(
                client, Channel.EDGE_STATE, edge_state("edge-1", key.public_base64).model_dump_json().encode()
            )
            await client.publish(one.topic(Channel.CHECKPOINT_STATE, "gate"), gate, qos=1)
            await until(lambda: core.counts["states"] == 3)
            with database.writing() as db:
                do_approve_edge(db, "edge-1", key.fingerprint, NOW)
            await one.send_receipt(client, 0)
            await until(lambda: core.counts["states"] == 4)
            _, consent = consenting_person(database, "gate")
            assert await next_ops() == ["put_subject"]
            await one.send_receipt(client, 1)
            await until(lambda: core.counts["states"] == 5)
            with database.writing() as db:
                do_withdraw_consent(db, check_withdraw(db, consent), "desk-1", NOW)
            withdrawn_s = time.monotonic()
            assert await next_ops() == ["erase_templates"]
            return time.monotonic() - withdrawn_s

    asyncio.run(scenario())
    with database.reading() as db:
        row = edge(db, "edge-1")
        assert (row.online, row.list_head, row.list_acked) == (True, 2, 1)
        assert db.scalars(select(CheckpointRow.gate)).one() == "open"


def test_an_edge_without_events_is_told_every_time_it_speaks_that_the_core_lives(
    tmp_path: Path, mosquitto: Mosquitto, database: Database, database_url: str
) -> None:
    one, key = Edge(mosquitto), EdgeKey.make()
    state = edge_state("edge-1", key.public_base64).model_dump_json().encode()

    async def scenario() -> None:
        async with running(on_broker(tmp_path, mosquitto, database_url), database), one.connected() as client:
            await one.send_until_acked(client, [encode(envelope(passage(), 1)), encode(envelope(passage(), 2))])
            for _ in range(2):
                one.acked = 0
                await one.say(client, Channel.EDGE_STATE, state)
                await until(lambda: one.acked == 2)

    asyncio.run(scenario())


def test_two_cores_share_the_events_and_one_of_them_may_go(
    tmp_path: Path, mosquitto: Mosquitto, database: Database, database_url: str
) -> None:
    wires = [encode(envelope(stranger(), number)) for number in range(1, 101)]
    one, loaded = Edge(mosquitto), on_broker(tmp_path, mosquitto, database_url)

    async def scenario() -> None:
        async with running(loaded, database) as stays, one.connected() as client:
            async with running(loaded, database) as goes:
                await one.send_until_acked(client, wires[:50])
                assert stays.counts["stored"] > 0
                assert goes.counts["stored"] > 0
                assert stays.counts["stored"] + goes.counts["stored"] == 50
            await one.send_until_acked(client, wires)

    asyncio.run(scenario())
    assert (count(database, PassageRow), count(database, AlertRow)) == (100, 100)


def test_a_broker_that_restarts_costs_nothing(
    tmp_path: Path, mosquitto: Mosquitto, database: Database, database_url: str
) -> None:
    wires = [encode(envelope(passage(), number)) for number in range(1, 61)]
    one = Edge(mosquitto)

    async def scenario() -> None:
        async with running(on_broker(tmp_path, mosquitto, database_url), database) as core:
            with contextlib.suppress(aiomqtt.MqttError):
                async with one.connected() as client:
                    await one.send_until_acked(client, wires[:20])
            mosquitto.restart()  # not from another thread: the broker would end with it
            await until(lambda: core.counts["broker_breaks"] >= 1 and core.connected)
            async with one.connected() as client:
                await one.send_until_acked(client, wires)

    asyncio.run(scenario())
    assert count(database, PassageRow) == 60


def test_a_locked_database_delays_events_and_loses_none(
    tmp_path: Path, mosquitto: Mosquitto, empty_sqlite: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(storage, "BUSY_TIMEOUT_S", 0.1)
    path = empty_sqlite
    database = Database(f"sqlite:///{path}")
    one = Edge(mosquitto)

    async def scenario() -> None:
        loaded = on_broker(tmp_path, mosquitto, f"sqlite:///{path}")
        async with running(loaded, database) as core, one.connected() as client:
            with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
                other.execute("BEGIN IMMEDIATE")
                sending = asyncio.ensure_future(one.send_until_acked(client, [encode(envelope(passage(), 1))]))
                await until(lambda: core.counts["storage_failures"] >= 2)
                assert one.acked == 0
                other.execute("ROLLBACK")
            await sending

    asyncio.run(scenario())
    assert count(database, PassageRow) == 1
    database.close()


def test_a_full_disk_delays_events_and_loses_none(tmp_path: Path, mosquitto: Mosquitto, empty_sqlite: Path) -> None:
    path = empty_sqlite
    database = Database(f"sqlite:///{path}")
    full = True

    @sqlalchemy_event.listens_for(database.engine, "connect")
    def _limit(connection: sqlite3.Connection, _record: object) -> None:
        if full:
            pages = connection.execute("PRAGMA page_count").fetchone()[0]
            connection.execute(f"PRAGMA max_page_count = {pages + 2}")

    wires = [encode(envelope(passage(), number)) for number in range(1, 201)]
    one = Edge(mosquitto)

    async def scenario() -> None:
        nonlocal full
        loaded = on_broker(tmp_path, mosquitto, f"sqlite:///{path}")
        async with running(loaded, database) as core, one.connected() as client:
            sending = asyncio.ensure_future(one.send_until_acked(client, wires))
            await until(lambda: core.counts["storage_failures"] >= 1)
            full = False
            database.engine.dispose()
            await sending

    asyncio.run(scenario())
    assert count(database, PassageRow) == 200
    database.close()


def test_the_embedded_broker_is_spoken_to_in_mqtt_3(
    tmp_path: Path, mosquitto: Mosquitto, database: Database, database_url: str
) -> None:
    path = on_broker(tmp_path, mosquitto, database_url).path
    port = free_port()
    path.write_text(
        path.read_text()
        .replace(f'"port": {mosquitto.port}', f'"port": {port}')
        .replace('"embedded": false', '"embedded": true')
    )
    loaded = load_config(path)

    async def scenario() -> None:
        loaded.prepare_state_dir()
        passwords = {"core": loaded.password(loaded.config.core.broker_login)}
        broker = EmbeddedBroker("127.0.0.1", port, passwords, estate_access(loaded.config))
        await broker.start()
        try:
            async with running(loaded, database) as core:
                assert core.connected
        finally:
            await broker.stop()

    asyncio.run(scenario())


def test_a_refused_subscription_is_an_error_and_says_what_to_do() -> None:
    class Refusing:
        async def subscribe(self, filters: list[tuple[str, int]]) -> tuple[int, ...]:
            return tuple(0x80 if "receipt" in one else 1 for one, _ in filters)

    with pytest.raises(SubscriptionRefusedError, match=r"receipt.*mosquitto-acl"):
        asyncio.run(subscribe(Refusing(), ["a/event", "a/receipt"]))  # type: ignore[arg-type]
