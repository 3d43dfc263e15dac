"""A million frames of one camera through an edge's capture and face gate in one process: what stays behind.

    python -m benchmarks.endurance [--quick] [--frames N]

A drawn gate with somebody there a tenth of the time, 640x360 H.264, again and again as one stream of eleven hours that
is played as fast as it goes: every packet is read, kept in the ring and measured, decoded when something moves (and
keyframes always), and looked at by a face gate that finds, tracks, embeds, compares and opens. Only the thread that
reads from the network is missing; `benchmarks.capture` has the reconnects. Memory is read every 10,000 frames, what is
free given back to the system before, and told after a tenth of all frames, when every ring and list is full.
"""

from __future__ import annotations

import argparse
import gc
import logging
from collections import deque
from collections.abc import Iterator, Sequence
from datetime import datetime

import av
import cv2
import numpy as np
import structlog

from benchmarks.capture_side import rss_mb
from benchmarks.pipelines import Runners, checkpoint, enrolled, lists_of
from benchmarks.report import Row, against_limit, write
from benchmarks.scene_films import Kind, Place
from benchmarks.scenes import CHECKPOINTS, Filmed, Scene, filmed
from core.contract.base import Message
from core.contract.config import FaceGate
from core.contract.ids import CameraId
from edge.aside import Aside
from edge.assembly import make_watcher
from edge.capture.glance import Glance
from edge.capture.memory import give_back_memory
from edge.capture.packets import PacketRing, StreamPacket
from edge.capture.picture import Picture
from edge.capture.status import StreamStatus
from edge.capture.stream import RING_BYTES, RING_S
from edge.capture.watch import Viewers, Watch
from edge.checkpoint.controllers import SimulatedGate
from edge.checkpoint.post import Books, CheckpointPost
from edge.checkpoint.rounds import Station
from edge.evidence import Moment
from edge.health import Counters
from edge.replay.clip import ClipPacket, open_clip, stream_packet
from edge.replay.clock import ReplayClock
from edge.replay.player import AtOnce

FRAMES, QUICK_FRAMES = 1_000_000, 20_000
SAMPLES = 100
WARM = 0.1
MIN_FACE_PX = 24
GROWTH_LIMIT_MB = 5.0
SLOPE_LIMIT_MB = 0.5
_WANTED_FPS = 10.0


class EndlessClip:
    """A clip's packets for ever, as one stream; what of it is to be looked at is waiting. See `ClipPictures`."""

    def __init__(self, clip: Filmed, clock: ReplayClock) -> None:
        self._clock, self._played = clock, open_clip(clip.sub)
        self._ring = PacketRing(RING_S, RING_BYTES)
        self.status = StreamStatus()
        viewers = Viewers(self._hand_out, _nobody_waits, _nobody_glances, lambda: False)
        zones = (checkpoint(CHECKPOINTS[clip.scene.place]).zone,)
        self._watch = Watch(CameraId("clip"), self._ring, self.status, viewers, fps=_WANTED_FPS, zones=zones)
        self._watch.opened(self._played.form)
        self._packets = self._endless()
        self._ready: deque[Picture] = deque()
        self.looked_at = 0

    def advance(self) -> None:
        """Take in the next packet, moving the clock."""
        sent, at_s = next(self._packets)
        self._clock.clip_s = at_s
        packet = stream_packet(sent, at_s, self._clock)
        self._ring.add(packet)
        self._watch.packet(packet)

    def waiting(self) -> int:
        return len(self._ready)

    def take(self, timeout_s: float) -> Picture | None:  # noqa: ARG002 - Stream's form: nothing to wait for
        if not self._ready:
            return None
        self.looked_at += 1
        return self._ready.popleft()

    def want(self, fps: float) -> None:
        self._watch.sampler.fps = fps

    def set_in_pass(self, in_pass: bool) -> None:
        self._watch.in_pass = in_pass

    def _endless(self) -> Iterator[tuple[ClipPacket, float]]:
        begins_s = 0.0
        while True:
            last_s = 0.0
            for packet, last_s in self._played.packets():
                yield packet, begins_s + last_s
            begins_s += last_s + 1 / self._played.fps

    def _hand_out(self, packet: StreamPacket, frame: av.VideoFrame) -> None:
        moment = Moment(packet.pts_s, packet.received_at, packet.received_s)
        self._ready.append(Picture(moment, frame, packet.received_s))


