"""The main stream behind a small one: decoded when asked, the frame of the moment, forgotten when nobody asks."""

from __future__ import annotations

import dataclasses
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from edge.capture import main_frames
from edge.capture.decoder import StreamForm
from edge.capture.faults import Fault
from edge.capture.main_frames import MainFrames
from edge.capture.packets import PacketRing, StreamPacket
from edge.capture.status import StreamStatus
from tests.support.clips import encode_clip, frame_number

FPS = 25
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


class Main:
    """A main stream whose packets have come up to a moment."""

    def __init__(self, clip: Path) -> None:
        self.ring = PacketRing(15.0, 16_000_000)
        self.status = StreamStatus()
        self.frames = MainFrames(self.ring, self.status, "cpu", moving=lambda: True)
        with av.open(str(clip)) as container:
            stream = container.streams.video[0]
            context = stream.codec_context
            self._packets = [packet for packet in container.demux(stream) if packet.size]
            self.frames.opened(StreamForm("h264", context.extradata, context.width, context.height))

    def receive(self, until: int, from_: int = 0) -> None:
        for number in range(from_, until):
            data, at_s = self._packets[number], number / FPS
            packet = StreamPacket(data, bool(data.is_keyframe), data.size, at_s, at_s, NOON + timedelta(seconds=at_s))
            self.ring.add(packet)
            self.frames.packet(packet)

    def number_at(self, at_s: float) -> int | None:
        frame = self.frames.near(at_s)
        return None if frame is None else frame_number(np.asarray(frame.to_ndarray(format="bgr24"), np.uint8))

    @property
    def decoded(self) -> int:
        return self.status.health(0.0).counts.get("frames", 0)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return encode_clip(tmp_path_factory.mktemp("main") / "clip.mp4", seconds=8.0, keyframe_every=50)


@pytest.fixture
def main(clip: Path) -> Main:
    return Main(clip)


def test_nothing_is_decoded_until_somebody_asks(main: Main) -> None:
    main.receive(200)
    assert main.frames.size == (320, 240)
    assert main.decoded == 4, "keyframes are counted as they come: the stream is there"


def test_the_frame_of_the_moment_is_given_and_the_nearest_between_two(main: Main) -> None:
    main.receive(120)
    assert main.number_at(73 / FPS) == 73
    assert main.number_at(73 / FPS + 0.015) == 73
    assert main.number_at(80 / FPS - 0.015) == 80


def test_asking_on_decodes_on_and_asking_back_starts_at_the_keyframe_before(main: Main) -> None:
    main.receive(120)
    before = main.decoded
    assert main.number_at(75 / FPS) == 75
    assert main.decoded - before == 26, "from the keyframe at 50"
    assert main.number_at(78 / FPS) == 78
    assert main.decoded - before == 29
    assert main.number_at(60 / FPS) == 60
    assert main.decoded - before == 29 + 11
    assert main.number_at(110 / FPS) == 110
    assert main.decoded - before == 29 + 11 + 11, "from the keyframe at 100, not through everything between"


def test_moments_in_any_order_get_their_frames(main: Main) -> None:
    main.receive(200)
    numbers = random.Random(1).choices(range(200), k=25)
    assert [main.number_at(number / FPS) for number in numbers] == numbers


def test_a_moment_the_main_stream_has_not_reached_is_waited_for_and_then_given_up(
    main: Main, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(main_frames, "_WAIT_S", 0.02)
    main.receive(60)
    assert main.number_at(62 / FPS) == 59, "so near that it will do"
    assert main.number_at(90 / FPS) is None
    assert main.status.health(0.0).counts["full_frames_missed"] == 1


def test_a_stream_that_never_came_has_no_frames() -> None:
    frames = MainFrames(PacketRing(15.0, 10**6), StreamStatus(), "cpu", moving=lambda: False)
    assert frames.near(1.0) is None
    assert frames.size == (0, 0)


def test_the_decoder_is_forgotten_when_nobody_has_asked_for_a_while(
    main: Main, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(main_frames, "_FORGOTTEN_S", -1e12)
    main.receive(60)
    assert main.number_at(55 / FPS) == 55
    before = main.decoded
    main.receive(70, from_=60)
    assert main.number_at(60 / FPS) == 60
    assert main.decoded - before == 11, "from the keyframe again"


def test_of_a_main_stream_that_is_gone_nothing_is_held_and_nobody_waits_for_it(
    main: Main, monkeypatch: pytest.MonkeyPatch
) -> None:
    main.receive(60)
    assert main.number_at(55 / FPS) == 55
    main.frames.closed()
    main.ring.clear()
    monkeypatch.setattr("edge.capture.main_frames.time.sleep", lambda _s: pytest.fail("waited"))
    assert main.frames._frames == []
    assert main.number_at(55 / FPS) is None
    main.status.gone(Fault.SILENT)
    main.receive(60, from_=50)
    main.status.gone(Fault.SILENT)
    assert main.number_at(100 / FPS) is None


def test_a_main_stream_that_falls_silent_is_waited_for_once(main: Main, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(main_frames, "_WAIT_S", 0.02)
    main.receive(60)
    assert main.number_at(90 / FPS) is None
    monkeypatch.setattr("edge.capture.main_frames.time.sleep", lambda _s: pytest.fail("waited again"))
    assert main.number_at(92 / FPS) is None


def test_the_size_of_a_stream_that_does_not_tell_it_is_learnt_from_its_first_keyframe(main: Main) -> None:
    form = main.frames.form
    assert form is not None
    unknown = MainFrames(main.ring, StreamStatus(), "cpu", moving=lambda: True)
    unknown.opened(dataclasses.replace(form, width=0, height=0))
    main.frames = unknown
    main.receive(1)
    assert unknown.size == (320, 240)
    main.receive(60, from_=1)
    assert main.number_at(30 / FPS) == 30, "and it is decoded as any other"


def test_a_keyframe_that_cannot_be_decoded_tells_no_size_and_the_next_one_is_tried(main: Main) -> None:
    form = main.frames.form
    assert form is not None
    main.frames = MainFrames(main.ring, StreamStatus(), "cpu", moving=lambda: True)
    main.frames.opened(dataclasses.replace(form, width=0, height=0))
    data: av.Packet[Any] = av.Packet(b"\x00\x00\x00\x02\x65\xff")
    main.frames.packet(StreamPacket(data, True, data.size, 0.0, 0.0, NOON))
    assert main.frames.size == (0, 0)
    main.receive(51, from_=50)
    assert main.frames.size == (320, 240)
