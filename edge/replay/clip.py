"""A recorded file in place of a camera's stream: any container and codec FFmpeg reads."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import av
import av.error

from edge.capture.pace import Sampler
from edge.capture.picture import Picture
from edge.capture.source import decode, usable
from edge.evidence import Moment
from edge.replay.player import ReplayClock
from edge.replay.why import Seen


class ClipError(Exception):
    """A clip that can't be replayed. The text says which, and what to do."""


@dataclass(slots=True)
class ClipStream:
    """The pictures of a clip that somebody wants, step by step. See `edge.replay.player.ClipPictures`.

    taken_s: when the pictures handed out were made, seconds from the clip's first frame.
    """

    path: Path
    clock: ReplayClock
    wanted_fps: float = 10.0
    taken_s: list[float] = field(default_factory=list)
    fps: float = 0.0
    _packets: Iterator[av.Packet[Any]] = field(init=False)
    _sampler: Sampler = field(init=False)
    _ready: deque[Picture] = field(default_factory=deque)
    _first_s: float | None = None
    corrupt_packets: int = 0

    def __post_init__(self) -> None:
        """Raises ClipError."""
        try:
            container = av.open(str(self.path))
        except (av.error.FFmpegError, OSError) as error:
            raise ClipError(f"{self.path}: can't be opened as a video: {getattr(error, 'strerror', error)}") from None
        if not container.streams.video:
            raise ClipError(f"{self.path}: no video in it")
        stream = container.streams.video[0]
        stream.thread_type = "NONE"
        self.fps = float(stream.average_rate or 25)
        self._packets = container.demux(stream)
        self._sampler = Sampler(self.wanted_fps)

    def advance(self) -> bool:
        packet = next(self._packets, None)
        if packet is None:
            return False
        frames = decode(packet)
        if frames is None:
            self.corrupt_packets += 1
        for frame in frames or ():
            if usable(frame) and frame.time is not None:
                self._accept(frame, frame.time)
        return True

    def _accept(self, frame: av.VideoFrame, pts_s: float) -> None:
        if self._first_s is None:
            self._first_s = pts_s
        self.clock.clip_s = max(self.clock.clip_s, pts_s - self._first_s)
        now_s = self.clock.monotonic()
        if self._sampler.wants(now_s):
            self._ready.append(Picture(Moment(now_s, self.clock.wall(), now_s), frame, now_s))

    def waiting(self) -> int:
        return len(self._ready)

    def take(self, timeout_s: float) -> Picture | None:  # noqa: ARG002 - Stream's form: a clip has nothing to wait for
        if not self._ready:
            return None
        picture = self._ready.popleft()
        self.taken_s.append(picture.moment.pts_s - self.clock.starts_s)
        return picture

    def want(self, fps: float) -> None:
        self._sampler.fps = fps

    def set_in_pass(self, in_pass: bool) -> None:
        """A replay drops nothing."""

    def seen_in(self, from_s: float, to_s: float) -> Seen:
        """What of that part of the clip was handed out."""
        pictures = sum(from_s <= at_s <= to_s for at_s in self.taken_s)
        return Seen(pictures, 1.0)
