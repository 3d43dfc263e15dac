"""One camera: a thread that connects, decodes and reconnects, and can say how it is."""

from __future__ import annotations

import threading
import time
from collections import Counter, OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import TracebackType
from typing import Protocol, Self

import av
import structlog

from core.contract.config import CameraConfig
from core.contract.events import CameraHealth
from core.contract.vocabulary import CameraState
from edge.capture.buffer import FrameBuffer
from edge.capture.faults import DETAILS, CameraError, Fault
from edge.capture.pace import Backoff, Sampler, StreamClock
from edge.capture.picture import Picture
from edge.capture.source import Source, Timeouts, decode, open_camera, usable

log = structlog.get_logger()

_RATE_WINDOW_S = 5.0
_PACKETS_IN_DECODER = 64


class OpenCamera(Protocol):
    def __call__(self, camera: CameraConfig, timeouts: Timeouts, /, *, keyframes_only: bool) -> Source: ...


@dataclass(slots=True)
class _Status:
    """Written by the camera's thread, read by anybody, under ``lock``."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    state: CameraState = CameraState.CONNECTING
    fault: Fault | None = None
    last_frame_s: float | None = None
    frame_times: deque[float] = field(default_factory=lambda: deque(maxlen=512))
    counts: Counter[str] = field(default_factory=Counter)


class CameraStream:
    """Pictures of one camera, at the rate somebody wants them.

    An overview camera is decoded at its keyframes only, and nothing of it is handed out: no recogniser can run on it.
    """

    def __init__(
        self,
        camera: CameraConfig,
        *,
        wanted_fps: float = 10.0,
        timeouts: Timeouts | None = None,
        backoff: Backoff | None = None,
        open_stream: OpenCamera = open_camera,
        bell: threading.Event | None = None,
        wall_clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """bell: set whenever there is a new picture to take."""
        self.camera = camera
        self._overview = camera.kind == "overview"
        self._sampler = Sampler(0.0 if self._overview else wanted_fps)
        self._timeouts = timeouts or Timeouts()
        self._backoff = backoff or Backoff()
        self._open_stream = open_stream
        self._bell = bell or threading.Event()
        self._wall_clock = wall_clock
        self._clock = StreamClock()
        self._buffer: FrameBuffer[Picture] = FrameBuffer()
        self._status = _Status()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"camera-{camera.id}", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """End the thread. Waits for it as long as one opening or reading may take; raises TimeoutError after that."""
        self._stopping.set()
        self._buffer.close()
        if self._thread.ident is None:
            return
        self._thread.join(self._timeouts.open_s + self._timeouts.read_s + 2.0)
        if self._thread.is_alive():
            raise TimeoutError(f"camera {self.camera.id} could not be stopped: its address is still being looked up")

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def want(self, fps: float) -> None:
        """Hand out so many pictures per second of the stream from now on; an overview camera hands out none."""
        if not self._overview:
            self._sampler.fps = fps

    def set_in_pass(self, in_pass: bool) -> None:
        """Whether somebody is passing now: then frames are dropped last."""
        self._buffer.set_in_pass(in_pass)

    def waiting(self) -> int:
        """Pictures that wait to be taken."""
        return len(self._buffer)

    def take(self, timeout_s: float) -> Picture | None:
        """The oldest picture not yet taken, waiting up to ``timeout_s``; None when there is none."""
        return self._buffer.take(timeout_s)

    def health(self) -> CameraHealth:
        dropped, missed = self._buffer.losses()
        now_s = time.monotonic()
        status = self._status
        with status.lock:
            recent = sum(now_s - at_s < _RATE_WINDOW_S for at_s in status.frame_times)
            age_s = None if status.last_frame_s is None else max(0.0, now_s - status.last_frame_s)
            return CameraHealth(
                camera=self.camera.id,
                state=status.state,
                frames_per_s=round(recent / _RATE_WINDOW_S, 2),
                last_frame_age_s=age_s,
                dropped_frames=dropped,
                missed_passes=missed,
                corrupt_packets=status.counts["corrupt_packets"],
                reconnects=max(0, status.counts["connections"] - 1),
                detail="" if status.fault is None else DETAILS[status.fault],
            )

    def counters(self) -> dict[str, int]:
        """Everything counted so far: ``frames``, ``connections``, ``corrupt_packets``, ``fault.<fault>``."""
        with self._status.lock:
            return dict(self._status.counts)

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self._watch()
            except CameraError as error:
                self._gone(error.fault)
            except Exception as error:  # noqa: BLE001 - the thread's outermost loop: counted, told, and on it goes
                # The text may hold the address with its password: only the kind of error is told.
                log.error("camera.unexpected_error", camera=self.camera.id, error=type(error).__name__)  # noqa: TRY400
                self._gone(Fault.UNEXPECTED)
            self._stopping.wait(self._backoff.wait_s())

    def _watch(self) -> None:
        """Open the camera and decode until it is told to stop, or CameraError."""
        source = self._open_stream(self.camera, self._timeouts, keyframes_only=self._overview)
        try:
            self._count("connections")
            self._decode(source)
        finally:
            source.close()

    def _decode(self, source: Source) -> None:
        received: OrderedDict[int | None, float] = OrderedDict()
        last_good_s = time.monotonic()
        trouble = Fault.UNDECODABLE
        for packet in source.packets():
            received_s = time.monotonic()
            if self._stopping.is_set():
                return
            received[packet.pts] = received_s
            while len(received) > _PACKETS_IN_DECODER:
                received.popitem(last=False)
            frames = decode(packet)
            if frames is None:
                self._count("corrupt_packets")
            for frame in frames or ():
                if usable(frame):
                    self._accept(frame, received.get(frame.pts, received_s))
                    last_good_s, trouble = received_s, Fault.UNDECODABLE
                else:
                    self._count("empty_pictures")
                    trouble = Fault.EMPTY_PICTURE
            if received_s - last_good_s > self._timeouts.picture_s:
                raise CameraError(trouble)

    def _accept(self, frame: av.VideoFrame, received_s: float) -> None:
        now_s = time.monotonic()
        pts_s = None if frame.pts is None or frame.time_base is None else float(frame.pts * frame.time_base)
        moment = self._clock.moment(pts_s, received_s, now_s, self._wall_clock())
        status = self._status
        with status.lock:
            came_back = status.state is not CameraState.ONLINE
            status.state, status.fault, status.last_frame_s = CameraState.ONLINE, None, now_s
            status.frame_times.append(now_s)
            status.counts["frames"] += 1
        if came_back:
            self._backoff.reset()
            log.info("camera.online", camera=self.camera.id, width=frame.width, height=frame.height)
        if self._sampler.wants(moment.pts_s):
            self._buffer.put(Picture(moment, frame, now_s))
            self._bell.set()

    def _gone(self, fault: Fault) -> None:
        if self._stopping.is_set():
            return
        with self._status.lock:
            news = self._status.fault is not fault
            self._status.state, self._status.fault = CameraState.OFFLINE, fault
            self._status.counts[f"fault.{fault}"] += 1
        if news:
            log.warning("camera.offline", camera=self.camera.id, fault=fault.value, detail=DETAILS[fault])

    def _count(self, what: str) -> None:
        with self._status.lock:
            self._status.counts[what] += 1
