"""Streams whose pictures are sent after later ones they are predicted from: each picture at the time it was made."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import av
import numpy as np
import pytest

from core.contract.ids import CameraId
from edge.capture.decoder import StreamForm
from edge.capture.main_frames import MainFrames
from edge.capture.pace import StreamClock
from edge.capture.packets import PacketRing, StreamPacket
from edge.capture.reader import timed
from edge.capture.status import StreamStatus
from edge.capture.watch import Viewers, Watch
from tests.support.clips import encode_clip, frame_number

FPS = 25
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
STARTS_S = 1000.0
B_FRAMES = {"tune": "psnr", "bf": "3", "b-adapt": "0", "b-pyramid": "normal"}


class Sent:
    """A clip's packets as they come, one every 25th of a second."""

    def __init__(self, path: Path) -> None:
        clock = StreamClock()
        with av.open(str(path)) as container:
            stream = container.streams.video[0]
            context = stream.codec_context
            self.form = StreamForm("h264", context.extradata, context.width, context.height)
            self.packets: list[StreamPacket] = []
            for number, data in enumerate(one for one in container.demux(stream) if one.size):
                at_s = STARTS_S + number / FPS
                assert data.pts is not None
                assert data.time_base is not None
                self.packets.append(timed(data, clock.moment(float(data.pts * data.time_base), at_s, at_s, NOON)))


@pytest.fixture(scope="module")
def sent(tmp_path_factory: pytest.TempPathFactory) -> Sent:
    folder = tmp_path_factory.mktemp("b")
    return Sent(encode_clip(folder / "b.mkv", seconds=8.0, keyframe_every=50, options=B_FRAMES))


def number_of(frame: av.VideoFrame) -> int:
    return frame_number(np.asarray(frame.to_ndarray(format="bgr24"), np.uint8))


def test_the_clip_is_sent_out_of_order(sent: Sent) -> None:
    assert sum(packet.behind_s > 0.01 for packet in sent.packets) > 100


def test_pictures_are_handed_out_at_the_rate_they_are_wanted_each_with_its_own_time(sent: Sent) -> None:
    handed: list[tuple[float, int]] = []
    ring = PacketRing(15.0, 16_000_000)
    viewers = Viewers(
        lambda packet, frame: handed.append((packet.made_s, number_of(frame))),
        lambda _catching_up: None,
        lambda _glance: None,
        lambda: False,
    )
    watch = Watch(CameraId("cam-1"), ring, StreamStatus(), viewers, fps=10)
    watch.opened(sent.form)
    for packet in sent.packets:
        ring.add(packet)
        watch.packet(packet)
    assert len(handed) == pytest.approx(80, abs=2)
    first_s, first = handed[-50]
    for made_s, number in handed[-50:]:
        assert made_s - first_s == pytest.approx((number - first) / FPS, abs=0.02)


def test_the_full_picture_of_a_moment_is_that_moments(sent: Sent) -> None:
    ring, status = PacketRing(15.0, 16_000_000), StreamStatus()
    frames = MainFrames(ring, status, "cpu", moving=lambda: True)
    frames.opened(sent.form)
    found: list[tuple[float, int]] = []
    for number, packet in enumerate(sent.packets):
        ring.add(packet)
        frames.packet(packet)
        if number > 20 and number % 3 == 0:
            at_s = packet.pts_s - 0.4
            frame = frames.near(at_s)
            assert frame is not None
            found.append((at_s, number_of(frame)))
    offsets = [at_s - number / FPS for at_s, number in found]
    assert max(offsets) - min(offsets) <= 2.1 / FPS
