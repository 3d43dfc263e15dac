"""Reading one stream: what is kept of it, when it comes back, what is left when it is gone."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from fractions import Fraction
from typing import Any

import av

from core.contract.config import CameraConfig
from core.contract.vocabulary import CameraState
from edge.capture.decoder import StreamForm
from edge.capture.faults import CameraError, Fault
from edge.capture.pace import Backoff
from edge.capture.packets import PacketRing, StreamPacket
from edge.capture.reader import ReaderParts, StreamReader
from edge.capture.source import Source, Timeouts
from edge.capture.status import StreamStatus
from edge.capture.stream import CameraStream
from tests.edge.capture.conftest import WAIT_S, camera

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
FORM = StreamForm("h264", None, 320, 240)


class Container:
    def close(self) -> None:
        """Nothing is open."""


def keyframe(number: int) -> av.Packet[Any]:
    data: av.Packet[Any] = av.Packet(100)
    data.pts, data.time_base, data.is_keyframe = number, Fraction(1, 25), True
    return data


@dataclass
class Camera:
    """Opens each time it is asked, sends some keyframes, then ends."""

    sends: int = 3
    opened: int = 0

    def open(self, _camera: CameraConfig, _url: str, timeouts: Timeouts) -> Source:
        self.opened += 1

        def packets() -> Iterator[av.Packet[Any]]:
            yield from (keyframe(number) for number in range(self.sends))

        return Source(Container(), packets(), FORM, timeouts.read_s)


@dataclass
class Taker:
    """Sees a picture in every packet."""

    status: StreamStatus
    rest_s: float = 0.0
    taken: list[StreamPacket] = field(default_factory=list)
    closed_times: int = 0

    def opened(self, form: StreamForm) -> None:
        """All forms do."""

    def packet(self, packet: StreamPacket) -> None:
        self.taken.append(packet)
        self.status.picture()

    def closed(self) -> None:
        self.closed_times += 1


@dataclass
class Reading:
    """A reader of a camera that comes and goes."""

    camera: Camera
    backoff: Backoff
    ring: PacketRing = field(default_factory=lambda: PacketRing(15.0, 10**6))
    status: StreamStatus = field(default_factory=StreamStatus)

    def __post_init__(self) -> None:
        parts = ReaderParts(Timeouts(), self.backoff, self.camera.open, lambda: NOON, self.ring, self.status)
        self.taker = Taker(self.status)
        self.reader = StreamReader(
            camera("rtsp://127.0.0.1:9/main"), "rtsp://127.0.0.1:9/main", "main", parts, self.taker
        )

    def until(self, what: Callable[[], bool]) -> None:
        """Read until ``what``, then stop."""
        self.reader.start()
        deadline_s = time.monotonic() + WAIT_S
        while not what() and time.monotonic() < deadline_s:
            threading.Event().wait(0.005)
        self.reader.ask_to_stop()
        self.reader.join()
        assert what()


def test_a_camera_that_was_there_is_tried_again_at_once_however_often_it_went() -> None:
    backoff = Backoff(first_s=0.001, longest_s=1e6, random=random.Random(1))
    reading = Reading(Camera(), backoff)
    reading.until(lambda: reading.camera.opened >= 25)
    assert backoff.wait_s() <= 0.002


def test_a_camera_that_opens_and_shows_nothing_is_tried_ever_more_seldom() -> None:
    backoff = Backoff(first_s=0.001, longest_s=1e6, random=random.Random(1))
    reading = Reading(Camera(sends=0), backoff)
    reading.until(lambda: reading.camera.opened >= 6)
    assert backoff.wait_s() >= 0.5 * 0.001 * 2**5


def test_a_stream_that_is_missing_does_not_slow_the_other_one_down() -> None:
    sub = Camera()
    both = camera("rtsp://127.0.0.1:9/main", sub_url="rtsp://127.0.0.1:9/sub")

    def open_stream(config: CameraConfig, url: str, timeouts: Timeouts) -> Source:
        if url == both.url:
            raise CameraError(Fault.UNREACHABLE)
        return sub.open(config, url, timeouts)

    backoff = Backoff(first_s=0.01, longest_s=1e6, random=random.Random(1))
    stream = CameraStream(both, backoff=backoff, open_stream=open_stream)
    waiting = {name: one.reader._parts.backoff for name, one in stream._streams.items()}
    for _ in range(20):
        waiting["main"].wait_s()
    assert waiting["sub"].wait_s() <= 0.01


def test_of_a_camera_that_is_gone_nothing_is_kept() -> None:
    reading = Reading(Camera(), Backoff(first_s=60.0))
    reading.until(lambda: reading.status.state is CameraState.OFFLINE)
    assert len(reading.taker.taken) == 3
    assert reading.ring.held_bytes == 0
    assert reading.taker.closed_times == 1
