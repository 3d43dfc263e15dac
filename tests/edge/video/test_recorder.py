"""Around an event there is a clip: ten seconds before, ten after, or as much as there was."""

from __future__ import annotations

import dataclasses
import io
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import av
import pytest
from structlog.testing import capture_logs

from core.contract.events_scenes import Happening, HappeningV1, Phase
from core.contract.ids import CameraId, ClipId, PlaceId, id_born_at, new_id
from edge.capture.packets import Gathering, PacketRing, StreamPacket
from edge.capture.stream import RING_BYTES, RING_S
from edge.health import Counters
from edge.scenes.events import shown_at_s
from edge.scenes.standing import StandingWatch
from edge.video import recorder
from edge.video.clips import Clip, ClipStore, NoSuchClipError
from edge.video.footage import Footage, Which
from edge.video.recorder import ClipRecorder
from edge.video.remux import StreamHead
from tests.edge.link.parts import until
from tests.edge.video.packets import BORN, START_S, camera_packets, ring_of

CAMERA = CameraId("cam-1")
CLIP = ClipId(id_born_at(round(BORN.timestamp() * 1000)))


class Site:
    """A camera with a ring, a clock that is set by hand, and the recorder."""

    def __init__(self, folder: Path, packets: list[StreamPacket]) -> None:
        self.ring = ring_of(packets)
        self.now_s = START_S
        self.there = True
        self.counters = Counters()
        self.store = ClipStore(folder / "clips", b"k" * 32, max_bytes=50_000_000, keep=timedelta(days=7))
        self.recorder = ClipRecorder(
            self.store, self.find, self.counters, clock=lambda: self.now_s, wall_clock=lambda: BORN
        )

    def find(self, camera: CameraId, which: Which) -> Footage | None:
        return Footage(StreamHead("h264"), self.ring) if self.there else None

    def at(self, now_s: float) -> None:
        """It is ``now_s``; the recorder notices."""
        self.now_s = now_s
        with self.recorder._changed:
            self.recorder._changed.notify_all()

    def kept(self, number: int = 1) -> None:
        until(lambda: self.counters.snapshot().get("clips_kept") == number, "clip kept")

    def seconds(self, clip: ClipId = CLIP) -> tuple[int, float]:
        """Frames of the clip, and how long it lasts."""
        with av.open(io.BytesIO(self.store.get(clip, BORN).mp4), "r") as container:
            times = [frame.time for frame in container.decode(video=0)]
        return len(times), times[-1]


@contextmanager
def running(site: Site) -> Iterator[Site]:
    site.recorder.start()
    try:
        yield site
    finally:
        site.recorder.stop(5.0)


def test_a_clip_has_what_was_before_and_what_came_after(tmp_path: Path) -> None:
    packets = camera_packets(tmp_path, seconds=30.0)
    site = Site(tmp_path, packets[:375])  # the event is at 15 s
    with running(site):
        assert site.recorder.ask(CLIP, CAMERA, START_S + 15)
        for packet in packets[375:]:
            site.ring.add(packet)
        site.at(START_S + 26)
        site.kept()
    frames, lasts_s = site.seconds()
    assert frames == 501
    assert lasts_s == pytest.approx(20.0, abs=0.05)
    assert site.store.get(CLIP, BORN).mime.startswith('video/mp4; codecs="avc1.')


def test_what_began_by_lasting_is_shown_as_it_is_when_it_is_told(tmp_path: Path) -> None:
    lane, came = StandingWatch(120.0), BORN
    for second in range(10):
        assert lane.look([], [], START_S - 140 + second, came - timedelta(seconds=10 - second)) == []
    for second in range(120):
        assert lane.look([(0.2, 0.6, 0.5, 0.9)], [], START_S - 120 + second, came + timedelta(seconds=second)) == []
    now = came + timedelta(seconds=120)
    (news,) = lane.due(START_S)
    told = HappeningV1(
        happening_id=news.happening,
        what=Happening.VEHICLE_STANDING,
        phase=Phase.BEGAN,
        occurred_at=news.since,
        camera=CAMERA,
        place=PlaceId("fire-lane"),
    )
    site = Site(tmp_path, [])
    site.ring = PacketRing(RING_S, RING_BYTES)
    packets = [dataclasses.replace(one, pts_s=one.pts_s - 20) for one in camera_packets(tmp_path, seconds=35.0)]
    for packet in packets[:500]:
        site.ring.add(packet)
    clip = ClipId(told.happening_id)
    with running(site):
        at_s = shown_at_s(told, news.since, now, START_S)
        assert at_s is not None
        assert site.recorder.ask(clip, CAMERA, at_s)
        for packet in packets[500:]:
            site.ring.add(packet)
        site.at(START_S + 11)
        site.kept()
    assert site.seconds(clip)[1] == pytest.approx(20.0, abs=1.05)


def test_a_camera_that_goes_away_meanwhile_leaves_all_that_came(tmp_path: Path) -> None:
    packets = camera_packets(tmp_path, seconds=7.0)
    site = Site(tmp_path, packets[:125])
    with running(site):
        assert site.recorder.ask(CLIP, CAMERA, START_S + 5)
        for packet in packets[125:]:
            site.ring.add(packet)
        site.ring.clear()
        site.at(START_S + 16)
        site.kept()
    assert site.seconds()[0] == 175


