"""What a camera in another process shows: the same as of one's own, and nothing that nobody asked for."""

from __future__ import annotations

import io
import socket
import threading
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import av
import pytest

from core.contract.ids import CameraId, ClipId, new_id
from edge.capture.packets import PacketRing, StreamPacket
from edge.health import Counters
from edge.shards import far_video
from edge.shards.far_video import FarVideo, ProcessVideo
from edge.shards.messages import (
    MAX_PART,
    ClipPart,
    ClipWanted,
    GarbageError,
    ViewPart,
    ViewWanted,
    read_downward,
    read_upward,
    written,
)
from edge.shards.own_video import FORGOTTEN_S, ClipsForTheEdge, OwnViews
from edge.shards.wire import Wire, WireError
from edge.video.clips import Clip, ClipError
from edge.video.footage import Footage, View, Which
from edge.video.remux import RemuxError, StreamHead
from tests.edge.link.parts import until
from tests.edge.shards.test_answers import Clock
from tests.edge.video.packets import camera_packets, ring_of

CAMERA = CameraId("cam")
CLIP = ClipId("0198c5f0-0000-7000-8000-000000000001")


@dataclass
class Kept:
    """Clips that were kept."""

    clips: dict[ClipId, Clip] = field(default_factory=dict)
    full: bool = False

    def put(self, clip: ClipId, shown: Clip) -> None:
        if self.full:
            raise ClipError("the disk is nearly full")
        self.clips[clip] = shown

    def tidy(self, now: datetime) -> int:
        return 0


class Pair:
    """An edge and a process with one camera, each with a thread that reads its end of the wire."""

    def __init__(self, packets: list[StreamPacket]) -> None:
        self.there = True
        self.ring: PacketRing = ring_of(packets)
        self.clock, self.store, self.counters = Clock(), Kept(), Counters()
        here, process = socket.socketpair()
        self.sockets = here, process
        self.near, self.far = Wire(here, patience_s=2.0), Wire(process, patience_s=2.0)
        self.video = FarVideo(self.store, self.counters)
        self.video.aside.start()
        self.begun = self.video.begin([CAMERA], lambda message: self.near.send(written(message)))
        self.views = OwnViews(self.find, self.far, clock=self.clock)
        self.clips = ClipsForTheEdge(self.far)
        self.wanted: list[ClipWanted] = []
        self._threads = [threading.Thread(target=one) for one in (self._edge, self._process)]
        for thread in self._threads:
            thread.start()

    def find(self, camera: CameraId, which: Which) -> Footage | None:
        return Footage(StreamHead("h264"), self.ring) if self.there and camera == CAMERA else None

    def _edge(self) -> None:
        try:
            while True:
                frame = self.near.receive(5.0)
                assert frame is not None
                message = read_upward(*frame)
                if isinstance(message, ViewPart):
                    self.begun.heard_view(message, frame[1])
                elif isinstance(message, ClipPart):
                    self.begun.heard_clip(message, frame[1])
        except WireError:
            self.begun.end()

    def _process(self) -> None:
        try:
            while True:
                frame = self.far.receive(5.0)
                assert frame is not None
                message = read_downward(frame[0])
                if isinstance(message, ViewWanted):
                    with suppress(ArithmeticError):  # as `edge.aside.Aside` does
                        self.views.answer(message)
                elif isinstance(message, ClipWanted):
                    self.wanted.append(message)
        except WireError:
            return

    def close(self) -> None:
        self.near.close()
        self.far.close()
        for thread in self._threads:
            thread.join(5.0)
        self.video.aside.stop(5.0)
        for one in self.sockets:
            one.close()

    def view(self) -> View:
        found = self.video.view(CAMERA, "main")
        assert found is not None
        return found


@pytest.fixture
def packets(tmp_path: Path) -> list[StreamPacket]:
    return camera_packets(tmp_path, seconds=4.0)


@pytest.fixture
def pair(packets: list[StreamPacket]) -> Iterator[Pair]:
    with closing(Pair(packets)) as made:
        yield made


def frames(mp4: bytes) -> int:
    with av.open(io.BytesIO(mp4), "r") as container:
        return sum(1 for _ in container.decode(video=0))


