"""One camera: its streams, what is handed out of them, and how it is."""

from __future__ import annotations

import functools
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from types import TracebackType
from typing import Literal, Self

import av

from core.contract.config import CameraConfig, Polygon
from core.contract.events_cameras import CameraHealth
from core.contract.vocabulary import CameraState
from edge.capture.buffer import FrameBuffer
from edge.capture.decoder import StreamForm
from edge.capture.faults import DETAILS
from edge.capture.glance import Glance
from edge.capture.judge import DOUBTS
from edge.capture.main_frames import MainFrames
from edge.capture.pace import Backoff
from edge.capture.packets import PacketRing, StreamPacket
from edge.capture.picture import Picture
from edge.capture.reader import OpenStream, PacketTaker, ReaderParts, StreamReader
from edge.capture.source import Timeouts, open_camera
from edge.capture.standby import Standby
from edge.capture.status import StreamHealth, StreamStatus
from edge.capture.watch import Viewers, Watch, WatchRules
from edge.evidence import Moment
from edge.living import LivingThread

RING_S = 15.0
"""A clip of what happened begins ten seconds before it, at a keyframe."""
RING_BYTES = 16_000_000
_OVERVIEW_REST_S = 0.2
_SUB_IS_AWAY = "the main stream is watched instead, at more cost, for the sub stream is away: "
_MAX_DETAIL = 300

Which = Literal["main", "sub"]


@dataclass(frozen=True, slots=True)
class Sent:
    """What one stream of a camera sends. ring: its last seconds; form: None until it was opened once."""

    ring: PacketRing
    form: StreamForm | None


@dataclass(slots=True)
class _Stream:
    """One URL of the camera."""

    ring: PacketRing
    status: StreamStatus
    taker: Watch | Standby
    reader: StreamReader


@dataclass(frozen=True, slots=True)
class _Connecting:
    """How every stream of this camera is opened and read."""

    camera: CameraConfig
    timeouts: Timeouts = field(default_factory=Timeouts)
    backoff: Backoff = field(default_factory=Backoff)
    open_stream: OpenStream = open_camera
    wall_clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    on_stamps_put_right: Callable[[], None] = lambda: None

    def reader(self, url: str, name: Which, ring: PacketRing, status: StreamStatus, taker: PacketTaker) -> StreamReader:
        parts = ReaderParts(
            self.timeouts,
            replace(self.backoff),
            self.open_stream,
            self.wall_clock,
            ring,
            status,
            self.on_stamps_put_right,
        )
        return StreamReader(self.camera, url, name, parts, taker)