def test_a_clip_is_whole_however_little_the_camera_s_memory_holds(tmp_path: Path) -> None:
    packets = camera_packets(tmp_path, seconds=30.0)
    site = Site(tmp_path, [])
    site.ring = PacketRing(3.0, 10_000_000)
    for packet in packets[:375]:
        site.ring.add(packet)
    with running(site):
        assert site.recorder.ask(CLIP, CAMERA, START_S + 15)
        for packet in packets[375:]:
            site.ring.add(packet)
        site.at(START_S + 26)
        site.kept()
    assert site.seconds()[1] == pytest.approx(13.0, abs=1.05), "all after, and before as far as it was remembered"


def test_a_camera_that_was_away_for_a_moment_meanwhile_leaves_what_was_before(tmp_path: Path) -> None:
    packets = camera_packets(tmp_path, seconds=12.0)
    site = Site(tmp_path, packets[:125])
    with running(site):
        assert site.recorder.ask(CLIP, CAMERA, START_S + 5)
        site.ring.clear()
        for packet in camera_packets(tmp_path, seconds=4.0):  # the camera counts from its own beginning again
            later_s = packet.pts_s + 7
            site.ring.add(dataclasses.replace(packet, pts_s=later_s, received_s=later_s))
        site.at(START_S + 16)
        site.kept()
    assert site.seconds()[0] == 125


def test_at_the_end_what_there_is_is_kept_at_once(tmp_path: Path) -> None:
    site = Site(tmp_path, camera_packets(tmp_path, seconds=2.0))
    with running(site):
        assert site.recorder.ask(CLIP, CAMERA, START_S + 2)
    assert site.seconds()[0] == 50


def test_a_camera_that_is_away_has_no_clip(tmp_path: Path) -> None:
    site = Site(tmp_path, [])
    site.there = False
    assert not site.recorder.ask(CLIP, CAMERA, START_S)


def test_an_empty_ring_gives_no_clip_and_says_so(tmp_path: Path) -> None:
    site = Site(tmp_path, [])
    with capture_logs() as logs, running(site):
        assert site.recorder.ask(CLIP, CAMERA, START_S)
    assert [line["event"] for line in logs] == ["clips.not_kept"]
    with pytest.raises(NoSuchClipError):
        site.store.get(CLIP, BORN)


def test_more_events_at_once_than_can_wait_are_counted(tmp_path: Path) -> None:
    site = Site(tmp_path, camera_packets(tmp_path, seconds=1.0))
    asked = [site.recorder.ask(CLIP, CAMERA, START_S) for _ in range(recorder.MAX_WAITING + 3)]
    assert asked == [True] * recorder.MAX_WAITING + [False] * 3
    assert site.counters.snapshot()["clips_skipped"] == 3


def test_clips_that_wait_take_so_much_memory_together_and_no_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    packets = camera_packets(tmp_path, seconds=30.0)
    seconds_15 = Gathering(packets[:375], START_S + 60, 10**9).held_bytes
    monkeypatch.setattr(recorder, "MAX_WAITING_BYTES", round(seconds_15 * 1.2))
    site = Site(tmp_path, packets[:375])
    first, second, third = (ClipId(new_id()) for _ in range(3))
    assert site.recorder.ask(first, CAMERA, START_S + 10)
    for packet in packets[375:]:
        site.ring.add(packet)
    assert not site.recorder.ask(second, CAMERA, START_S + 20)
    assert site.counters.snapshot() == {"clips_skipped": 1}
    with running(site):
        site.at(START_S + 26)
        site.kept()
        assert site.recorder.ask(third, CAMERA, START_S + 25), "what was cut takes no memory any more"
    assert 15 < site.seconds(first)[1] < 20
    site.kept(2)


def test_old_clips_are_removed_by_themselves(tmp_path: Path) -> None:
    site = Site(tmp_path, camera_packets(tmp_path, seconds=1.0))
    old = ClipId(id_born_at(round((BORN - timedelta(days=8)).timestamp() * 1000)))
    (tmp_path / "clips").mkdir()
    (tmp_path / "clips" / f"{old}.clip").write_bytes(b"of last week")
    with running(site):
        until(lambda: not list((tmp_path / "clips").iterdir()), "the old clip is gone")


def test_a_folder_that_cannot_be_used_is_counted_and_told_at_the_start(tmp_path: Path) -> None:
    (tmp_path / "clips").write_text("in the way")
    site = Site(tmp_path, camera_packets(tmp_path, seconds=1.0))
    with capture_logs() as logs, running(site):
        until(lambda: site.counters.snapshot().get("clips_failed") == 1, "counted")
    assert [line["event"] for line in logs] == ["clips.unavailable"]


def test_stopping_before_starting_waits_for_nobody(tmp_path: Path) -> None:
    before = threading.active_count()
    Site(tmp_path, []).recorder.stop(0.1)
    assert threading.active_count() == before


def test_one_clip_s_trouble_costs_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    site, put, strange = Site(tmp_path, camera_packets(tmp_path, seconds=4.0)), ClipStore.put, [CLIP]

    def stumble(store: ClipStore, clip: ClipId, shown: Clip) -> None:
        if clip in strange:
            raise ArithmeticError("nobody foresaw this")
        put(store, clip, shown)

    monkeypatch.setattr(ClipStore, "put", stumble)
    other = ClipId(id_born_at(round(BORN.timestamp() * 1000) + 5))
    assert site.recorder.ask(CLIP, CAMERA, START_S + 2)
    assert site.recorder.ask(other, CAMERA, START_S + 2)
    site.now_s = START_S + 60
    with running(site):
        site.kept()
    assert site.counters.snapshot() == {"clips_kept": 1, "clips_failed": 1}
    assert site.seconds(other)[0] > 0