def test_a_live_view_is_what_the_camera_sends_from_its_newest_keyframe_on(
    pair: Pair, packets: list[StreamPacket]
) -> None:
    pair.ring = ring_of(packets[:80])
    view = pair.view()
    assert view.begin().startswith('video/mp4; codecs="avc1.')
    mp4 = view.take()
    for packet in packets[80:]:
        pair.ring.add(packet)
    mp4 += view.take()
    assert 20 <= frames(mp4) <= 25, "from the third second on, but for what waits for its fragment's end"
    assert view.take() == b""


def test_what_is_too_large_for_one_frame_comes_in_several(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge.shards.own_video.MAX_PART", 5_000)
    view = pair.view()
    view.begin()
    parts = [view.take() for _ in range(40)]
    assert max(map(len, parts)) == 5_000
    assert frames(b"".join(parts)) >= 20


def test_a_camera_that_is_away_shows_nothing_and_a_view_of_one_that_goes_away_ends(pair: Pair) -> None:
    pair.there = False
    with pytest.raises(RemuxError):
        pair.view().begin()
    pair.there = True
    view = pair.view()
    view.begin()
    pair.near.close()
    view.take()  # what had come before
    with pytest.raises(RemuxError):
        view.take()
    assert pair.video.view(CameraId("other"), "main") is None


def test_a_view_that_nobody_asks_for_any_more_is_forgotten_without_another(pair: Pair) -> None:
    pair.view().begin()
    pair.views.tidy()
    assert len(pair.views._shown) == 1
    pair.clock.now_s += FORGOTTEN_S + 1
    pair.views.tidy()
    assert not pair.views._shown


def test_for_a_viewer_slower_than_the_camera_nothing_piles_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    packets = camera_packets(tmp_path, seconds=16.0)
    here, process = socket.socketpair()
    with here, process:
        reader = threading.Thread(target=lambda: all(iter(lambda: here.recv(65_536), b"")))
        reader.start()
        wire, ring = Wire(process, patience_s=2.0), PacketRing(3.0, 16_000_000)
        views = OwnViews(lambda *_: Footage(StreamHead("h264"), ring), wire)
        quarter = sum(packet.size for packet in packets) // 16 // 4
        monkeypatch.setattr("edge.shards.own_video.MAX_PART", quarter)
        wanted, waits = ViewWanted(view=1, camera=CAMERA, which="main"), []
        for number, packet in enumerate(packets):
            ring.add(packet)
            if number % 25 == 24:  # a quarter of a second's video, once a second
                views.answer(wanted)
                waits += [len(shown.rest) for shown in views._shown.values()]
        wire.close()
        reader.join(5.0)
    assert max(waits) <= ring.held_bytes


def test_a_clip_is_cut_there_and_kept_here(pair: Pair) -> None:
    pair.video.keep(CLIP, CAMERA, 7.0)
    until(lambda: pair.wanted, "asked for")
    assert pair.wanted == [ClipWanted(clip=CLIP, camera=CAMERA, at_s=7.0)]
    mp4 = bytes(range(256)) * 5_000
    assert len(mp4) > 2 * MAX_PART
    pair.clips.put(CLIP, Clip(CameraId("whatever it says"), 'video/mp4; codecs="avc1.640028"', mp4))
    until(lambda: CLIP in pair.store.clips, "kept")
    assert pair.store.clips[CLIP] == Clip(CAMERA, 'video/mp4; codecs="avc1.640028"', mp4)
    assert pair.counters.snapshot() == {"clips_kept": 1}


def test_a_clip_that_can_not_be_kept_is_counted_and_one_that_was_lost_with_its_process_too(pair: Pair) -> None:
    pair.store.full = True
    pair.video.keep(CLIP, CAMERA, 7.0)
    pair.clips.put(CLIP, Clip(CAMERA, "video/mp4", b"mp4"))
    until(lambda: pair.counters.snapshot().get("clips_failed") == 1, "told")
    pair.video.keep(ClipId(new_id()), CAMERA, 8.0)
    pair.far.close()
    until(lambda: pair.counters.snapshot().get("clips_failed") == 2, "told")
    pair.video.keep(ClipId(new_id()), CAMERA, 9.0)
    assert pair.counters.snapshot()["clips_failed"] == 3
    assert pair.begun._clips == {}


@pytest.fixture
def alone() -> tuple[ProcessVideo, Kept]:
    """An edge's side of a process that says what the test says."""
    kept = Kept()
    return ProcessVideo(frozenset({CAMERA}), lambda _: None, kept.put, Counters()), kept


def test_what_nobody_asked_for_is_garbage(alone: tuple[ProcessVideo, Kept]) -> None:
    process, kept = alone
    with pytest.raises(GarbageError):
        process.heard_view(ViewPart(view=1), b"")
    clip = ClipPart(clip=CLIP, mime="video/mp4", last=True)
    with pytest.raises(GarbageError):
        process.heard_clip(clip, b"")
    process.want_clip(CLIP, CAMERA, 1.0)
    process.heard_clip(clip, b"mp4")
    assert kept.clips == {CLIP: Clip(CAMERA, "video/mp4", b"mp4")}
    with pytest.raises(GarbageError):
        process.heard_clip(clip, b"another")


def test_clips_come_one_after_the_other_and_none_without_end(
    alone: tuple[ProcessVideo, Kept], monkeypatch: pytest.MonkeyPatch
) -> None:
    process, _ = alone
    monkeypatch.setattr(far_video, "MAX_CLIP", 10)
    other = ClipId(new_id())
    for clip in (CLIP, other):
        process.want_clip(clip, CAMERA, 1.0)
    process.heard_clip(ClipPart(clip=CLIP, mime="video/mp4", last=False), b"12345")
    with pytest.raises(GarbageError):
        process.heard_clip(ClipPart(clip=other, mime="video/mp4", last=True), b"")
    with pytest.raises(GarbageError, match="larger"):
        process.heard_clip(ClipPart(clip=CLIP, mime="video/mp4", last=False), b"123456")


def test_of_more_clips_than_a_process_can_cut_none_are_asked_for() -> None:
    counters, clock = Counters(), Clock()
    process = ProcessVideo(frozenset({CAMERA}), lambda _: None, Kept().put, counters, clock=clock)
    for _ in range(far_video.MAX_CLIPS + 3):
        process.want_clip(ClipId(new_id()), CAMERA, 1.0)
    assert counters.snapshot() == {"clips_skipped": 3}
    clock.now_s += 1000.0
    process.want_clip(ClipId(new_id()), CAMERA, 1.0)
    assert counters.snapshot() == {"clips_skipped": 3}, "one that never came makes room"


def test_what_was_given_up_and_comes_after_all_is_passed_over() -> None:
    kept, clock = Kept(), Clock()
    process = ProcessVideo(frozenset({CAMERA}), lambda _: None, kept.put, Counters(), clock=clock)
    process.want_clip(CLIP, CAMERA, 1.0)
    process.heard_clip(ClipPart(clip=CLIP, mime="video/mp4", last=False), b"begun")
    clock.now_s += 1000.0
    other = ClipId(new_id())
    process.want_clip(other, CAMERA, 2.0)
    for last in (False, True):
        process.heard_clip(ClipPart(clip=CLIP, mime="video/mp4", last=last), b"late")
    process.heard_clip(ClipPart(clip=other, mime="video/mp4", last=True), b"in time")
    assert {clip: one.mp4 for clip, one in kept.clips.items()} == {other: b"in time"}


def test_a_clip_that_there_can_not_be_gives_its_place_back(alone: tuple[ProcessVideo, Kept]) -> None:
    process, kept = alone
    process.want_clip(CLIP, CAMERA, 1.0)
    process.heard_clip(ClipPart(clip=CLIP, mime="video/mp4", last=True), b"")
    assert not kept.clips
    assert not process._clips


def test_while_the_disk_is_slow_clips_wait_as_far_as_memory_is_meant_for_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(far_video, "MAX_STORING_BYTES", 100)
    kept, counters = Kept(), Counters()
    video, said = FarVideo(kept, counters), ClipPart(clip=CLIP, mime="video/mp4", last=True)
    process = video.begin([CAMERA], lambda _: None)
    for _ in range(12):
        clip = ClipId(new_id())
        process.want_clip(clip, CAMERA, 1.0)
        process.heard_clip(said.model_copy(update={"clip": clip}), bytes(10))
    assert counters.snapshot() == {"clips_skipped": 2}
    video.aside.start()
    video.aside.stop(5.0)
    assert len(kept.clips) == 10
    assert counters.snapshot()["clips_kept"] == 10


def test_a_view_that_fails_for_a_reason_nobody_foresaw_is_over_and_keeps_no_place(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    view = pair.view()
    view.begin()

    def stumble(_: object) -> bytes:
        raise ArithmeticError("nobody foresaw this")

    monkeypatch.setattr("edge.video.live.LiveView.take", stumble)
    view.take()  # what had come before
    with pytest.raises(RemuxError):
        view.take()
    assert not pair.views._shown
    assert not pair.begun._views
