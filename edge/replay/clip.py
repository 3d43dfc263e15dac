"""A recorded file in place of a camera's stream: any container and codec FFmpeg reads.

Its packets take the way of a camera's packets (`edge.capture.watch`): measured, left alone while nothing moves,
decoded from the last keyframe on when something does. Only the thread that reads them from the network is missing.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import av
import av.error

from core.contract.config import Polygon
from core.contract.ids import CameraId
from edge.capture.decoder import StreamForm
from edge.capture.glance import Glance
from edge.capture.judge import DOUBTS, Doubt
from edge.capture.main_frames import MainFrames
from edge.capture.packets import PacketRing, StreamPacket
from edge.capture.picture import Picture
from edge.capture.status import StreamStatus
from edge.capture.stream import RING_BYTES, RING_S
from edge.capture.watch import Viewers, Watch, WatchRules
from edge.evidence import Moment
from edge.replay.clock import ReplayClock
from edge.replay.why import Seen

_WANTED_FPS = 10.0
_MOST_LEARNING_ROUNDS, _MOST_LEARNING_S = 60, 240.0
_FAR_BACK_S = 3600.0
"""What is played for learning was before the clip, on its clock."""
_STEP_S = 1e-6
"""At least so far apart packets are sent: it still shows on a clock that has run for years."""


class ClipError(Exception):
    """A clip that can't be replayed. The text says which, and what to do."""


@dataclass(frozen=True, slots=True)
class ClipPacket:
    """One packet of a clip. behind_s: how long before the time it is sent at its picture was made."""

    data: av.Packet[Any]
    behind_s: float


@dataclass(frozen=True, slots=True)
class OpenClip:
    """An open file; close it."""

    path: Path
    container: Any
    stream: Any

    @property
    def form(self) -> StreamForm:
        context = self.stream.codec_context
        return StreamForm(context.name, context.extradata, int(context.width or 0), int(context.height or 0))

    @property
    def fps(self) -> float:
        return float(self.stream.average_rate or 25)

    def packets(self) -> Iterator[tuple[ClipPacket, float]]:
        """From the first on, each with the time of the clip it is sent at: no two the same, and never back in time.

        Where pictures are packed after later ones that they are predicted from, they were made before that.
        """
        self.container.seek(0, stream=None)
        first_s: float | None = None
        at_s = -_STEP_S
        try:
            for packet in self.container.demux(self.stream):
                pts = packet.dts if packet.pts is None else packet.pts
                if packet.size == 0 or pts is None or packet.time_base is None:
                    continue
                pts_s = float(pts * packet.time_base)
                first_s = pts_s if first_s is None else first_s
                made_s = max(0.0, pts_s - first_s)
                at_s = max(made_s, at_s + _STEP_S)
                yield ClipPacket(packet, at_s - made_s), at_s
        except av.error.FFmpegError as error:
            raise ClipError(f"{self.path}: damaged after {max(0.0, at_s):.1f} s: {error.strerror}") from None


def open_clip(path: Path) -> OpenClip:
    """Raises ClipError."""
    try:
        container = av.open(str(path))
    except (av.error.FFmpegError, OSError) as error:
        raise ClipError(f"{path}: can't be opened as a video: {error.strerror}") from None
    if not container.streams.video:
        container.close()
        raise ClipError(f"{path}: there is no video in it")
    return OpenClip(path, container, container.streams.video[0])


