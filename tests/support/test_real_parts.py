"""The parts other tests lean on do what they promise."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import aiomqtt
import av
import numpy as np
import pytest
from playwright.sync_api import Page
from sqlalchemy import text

from core.contract.topics import Channel, topic
from core.storage.database import Database
from tests.support.clips import Codec, draw_frame, encode_clip, frame_number
from tests.support.mosquitto import Mosquitto
from tests.support.rtsp import ClipServer, GstServer, GstStream

pytestmark = pytest.mark.integration
TIMEOUT_S = 20


def client(broker: Mosquitto, user: str) -> aiomqtt.Client:
    return aiomqtt.Client(
        broker.host,
        broker.port,
        username=user,
        password=broker.password(user),
        tls_context=broker.ssl_context(),
        timeout=5,
    )


async def exchange(broker: Mosquitto, sender: str, subject: str) -> bytes:
    """Payload the core gets on ``subject`` after ``sender`` published there."""
    async with client(broker, "core") as core, client(broker, sender) as edge:
        await core.subscribe(subject, qos=1)
        await edge.publish(subject, b"here", qos=1)
        message = await anext(aiter(core.messages))
        assert isinstance(message.payload, bytes)
        return message.payload


@pytest.mark.parametrize("kind", ["mosquitto", "mosquitto_tls"])
def test_an_edge_reaches_the_core_through_mosquitto(kind: str, request: pytest.FixtureRequest) -> None:
    broker: Mosquitto = request.getfixturevalue(kind)
    subject = topic("fixtures", Channel.EDGE_EVENT, "edge-1")
    got = asyncio.run(asyncio.wait_for(exchange(broker, "edge-1", subject), TIMEOUT_S))
    assert got == b"here"


def test_an_edge_cannot_speak_as_another(mosquitto: Mosquitto) -> None:
    async def impersonate() -> None:
        subject = topic("fixtures", Channel.EDGE_EVENT, "edge-1")
        async with client(mosquitto, "core") as core, client(mosquitto, "edge-2") as edge:
            await core.subscribe(subject, qos=1)
            await edge.publish(subject, b"not mine", qos=1)
            own = topic("fixtures", Channel.EDGE_EVENT, "edge-2")
            await core.subscribe(own, qos=1)
            await edge.publish(own, b"mine", qos=1)
            assert (await anext(aiter(core.messages))).payload == b"mine"

    asyncio.run(asyncio.wait_for(impersonate(), TIMEOUT_S))


def test_a_wrong_password_is_refused(mosquitto: Mosquitto) -> None:
    async def knock() -> None:
        async with aiomqtt.Client(mosquitto.host, mosquitto.port, username="core", password="wrong", timeout=5):
            pass

    with pytest.raises(aiomqtt.MqttError):
        asyncio.run(asyncio.wait_for(knock(), TIMEOUT_S))


def test_a_stopped_broker_comes_back_on_its_port(mosquitto: Mosquitto) -> None:
    mosquitto.restart()
    subject = topic("fixtures", Channel.EDGE_EVENT, "edge-1")
    assert asyncio.run(asyncio.wait_for(exchange(mosquitto, "edge-1", subject), TIMEOUT_S)) == b"here"


def test_the_database_has_tables_and_starts_empty(database: Database) -> None:
    with database.reading() as session:
        assert session.scalar(text("SELECT count(*) FROM passages")) == 0


def test_a_frame_carries_its_number() -> None:
    assert [frame_number(draw_frame(number, 320, 240)) for number in (0, 1, 2047)] == [0, 1, 2047]


def read_frames(url: str, frames: int, **options: str) -> list[int]:
    """Numbers of the first frames of a stream."""
    with av.open(url, options={"rtsp_transport": "tcp", **options}, timeout=10) as stream:
        numbers = []
        for frame in stream.decode(video=0):
            numbers.append(frame_number(np.asarray(frame.to_ndarray(format="bgr24"), np.uint8)))
            if len(numbers) == frames:
                break
        return numbers


@pytest.mark.parametrize("codec", ["h264", "h265"])
def test_clips_are_served_and_begin_again(
    codec: Codec, rtsp_server: Callable[[Path], ClipServer], tmp_path: Path
) -> None:
    encode_clip(tmp_path / "short.mp4", codec, seconds=0.4)
    server = rtsp_server(tmp_path)
    numbers = read_frames(server.url("short.mp4"), 15)
    assert numbers == [*range(10), *range(5)]


@pytest.mark.parametrize("codec", ["h264", "h265"])
@pytest.mark.parametrize("auth", ["basic", "digest"])
def test_gstreamer_wants_a_password(
    codec: Codec,
    auth: Literal["basic", "digest"],
    gst_rtsp_server: Callable[[GstStream], GstServer],
    clip: Callable[..., Path],
) -> None:
    server = gst_rtsp_server(GstStream(codec, clip=clip(codec), user="anju", auth=auth))
    with pytest.raises(av.error.HTTPUnauthorizedError):
        read_frames(server.url, 1)
    secret = server.password_file.read_text()
    numbers = read_frames(server.url.replace("rtsp://", f"rtsp://anju:{secret}@"), 60)
    assert numbers[-1] == 9
    server.stop()
    server.start()
    assert read_frames(server.url.replace("rtsp://", f"rtsp://anju:{secret}@"), 1)


@pytest.mark.parametrize("codec", ["h264", "h265"])
def test_gstreamer_draws_a_live_picture(codec: Codec, gst_rtsp_server: Callable[[GstStream], GstServer]) -> None:
    server = gst_rtsp_server(GstStream(codec))
    assert len(read_frames(server.url, 5)) == 5


@pytest.mark.browser
def test_chromium_shows_a_page(page: Page) -> None:
    page.set_content("<h1>安居</h1>")
    assert page.get_by_role("heading").inner_text() == "安居"
