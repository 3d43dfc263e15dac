"""One stream of a camera: a thread that connects, reads packets into a ring, and reconnects."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

import av
import structlog

from core.contract.config import CameraConfig
from core.contract.vocabulary import CameraState
from edge.capture.decoder import StreamForm
from edge.capture.faults import DETAILS, CameraError, Fault
from edge.capture.memory import give_back_memory
from edge.capture.pace import Backoff, PacketTime, StreamClock
from edge.capture.packets import PacketRing, StreamPacket
from edge.capture.source import Source, Timeouts
from edge.capture.status import StreamStatus
from edge.living import LivingThread

log = structlog.get_logger()

_WAITED_S = 0.002
"""A packet that took longer was waited for: there is nothing more to be read just now."""


class OpenStream(Protocol):
    def __call__(self, camera: CameraConfig, url: str, timeouts: Timeouts, /) -> Source: ...


class PacketTaker(Protocol):
    """Whom a reader gives its packets, in its own thread. ``ring`` has each of them by then."""

    def opened(self, form: StreamForm) -> None:
        """A stream begins, maybe another one than before."""
        ...

    def packet(self, packet: StreamPacket) -> None: ...

    def closed(self) -> None:
        """The stream is gone: hold nothing of it."""
        ...

    @property
    def rest_s(self) -> float:
        """How long packets may wait to be read together: each time a thread wakes costs as much as a few packets."""
        ...


@dataclass(frozen=True, slots=True)
class ReaderParts:
    """What a reader needs beside its camera. backoff: its own, for it starts over when this stream shows something."""

    timeouts: Timeouts
    backoff: Backoff
    open_stream: OpenStream
    wall_clock: Callable[[], datetime]
    ring: PacketRing
    status: StreamStatus = field(default_factory=StreamStatus)
    on_stamps_put_right: Callable[[], None] = lambda: None


def timed(data: av.Packet[Any], at: PacketTime) -> StreamPacket:
    """``data`` with its times."""
    behind_s = max(0.0, at.pts_s - at.made_s)
    return StreamPacket(data, bool(data.is_keyframe), data.size, at.pts_s, at.received_s, at.received_at, behind_s)


class StreamReader:
    """Reads one URL of a camera until it is told to stop, whatever happens to the stream."""

    def __init__(self, camera: CameraConfig, url: str, name: str, parts: ReaderParts, taker: PacketTaker) -> None:
        """name: of the stream, for threads and logs: ``main`` or ``sub``."""
        self._camera = camera
        self._url = url
        self._name = name
        self._parts = parts
        self._taker = taker
        self._clock = StreamClock()
        self._stopping = threading.Event()
        suffix = "" if name == "main" else f"-{name}"
        self.thread = LivingThread(f"camera-{camera.id}{suffix}", self._run)

    @property
    def stopping(self) -> bool:
        return self._stopping.is_set()

    def start(self) -> None:
        self.thread.start()

    def ask_to_stop(self) -> None:
        self._stopping.set()

    def join(self) -> None:
        """Wait as long as one opening or reading may take; raises TimeoutError after that."""
        timeouts = self._parts.timeouts
        if not self.thread.join(timeouts.open_s + timeouts.read_s + 2.0):
            raise TimeoutError(f"camera {self._camera.id} could not be stopped: its address is still being looked up")

    def _run(self) -> None:
        while not self._stopping.is_set():
            self.thread.beat()
            try:
                self._watch()
            except CameraError as error:
                self._gone(error.fault)
            except Exception as error:  # noqa: BLE001 - the thread's outermost loop: counted, told, and on it goes
                # The text may hold the address with its password: only the kind of error is told.
                log.error("camera.unexpected_error", camera=self._camera.id, error=type(error).__name__)  # noqa: TRY400
                self._gone(Fault.UNEXPECTED)
            self._stopping.wait(self._parts.backoff.wait_s())

    def _watch(self) -> None:
        """Open the stream and read it until it is told to stop, or CameraError."""
        source = self._parts.open_stream(self._camera, self._url, self._parts.timeouts)
        try:
            self._parts.status.connected(time.monotonic())
            self._taker.opened(source.form)
            self._read(source)
        finally:
            source.close()
            # Whom the camera saw last stays in memory no longer than it takes to know that it is away.
            self._parts.ring.clear()
            self._taker.closed()
            give_back_memory()

    def _read(self, source: Source) -> None:
        status, timeouts = self._parts.status, self._parts.timeouts
        rested, tick_s = False, None
        while not self._stopping.is_set():
            asked_s = time.monotonic()
            data = source.read()
            received_s = time.monotonic()
            if self._stopping.is_set():
                return
            waited = received_s - asked_s > _WAITED_S
            if tick_s is None and data.time_base is not None:
                # Of a stream, once: asking each packet for it and multiplying fractions takes longer than all the rest.
                tick_s = float(data.time_base)
            pts_s = None if data.pts is None or tick_s is None else data.pts * tick_s
            at = self._times(data, pts_s, received_s, waited=waited, rested=rested)
            packet = timed(data, at)
            self.thread.beat()
            status.received(received_s, at.own_s, keyframe=packet.keyframe)
            self._parts.ring.add(packet)
            self._taker.packet(packet)
            fault = status.overdue(received_s, timeouts)
            if fault is not None:
                raise CameraError(fault)
            rested = waited and self._taker.rest_s > 0 and not self._clock.doubted
            if rested:
                self._stopping.wait(self._taker.rest_s)

    def _times(
        self, data: av.Packet[Any], pts_s: float | None, received_s: float, *, waited: bool, rested: bool
    ) -> PacketTime:
        now, before = self._parts.wall_clock(), self._clock.pace
        at = self._clock.moment(pts_s, received_s, received_s, now, size=data.size, waited=waited, rested=rested)
        if self._clock.pace != before:
            self._parts.status.count("stamps_put_right")
            self._parts.on_stamps_put_right()
            pace = round(self._clock.pace, 4)
            log.info("camera.stamps_put_right", camera=self._camera.id, stream=self._name, seconds_per_second=pace)
        return at

    def _gone(self, fault: Fault) -> None:
        if self._parts.status.state is CameraState.ONLINE:
            self._parts.backoff.reset()
        if not self._stopping.is_set() and self._parts.status.gone(fault):
            detail = DETAILS[fault]
            log.warning("camera.offline", camera=self._camera.id, stream=self._name, fault=fault.value, detail=detail)