def _nobody_waits(_catching_up: bool) -> None:
    """Pictures are all looked at, however fast they come."""


def _nobody_glances(_glance: Glance) -> None:
    """How the camera is, is another benchmark."""


class _Counting:
    """An outbox that keeps nothing."""

    def __init__(self) -> None:
        self.messages = 0

    def append(self, message: Message, occurred_at: datetime) -> None:  # noqa: ARG002 - Outbox's form
        self.messages += 1


class Gate:
    """A face gate at that stream."""

    def __init__(self, clip: Filmed, runners: Runners) -> None:
        clock = ReplayClock()
        self.stream, self.outbox, self.counters = EndlessClip(clip, clock), _Counting(), Counters()
        watched = checkpoint(CHECKPOINTS[clip.scene.place])
        assert isinstance(watched, FaceGate)
        watched = watched.model_copy(update={"min_face_px": MIN_FACE_PX})
        lists = lists_of(clip.truth, enrolled(clip.truth, runners), runners)
        watcher = make_watcher(watched, runners.ours, lists)
        assert watcher is not None
        hold_s = watched.controller.hold_s
        gate = SimulatedGate(watched.id, hold_s, lambda _state: None, clock=clock.monotonic, wall_clock=clock.wall)
        pictures: Aside = AtOnce()
        books = Books(self.outbox, pictures, runners.faces, self.counters)
        post = CheckpointPost(
            watched,
            watcher,
            gate,
            lists,
            books,
            cases=lists,
            wall_clock=clock.wall,
            clock=clock.monotonic,
            doer=AtOnce(),
        )
        self._station = Station(self.stream, (post,))

    def play(self, frames: int) -> None:
        for _ in range(frames):
            self.stream.advance()
            while self._station.look():
                continue


def slope(frames: Sequence[int], memory_mb: Sequence[float]) -> float:
    """MB more for each 100,000 frames, by least squares."""
    return float(np.polyfit(np.asarray(frames, np.float64), np.asarray(memory_mb, np.float64), 1)[0]) * 100_000


def measure(gate: Gate, frames: int) -> list[Row]:
    at: list[int] = []
    memory_mb: list[float] = []
    every = frames // SAMPLES
    for number in range(1, SAMPLES + 1):
        gate.play(every)
        gc.collect()
        give_back_memory()
        at.append(number * every)
        memory_mb.append(rss_mb())
        if number % 10 == 0:
            print(f"{at[-1]} frames: {memory_mb[-1]:.1f} MB, {gate.counters.snapshot()}", flush=True)
    first = round(WARM * SAMPLES) - 1
    warm_at, warm_mb = at[first:], memory_mb[first:]
    looked_at = f"{gate.stream.looked_at:,} of them looked at, {gate.outbox.messages:,} messages told"
    what = f"640x360 frames through one camera's capture and face gate as fast as they go ({looked_at})"
    grown_mb = max(0.1, warm_mb[-1] - warm_mb[0])
    return [
        against_limit(
            f"memory after {at[-1]:,} {what}, MB more than after {at[first]:,}", ours=grown_mb, limit=GROWTH_LIMIT_MB
        ),
        against_limit(
            f"memory for each 100,000 frames more, least squares over {len(warm_at)} readings, MB",
            ours=max(0.01, slope(warm_at, warm_mb)),
            limit=SLOPE_LIMIT_MB,
        ),
    ]


def main() -> None:
    """Measure, print, and write `results/endurance.json`."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help=f"{QUICK_FRAMES} frames")
    parser.add_argument("--frames", type=int, default=FRAMES)
    asked = parser.parse_args()
    cv2.setNumThreads(1)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    clip = filmed(Scene(Place.GATE, Kind.WALK, passes=1, busy=0.1))
    gate = Gate(clip, Runners())
    rows = measure(gate, QUICK_FRAMES if asked.quick else asked.frames)
    write("endurance", rows, quick=asked.quick)


if __name__ == "__main__":
    main()