class CameraStream:
    """Pictures of one camera, at the rate somebody wants them, while something moves in front of it.

    Of an overview camera nothing is handed out until somebody wants it; its keyframes are glanced at. A camera with
    a second, small stream (``sub_url``) is watched there, and its main stream decoded only for what needs the detail.
    """

    def __init__(
        self,
        camera: CameraConfig,
        *,
        wanted_fps: float = 10.0,
        zones: Sequence[Polygon] = (),
        on_glance: Callable[[Glance], None] | None = None,
        on_stamps_put_right: Callable[[], None] = lambda: None,
        bell: threading.Event | None = None,
        timeouts: Timeouts | None = None,
        backoff: Backoff | None = None,
        rules: WatchRules | None = None,
        open_stream: OpenStream = open_camera,
        wall_clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """zones: where movement matters, the whole picture without any; on_glance, on_stamps_put_right: called from the
        camera's threads; bell: set whenever there is a new picture to take.
        """
        self.camera = camera
        overview = camera.kind == "overview"
        self._fps = 0.0 if overview else wanted_fps
        self._zones = zones
        self._rules = rules or (WatchRules(rest_s=_OVERVIEW_REST_S) if overview else WatchRules())
        self._on_glance = on_glance
        self._bell = bell or threading.Event()
        self._buffer: FrameBuffer[Picture] = FrameBuffer()
        self._stopping = False
        self._standby: Standby | None = None
        connecting = _Connecting(
            camera, timeouts or Timeouts(), backoff or Backoff(), open_stream, wall_clock, on_stamps_put_right
        )
        self._streams = self._make_streams(connecting)
        self._watch = next(one.taker for one in self._streams.values() if isinstance(one.taker, Watch))

    def start(self) -> None:
        for stream in self._streams.values():
            stream.reader.start()

    def stop(self) -> None:
        """End the threads. Waits as long as one opening or reading may take; raises TimeoutError after that."""
        self._stopping = True
        self._buffer.close()
        for stream in self._streams.values():
            stream.reader.ask_to_stop()
        for stream in self._streams.values():
            stream.reader.join()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def threads(self) -> tuple[LivingThread, ...]:
        """One for each of the camera's streams."""
        return tuple(stream.reader.thread for stream in self._streams.values())

    @property
    def _watches(self) -> tuple[Watch, ...]:
        return (self._watch,) if self._standby is None else (self._watch, self._standby.watch)

    @property
    def _watching(self) -> Watch:
        """The one that movement is found by now."""
        return self._standby.watch if self._standby is not None and self._standby.watching else self._watch

    def want(self, fps: float) -> None:
        """Hand out so many pictures per second of the stream from now on while something moves; 0: none."""
        for watch in self._watches:
            watch.sampler.fps = fps

    def set_in_pass(self, in_pass: bool) -> None:
        """Whether somebody is passing now: then frames are dropped last, and the stream is not left alone."""
        self._buffer.set_in_pass(in_pass)
        for watch in self._watches:
            watch.in_pass = in_pass

    def waiting(self) -> int:
        """Pictures that wait to be taken."""
        return len(self._buffer)

    def take(self, timeout_s: float) -> Picture | None:
        """The oldest picture not yet taken, waiting up to ``timeout_s``; None when there is none."""
        return self._buffer.take(timeout_s)

    def sent(self, which: Which = "main") -> Sent:
        """The packets of a stream; ``sub`` of a camera without one are those of its main stream."""
        stream = self._streams.get(which, self._streams["main"])
        return Sent(stream.ring, stream.taker.form)

    def health(self) -> CameraHealth:
        dropped, missed = self._buffer.losses()
        now_s = time.monotonic()
        healths = {name: stream.status.health(now_s) for name, stream in self._streams.items()}
        main = healths["main"]
        # Without its small stream a camera is still watched; without its main one nothing can be seen in detail.
        begins = main.state is CameraState.ONLINE and any(
            one.state is CameraState.CONNECTING for one in healths.values()
        )
        return CameraHealth(
            camera=self.camera.id,
            state=CameraState.CONNECTING if begins else main.state,
            frames_per_s=main.frames_per_s,
            late_s=max((one.late_s for one in healths.values() if one.late_s is not None), default=None),
            last_frame_age_s=main.last_frame_age_s,
            dropped_frames=dropped,
            missed_passes=missed,
            corrupt_packets=sum(one.counts.get("corrupt_packets", 0) for one in healths.values()),
            reconnects=max(max(0, one.counts.get("connections", 0) - 1) for one in healths.values()),
            watching=self._watching.watching,
            detail=self._detail(healths),
        )

    def counters(self) -> dict[str, int]:
        """Everything counted so far, of a sub stream as ``sub.<name>``.

        ``connections``, ``corrupt_packets``, ``frames`` decoded, ``fault.<fault>``, ``caught_up``, ``left_alone``,
        ``unheard`` (movements that only a keyframe showed), ``doubt.<doubt>``, ``full_frames_missed``,
        ``stamps_put_right`` (the camera's stamps run at another pace than time).
        """
        now_s = time.monotonic()
        told: dict[str, int] = {}
        for name, stream in self._streams.items():
            prefix = "" if name == "main" else f"{name}."
            told |= {f"{prefix}{what}": count for what, count in stream.status.health(now_s).counts.items()}
        return told

    def _make_streams(self, connecting: _Connecting) -> dict[Which, _Stream]:
        """The main stream, watched; or, with a small one, that watched and the main one beside it."""
        camera, status, ring = self.camera, StreamStatus(), PacketRing(RING_S, RING_BYTES)
        if camera.sub_url is None:
            watch = self._make_watch(ring, status)
            reader = connecting.reader(camera.url, "main", ring, status, watch)
            return {"main": _Stream(ring, status, watch, reader)}
        sub_status, sub_ring = StreamStatus(), PacketRing(RING_S, RING_BYTES)
        frames = MainFrames(ring, status, camera.decoder, lambda: self._watch.decoding)
        small = self._make_watch(sub_ring, sub_status, frames)
        self._standby = Standby(
            frames,
            self._make_watch(ring, status),
            lambda: sub_status.state is CameraState.OFFLINE,
            lambda: sub_status.heard_s,
        )
        reader = connecting.reader(camera.url, "main", ring, status, self._standby)
        sub_reader = connecting.reader(camera.sub_url, "sub", sub_ring, sub_status, small)
        main = _Stream(ring, status, self._standby, reader)
        return {"main": main, "sub": _Stream(sub_ring, sub_status, small, sub_reader)}

    def _make_watch(self, ring: PacketRing, status: StreamStatus, full: MainFrames | None = None) -> Watch:
        viewers = Viewers(
            functools.partial(self._hand_out, full), self._buffer.set_catching_up, self._glanced, lambda: self._stopping
        )
        return Watch(
            self.camera.id,
            ring,
            status,
            viewers,
            fps=self._fps,
            decoder=self.camera.decoder,
            zones=self._zones,
            rules=self._rules,
        )

    def _hand_out(self, full: MainFrames | None, packet: StreamPacket, frame: av.VideoFrame) -> None:
        if full is not None and 0 in full.size:
            return  # Nobody can say where in the full picture something is while its size is unknown.
        moment = Moment(packet.made_s, packet.received_at, packet.received_s)
        self._buffer.put(Picture(moment, frame, time.monotonic(), full))
        self._bell.set()

    def _glanced(self, glance: Glance) -> None:
        if self._on_glance is not None:
            self._on_glance(glance)

    def _detail(self, healths: dict[Which, StreamHealth]) -> str:
        """What is wrong, of which stream where there are two; else what people should know."""
        told = [
            f"{_SUB_IS_AWAY if name == 'sub' else ''}{DETAILS[health.fault]}"
            for name, health in healths.items()
            if health.fault is not None
        ]
        if not told:
            doubt = self._watching.doubt
            told = list(dict.fromkeys([*(one.note for one in healths.values()), DOUBTS[doubt] if doubt else ""]))
        return "; ".join(filter(None, told))[:_MAX_DETAIL]
