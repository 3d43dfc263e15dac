"""Live views and clips of cameras in processes of their own: asked for there, put into MP4 there, kept and shown here.

The edge reads no video of such a camera, it only passes it on: a picture made to harm whoever reads it stays where it
came in. Tickets are checked and clips encrypted here; a process knows neither.
"""

from __future__ import annotations

import functools
import itertools
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import structlog

from core.contract.ids import CameraId, ClipId
from edge.aside import Aside
from edge.health import Counters
from edge.shards.messages import MAX_CLIP, MAX_VIEWS, ClipPart, ClipWanted, GarbageError, ViewPart, ViewWanted
from edge.shards.wire import WireError
from edge.video.clips import Clip, ClipError
from edge.video.footage import Which
from edge.video.recorder import AFTER_S, KeepsClips
from edge.video.remux import RemuxError

log = structlog.get_logger()

MAX_CLIPS = 64
"""Asked for and not there yet, of one process; it cuts half as many at once."""
PATIENCE_S = 2.0
"""For the next part of a view: a large keyframe takes a moment on a busy machine."""
MAX_STORING_BYTES = 256_000_000
"""Of clips of all processes that wait for the disk; it is slower than the processes cut."""
_MAX_STORING = 256
_GIVEN_UP_S = 120.0
_REMEMBERED = 256
"""Of clips given up: a machine that slept for minutes gets them after all."""

Say = Callable[[ViewWanted | ClipWanted], None]
"""Raises WireError."""


class FarVideo:
    """See `edge.video.site.Elsewhere`. Of all processes of an edge; thread-safe."""

    def __init__(self, store: KeepsClips, counters: Counters) -> None:
        self._store = store
        self._counters = counters
        self._storing = Aside("far-clips", _MAX_STORING, counters)
        self._lock = threading.Lock()
        self._storing_bytes = 0
        self._of: dict[CameraId, ProcessVideo] = {}

    @property
    def aside(self) -> Aside:
        """Where clips are encrypted and written: to be started, and stopped when no process is left."""
        return self._storing

    def begin(self, cameras: Sequence[CameraId], say: Say) -> ProcessVideo:
        """A process begins to look through ``cameras``, in the place of one before it."""
        begun = ProcessVideo(frozenset(cameras), say, self._keep, self._counters)
        self._of |= dict.fromkeys(cameras, begun)
        return begun

    def keep(self, clip: ClipId, camera: CameraId, at_s: float) -> None:
        there = self._of.get(camera)
        if there is not None:
            there.want_clip(clip, camera, at_s)

    def view(self, camera: CameraId, which: Which) -> FarView | None:
        there = self._of.get(camera)
        return None if there is None else FarView(there, camera, which)

    def _keep(self, clip: ClipId, shown: Clip) -> None:
        size = len(shown.mp4)
        with self._lock:
            fits = self._storing_bytes + size <= MAX_STORING_BYTES
            self._storing_bytes += size * fits
        if fits and self._storing.submit(functools.partial(self._put, clip, shown)):
            return
        self._counters.add("clips_skipped")
        with self._lock:
            self._storing_bytes -= size * fits

    def _put(self, clip: ClipId, shown: Clip) -> None:
        try:
            self._store.put(clip, shown)
            self._counters.add("clips_kept")
        except ClipError as error:
            self._counters.add("clips_failed")
            log.warning("clips.not_kept", camera=shown.camera, problem=str(error))
        finally:
            with self._lock:
                self._storing_bytes -= len(shown.mp4)


@dataclass(slots=True)
class _Waiting:
    came: threading.Event = field(default_factory=threading.Event)
    part: ViewPart | None = None
    mp4: bytes = b""


@dataclass(slots=True)
class _Gathering:
    clip: ClipId
    parts: list[bytes] = field(default_factory=list)
    size: int = 0


