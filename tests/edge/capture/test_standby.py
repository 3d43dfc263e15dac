"""The main stream beside a small one that goes away: watched from where the small one fell silent."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import av
import pytest

from core.contract.ids import CameraId
from edge.capture.decoder import StreamForm
from edge.capture.main_frames import MainFrames
from edge.capture.packets import PacketRing, StreamPacket
from edge.capture.standby import Standby
from edge.capture.status import StreamStatus
from edge.capture.watch import Viewers, Watch
from tests.support.clips import encode_clip

FPS = 25
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


class Site:
    """A main stream, and a small one that may fall silent."""

    def __init__(self, folder: Path) -> None:
        self.away = False
        self.small_heard_s: float | None = None
        self.handed: list[float] = []
        self.ring = PacketRing(15.0, 16_000_000)
        viewers = Viewers(
            lambda packet, _frame: self.handed.append(packet.made_s),
            lambda _catching_up: None,
            lambda _glance: None,
            lambda: False,
        )
        status = StreamStatus()
        watch = Watch(CameraId("cam-1"), self.ring, status, viewers, fps=10)
        frames = MainFrames(self.ring, status, "cpu", moving=lambda: False)
        self.standby = Standby(frames, watch, lambda: self.away, lambda: self.small_heard_s)
        with av.open(str(encode_clip(folder / "main.mp4", seconds=10.0, keyframe_every=50))) as container:
            stream = container.streams.video[0]
            context = stream.codec_context
            self._packets = [packet for packet in container.demux(stream) if packet.size]
            self.standby.opened(StreamForm("h264", context.extradata, context.width, context.height))

    def receive(self, from_: int, until: int) -> None:
        for number in range(from_, until):
            data, at_s = self._packets[number], number / FPS
            packet = StreamPacket(data, bool(data.is_keyframe), data.size, at_s, at_s, NOON + timedelta(seconds=at_s))
            self.ring.add(packet)
            self.standby.packet(packet)


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def test_while_the_small_stream_is_there_nothing_of_the_main_one_is_handed_out(site: Site) -> None:
    site.receive(0, 100)
    assert site.handed == []
    assert not site.standby.watching


def test_what_passed_between_the_small_streams_last_packet_and_the_news_of_its_end_is_seen(site: Site) -> None:
    site.receive(0, 200)
    site.small_heard_s, site.away = 3.0, True
    site.receive(200, 210)
    assert site.handed[0] == pytest.approx(2.7, abs=0.05)
    assert site.handed[-1] == pytest.approx(8.3, abs=0.1)
    assert len(site.handed) == pytest.approx(56, abs=2)
    assert site.standby.watching


def test_beside_a_small_stream_that_never_came_watching_begins_now(site: Site) -> None:
    site.receive(0, 200)
    site.away = True
    site.receive(200, 210)
    assert site.handed[0] == pytest.approx(7.7, abs=0.05)


def test_when_the_small_stream_is_back_and_goes_again_it_is_caught_up_with_from_its_new_end(site: Site) -> None:
    site.small_heard_s, site.away = 0.5, True
    site.receive(0, 50)
    site.away = False
    site.receive(50, 150)
    assert not site.standby.watching
    before = len(site.handed)
    site.small_heard_s, site.away = 5.0, True
    site.receive(150, 151)
    assert site.handed[before] == pytest.approx(4.7, abs=0.05)
