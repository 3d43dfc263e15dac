"""The embedded broker lets in whom it knows, for what they may, and survives what they send."""

from __future__ import annotations

import asyncio
import signal
import socket
import stat
import struct
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import aiomqtt
import pytest
import yaml
from paho.mqtt.reasoncodes import ReasonCode

from core.contract.access import estate_access
from core.contract.config_file import LoadedConfig, load_config
from core.contract.topics import Channel, topic
from core.embedded_broker import MAX_PACKET_BYTES, BrokerStartError, EmbeddedBroker, ensure_passwords, serve
from tests.support.system import free_port, listens

TIMEOUT_S = 30
EVENT = topic("green", Channel.EDGE_EVENT, "edge-1")
ACK = topic("green", Channel.EDGE_ACK, "edge-1")


@pytest.fixture
def estate(tmp_path: Path) -> LoadedConfig:
    content = {
        "estate": {"id": "green", "name": {"zh": "绿园", "en": "Green"}},
        "broker": {"embedded": True, "port": free_port()},
        "core": {"broker_login": {"user": "core", "password_file": "secrets/core.password"}},
        "edges": [
            {
                "id": name,
                "broker_login": {"user": name, "password_file": f"secrets/{name}.password"},
                "enrol_port": 9000 + number,
            }
            for number, name in enumerate(("edge-1", "edge-2"))
        ],
    }
    path = tmp_path / "estate.yaml"
    path.write_text(yaml.safe_dump(content))
    return load_config(path)


Connect = Callable[..., aiomqtt.Client]


@asynccontextmanager
async def running(estate: LoadedConfig) -> AsyncIterator[Connect]:
    """The estate's broker, and a way to connect to it as one of its accounts."""
    config = estate.config
    estate.prepare_state_dir()
    passwords = ensure_passwords(estate)
    broker = EmbeddedBroker(config.broker.host, config.broker.port, passwords, estate_access(config))
    await broker.start()

    def connect(user: str, password: str | None = None, **options: object) -> aiomqtt.Client:
        return aiomqtt.Client(
            config.broker.host,
            config.broker.port,
            username=user,
            password=passwords[user] if password is None else password,
            protocol=aiomqtt.ProtocolVersion.V311,
            timeout=5,
            **options,  # type: ignore[arg-type]
        )

    try:
        yield connect
    finally:
        await broker.stop()


def within_time(work: Awaitable[None]) -> None:
    async def bounded() -> None:
        await asyncio.wait_for(work, TIMEOUT_S)

    asyncio.run(bounded())


async def granted(client: aiomqtt.Client, wanted: str) -> list[int]:
    """What the broker answered to a subscription: the quality of service, or 0x80 for no."""
    answer = await client.subscribe(wanted, qos=1)
    return [code.value if isinstance(code, ReasonCode) else code for code in answer]


async def next_payload(client: aiomqtt.Client) -> bytes:
    message = await anext(aiter(client.messages))
    assert isinstance(message.payload, bytes)
    return message.payload


def test_two_clients_talk_with_acknowledgement(estate: LoadedConfig) -> None:
    async def talk() -> None:
        async with running(estate) as connect, connect("core") as core, connect("edge-1") as edge:
            await core.subscribe(EVENT, qos=1)
            await edge.subscribe(ACK, qos=1)
            await edge.publish(EVENT, b"somebody passed", qos=1)
            assert await next_payload(core) == b"somebody passed"
            await core.publish(ACK, b"noted", qos=1)
            assert await next_payload(edge) == b"noted"

    within_time(talk())


@pytest.mark.parametrize(("user", "password"), [("core", "wrong"), ("core", ""), ("nobody", "x")])
def test_a_wrong_password_is_refused(user: str, password: str, estate: LoadedConfig) -> None:
    async def knock() -> None:
        async with running(estate) as connect:
            with pytest.raises(aiomqtt.MqttError):
                async with connect(user, password):
                    pass
            async with connect("core"):  # and those it knows still get in
                pass

    within_time(knock())


def test_nobody_comes_in_without_a_name(estate: LoadedConfig) -> None:
    async def knock() -> None:
        async with running(estate):
            broker = estate.config.broker
            with pytest.raises(aiomqtt.MqttError):
                async with aiomqtt.Client(broker.host, broker.port, protocol=aiomqtt.ProtocolVersion.V311, timeout=5):
                    pass

    within_time(knock())


def test_an_edge_neither_speaks_nor_listens_for_another(estate: LoadedConfig) -> None:
    async def impersonate() -> None:
        async with running(estate) as connect, connect("core") as core, connect("edge-2") as other:
            await core.subscribe(EVENT, qos=1)
            await other.publish(EVENT, b"not mine", qos=1)
            async with connect("edge-1") as edge:
                await edge.publish(EVENT, b"mine", qos=1)
            assert await next_payload(core) == b"mine"
            assert await granted(other, ACK) == [0x80]
            assert await granted(other, "#") == [0x80]

    within_time(impersonate())