class ProcessVideo:
    """What one process was asked for and what came of it. ``heard_*`` from one thread, the others from any."""

    def __init__(
        self,
        cameras: frozenset[CameraId],
        say: Say,
        keep: Callable[[ClipId, Clip], None],
        counters: Counters,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._cameras = cameras
        self._say = say
        self._keep = keep
        self._counters = counters
        self._clock = clock
        self._lock = threading.Lock()
        self._numbers = itertools.count(1)
        self._views: dict[int, _Waiting] = {}
        self._clips: dict[ClipId, tuple[CameraId, float]] = {}
        self._given_up: deque[ClipId] = deque(maxlen=_REMEMBERED)
        self._gathering: _Gathering | None = None

    def want_clip(self, clip: ClipId, camera: CameraId, at_s: float) -> None:
        """Have a clip cut and kept. Does not wait for it."""
        now_s = self._clock()
        with self._lock:
            for late in [one for one, (_, asked_s) in self._clips.items() if now_s - asked_s > _GIVEN_UP_S]:
                del self._clips[late]
                self._given_up.append(late)
            full = len(self._clips) >= MAX_CLIPS
            if not full:
                self._clips[clip] = camera, now_s
        if full:
            self._counters.add("clips_skipped")
            return
        try:
            self._say(ClipWanted(clip=clip, camera=camera, at_s=at_s))
        except WireError:
            self._counters.add("clips_failed")
            with self._lock:
                self._clips.pop(clip, None)

    def heard_clip(self, said: ClipPart, mp4: bytes) -> None:
        """A clip without anything is one that there can't be. What was given up meanwhile is passed over.

        Raises GarbageError for what nobody asked for, or what is larger than any clip.
        """
        gathering = self._gathering or _Gathering(said.clip)
        with self._lock:
            camera, _ = self._clips.get(said.clip, (None, 0.0))
            given_up = said.clip in self._given_up
        if given_up and gathering.clip == said.clip:
            self._gathering = None
            return
        if camera is None or gathering.clip != said.clip:
            raise GarbageError("a clip that nobody asked for")
        gathering.parts.append(mp4)
        gathering.size += len(mp4)
        if gathering.size > MAX_CLIP:
            raise GarbageError("a clip larger than any")
        self._gathering = None if said.last else gathering
        if said.last:
            with self._lock:
                del self._clips[said.clip]
            if gathering.size:
                self._keep(said.clip, Clip(camera, said.mime, b"".join(gathering.parts)))

    def number(self) -> int:
        """What to call a new view."""
        return next(self._numbers)

    def ask(self, wanted: ViewWanted) -> tuple[ViewPart, bytes] | None:
        """The next part of a view; None when none comes in time."""
        waiting = _Waiting()
        with self._lock:
            if len(self._views) >= MAX_VIEWS or wanted.view in self._views:
                return None
            self._views[wanted.view] = waiting
        try:
            self._say(wanted)
        except WireError:
            return None
        if not waiting.came.wait(PATIENCE_S) or waiting.part is None:
            return None
        return waiting.part, waiting.mp4

    def heard_view(self, said: ViewPart, mp4: bytes) -> None:
        """Raises GarbageError for what nobody asked for."""
        with self._lock:
            waiting = self._views.pop(said.view, None)
        if waiting is None:
            raise GarbageError("a live view that nobody asked for")
        waiting.part, waiting.mp4 = said, mp4
        waiting.came.set()

    def end(self) -> None:
        """The process has ended: its views are over, and what it was asked to cut just now is lost."""
        now_s = self._clock()
        with self._lock:
            views, self._views = list(self._views.values()), {}
            clips, self._clips = list(self._clips.values()), {}
        for waiting in views:
            waiting.came.set()
        lost = [camera for camera, asked_s in clips if now_s - asked_s < 2 * AFTER_S]
        for camera in lost:
            self._counters.add("clips_failed")
            log.warning("clips.not_kept", camera=camera, problem="the process of this camera ended before it was cut")


class FarView:
    """See `edge.video.footage.View`."""

    def __init__(self, there: ProcessVideo, camera: CameraId, which: Which) -> None:
        self._there = there
        self._wanted = ViewWanted(view=there.number(), camera=camera, which=which)
        self._first = b""

    def begin(self) -> str:
        said, self._first = self._next()
        return said.mime

    def take(self) -> bytes:
        if self._first:
            first, self._first = self._first, b""
            return first
        return self._next()[1]

    def _next(self) -> tuple[ViewPart, bytes]:
        answer = self._there.ask(self._wanted)
        if answer is None or answer[0].ended:
            raise RemuxError("its camera, or the process that reads it, shows nothing any more")
        return answer