class ClipStream:
    """The pictures of a clip that somebody wants, step by step. See `edge.replay.player.ClipPictures`."""

    def __init__(
        self, path: Path, clock: ReplayClock, *, sub: Path | None = None, zones: Sequence[Polygon] = ()
    ) -> None:
        """sub: the same scene as the camera's small stream, on the same time. Raises ClipError."""
        self._clock = clock
        self._main = open_clip(path)
        self._watched = self._main if sub is None else open_clip(sub)
        self._ring = PacketRing(RING_S, RING_BYTES)
        self._status = StreamStatus()
        self._full: _FullPictures | None = (
            None if sub is None else _FullPictures(self._main, lambda: self._watch.decoding)
        )
        viewers = Viewers(self._hand_out, _nobody_waits, _nobody_glances, lambda: False)
        self._watch = Watch(
            CameraId("clip"), self._ring, self._status, viewers, fps=_WANTED_FPS, zones=zones, rules=WatchRules()
        )
        self._packets: Iterator[tuple[ClipPacket, float]] | None = None
        self._ready: deque[Picture] = deque()
        self._taken_s: list[float] = []
        self._activity = Activity()
        self._learning = False

    @property
    def fps(self) -> float:
        """Frames a second of the clip's main stream."""
        return self._main.fps

    @property
    def counts(self) -> dict[str, int]:
        """What was counted on the way, as `edge.capture.stream.CameraStream.counters` has it."""
        return self._status.health(0.0).counts

    @property
    def doubt(self) -> str:
        """What to do about the camera's encoder where its packets don't tell of movement; empty where they do."""
        doubt = self._watch.doubt
        return "" if doubt is None else DOUBTS[doubt]

    def learn(self, earlier: Path | None = None) -> None:
        """Play the clip and hand out nothing, until it is known as a camera of long ago is: what is usual in it, and
        whether its packets tell of movement, as far as there is enough of that.

        earlier: play this instead, a clip of the same camera and encoder. Raises ClipError.
        """
        played = self._watched if earlier is None else open_clip(earlier)
        self._learning, behind_s = True, 0.0
        try:
            for _ in range(_MOST_LEARNING_ROUNDS):
                self._watch.opened(played.form)
                last_s = 0.0
                for packet, last_s in played.packets():
                    self._take_in(packet, behind_s + last_s - _FAR_BACK_S)
                    if behind_s + last_s > _MOST_LEARNING_S:
                        break
                behind_s += last_s
                known = behind_s > WatchRules().learning_s and self._watch.doubt is not Doubt.UNPROVEN
                if known or behind_s > _MOST_LEARNING_S or last_s == 0:
                    break
        finally:
            if played is not self._watched:
                played.container.close()
            self._learning = False
            self._activity = Activity()

    def advance(self) -> bool:
        """Take in the next packet; False at the clip's end."""
        if self._packets is None:
            self._ring.clear()
            self._watch.opened(self._watched.form)
            self._packets = self._watched.packets()
        packet, at_s = next(self._packets, (None, 0.0))
        if packet is None:
            return False
        self._clock.clip_s = at_s
        if self._full is not None:
            self._full.up_to(at_s, self._clock)
        self._take_in(packet, at_s)
        self._activity.is_now(self._watch.decoding, at_s)
        return True

    def waiting(self) -> int:
        return len(self._ready)

    def take(self, timeout_s: float) -> Picture | None:  # noqa: ARG002 - Stream's form: a clip has nothing to wait for
        if not self._ready:
            return None
        picture = self._ready.popleft()
        self._taken_s.append(picture.moment.pts_s - self._clock.starts_s)
        return picture

    def want(self, fps: float) -> None:
        self._watch.sampler.fps = fps

    def set_in_pass(self, in_pass: bool) -> None:
        """A replay drops nothing; the stream is not left alone meanwhile."""
        self._watch.in_pass = in_pass

    def seen_in(self, from_s: float, to_s: float) -> Seen:
        """What of that part of the clip was handed out, and for how much of it the stream was decoded."""
        pictures = sum(from_s <= at_s <= to_s for at_s in self._taken_s)
        return Seen(pictures, self._activity.share(from_s, to_s))

    def close(self) -> None:
        self._main.container.close()
        if self._watched is not self._main:
            self._watched.container.close()

    def _take_in(self, sent: ClipPacket, at_s: float) -> None:
        packet = stream_packet(sent, at_s, self._clock)
        self._ring.add(packet)
        self._watch.packet(packet)

    def _hand_out(self, packet: StreamPacket, frame: av.VideoFrame) -> None:
        if self._learning:
            return
        moment = Moment(packet.made_s, packet.received_at, packet.received_s)
        full = None if self._full is None else self._full.frames
        self._ready.append(Picture(moment, frame, packet.received_s, full))


class _FullPictures:
    """The main stream behind a small one, read as far as the small one has come."""

    def __init__(self, main: OpenClip, moving: Callable[[], bool]) -> None:
        self._ring = PacketRing(RING_S, RING_BYTES)
        self.frames = MainFrames(self._ring, StreamStatus(), "cpu", moving)
        self.frames.opened(main.form)
        self._packets = main.packets()
        self._next: tuple[ClipPacket, float] | None = None

    def up_to(self, at_s: float, clock: ReplayClock) -> None:
        while True:
            self._next = self._next or next(self._packets, None)
            if self._next is None or self._next[1] > at_s:
                return
            packet = stream_packet(*self._next, clock)
            self._ring.add(packet)
            self.frames.packet(packet)
            self._next = None


@dataclass(slots=True)
class Activity:
    """When a stream was decoded. Times in seconds of the clip."""

    _changes: list[tuple[float, bool]] = field(default_factory=list)
    _last_s: float = 0.0

    def is_now(self, active: bool, at_s: float) -> None:
        self._last_s = at_s
        if not self._changes or self._changes[-1][1] is not active:
            self._changes.append((at_s, active))

    def share(self, from_s: float, to_s: float) -> float:
        """For how much of that time it was, [0, 1]; of no time at all, whether it was then."""
        ends = [*(at_s for at_s, _ in self._changes[1:]), max(self._last_s, to_s)]
        active_s = sum(
            max(0.0, min(end_s, to_s) - max(at_s, from_s))
            for (at_s, active), end_s in zip(self._changes, ends, strict=True)
            if active
        )
        return min(1.0, active_s / max(1e-3, to_s - from_s))


def stream_packet(sent: ClipPacket, at_s: float, clock: ReplayClock) -> StreamPacket:
    """``sent`` as if it had just come from a camera, ``at_s`` seconds after the clip's first packet."""
    data, sent_s = sent.data, clock.starts_s + at_s
    made_at = clock.starts_at + timedelta(seconds=at_s - sent.behind_s)
    return StreamPacket(data, bool(data.is_keyframe), data.size, sent_s, sent_s, made_at, sent.behind_s)


def _nobody_waits(_catching_up: bool) -> None:
    """A replay's pictures are all looked at, however fast they come."""


def _nobody_glances(_glance: Glance) -> None:
    """How the camera is, a clip does not tell."""