def test_a_message_of_ten_megabytes_costs_its_sender_the_connection_and_nobody_else(estate: LoadedConfig) -> None:
    async def flood() -> None:
        async with running(estate) as connect, connect("core") as core:
            await core.subscribe(EVENT, qos=1)
            with pytest.raises(aiomqtt.MqttError):
                async with connect("edge-1") as edge:
                    await edge.publish(EVENT, b"x" * 10_000_000, qos=1)
            async with connect("edge-1") as edge:
                await edge.publish(EVENT, b"x" * (MAX_PACKET_BYTES - 1000), qos=1)
            assert len(await next_payload(core)) == MAX_PACKET_BYTES - 1000

    within_time(flood())


@pytest.mark.parametrize("garbage", [b"", b"\x00", b"GET / HTTP/1.1\r\n\r\n", b"\xff" * 100, b"\x10\xff\xff\xff\x7f"])
def test_what_is_no_mqtt_disturbs_nobody(garbage: bytes, estate: LoadedConfig) -> None:
    async def disturb() -> None:
        async with running(estate) as connect:
            _, writer = await asyncio.open_connection(estate.config.broker.host, estate.config.broker.port)
            writer.write(garbage)
            await writer.drain()
            writer.close()
            await writer.wait_closed()
            async with connect("core") as core:
                await core.subscribe(EVENT, qos=1)

    within_time(disturb())


CONNECT = bytes.fromhex("10 10 00 04 4d 51 54 54 04 02 00 3c 00 04 74 65 73 74")


def knock_and_run(estate: LoadedConfig, said: bytes, *, rudely: bool) -> None:
    """Connect, say something, and be gone before anybody can answer; ``rudely``: with a reset."""
    with socket.create_connection((estate.config.broker.host, estate.config.broker.port), timeout=5) as connection:
        if rudely:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.sendall(said)


@pytest.mark.parametrize("rudely", [False, True])
@pytest.mark.parametrize("said", [b"", CONNECT[:8], CONNECT])
def test_whoever_is_gone_at_once_leaves_neither_a_traceback_nor_a_taken_place(
    said: bytes,
    rudely: bool,
    estate: LoadedConfig,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("core.embedded_broker.MAX_CONNECTIONS", 3)
    complaints: list[dict[str, object]] = []

    async def vanish() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
        async with running(estate) as connect:
            for _ in range(6):
                knock_and_run(estate, said, rudely=rudely)
                await asyncio.sleep(0.02)
            async with connect("core") as core:
                await core.subscribe(EVENT, qos=1)

    within_time(vanish())
    assert complaints == []


def test_a_last_will_is_told_and_kept(estate: LoadedConfig) -> None:
    availability = topic("green", Channel.EDGE_AVAILABILITY, "edge-1")

    async def die() -> None:
        async with running(estate) as connect, connect("core") as core:
            await core.subscribe(availability, qos=1)
            will = aiomqtt.Will(availability, b"offline", qos=1, retain=True)
            async with connect("edge-1", will=will) as edge:
                await edge.publish(availability, b"online", qos=1, retain=True)
                assert await next_payload(core) == b"online"
                connection = edge._client.socket()
                assert isinstance(connection, socket.socket)
                connection.shutdown(socket.SHUT_RDWR)
                assert await next_payload(core) == b"offline"
                with pytest.raises(aiomqtt.MqttError):
                    await edge.publish(availability, b"too late", qos=1)

    within_time(die())


def test_passwords_are_made_once_for_their_owner_alone(estate: LoadedConfig) -> None:
    estate.prepare_state_dir()
    first = ensure_passwords(estate)
    assert ensure_passwords(estate) == first
    assert len(set(first.values())) == len(first) == 3
    files = sorted((estate.state_dir / "secrets").iterdir())
    assert [file.name for file in files] == ["core.password", "edge-1.password", "edge-2.password"]
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}


def test_a_taken_port_is_said_in_a_sentence(estate: LoadedConfig) -> None:
    async def start_twice() -> None:
        async with running(estate):
            with pytest.raises(BrokerStartError, match=r"is another one running there\?"):
                await serve(estate, asyncio.Event())

    within_time(start_twice())


@pytest.mark.integration
def test_the_process_ends_cleanly_when_told(estate: LoadedConfig) -> None:
    command = [sys.executable, "-W", "error", "-m", "cli", "broker", "--config", str(estate.path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        try:
            while process.poll() is None and not listens(estate.config.broker.port):
                pass
            process.send_signal(signal.SIGTERM)
            output, _ = process.communicate(timeout=TIMEOUT_S)
        finally:
            process.kill()
    assert process.returncode == 0, output
    assert "Traceback" not in output
