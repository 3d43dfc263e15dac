"""Full pictures of a camera whose small stream is looked at: decoded when somebody asks, by the time they were made."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import av

from core.contract.vocabulary import CameraState
from edge.capture.decoder import Decoder, DecoderKind, StreamForm, usable
from edge.capture.packets import PacketRing, StreamPacket
from edge.capture.status import StreamStatus

_WAIT_S = 0.3
"""The large picture of a moment may arrive so much later than the small one."""
_LOOK_AGAIN_S = 0.005
_SAME_MOMENT_S = 0.02
_FARTHEST_S = 0.25
"""Somebody who walks is a face's width farther on by then."""
_FORGOTTEN_S = 2.0
_REST_S = 0.2


class MainFrames:
    """The main stream behind a small one; see `edge.capture.picture.FullFrames` and `edge.capture.reader.PacketTaker`.

    Its packets stay packets until a frame is asked for; then it is decoded from the keyframe before that on, in the
    thread that asks, as far as it asks, and forgotten when nobody has asked for a while.
    """

    def __init__(
        self, ring: PacketRing, status: StreamStatus, decoder: DecoderKind, moving: Callable[[], bool]
    ) -> None:
        """moving: True while something moves in the small stream; packets are then read as they come."""
        self._ring = ring
        self._status = status
        self._kind = decoder
        self._moving = moving
        self._lock = threading.Lock()
        self._form: StreamForm | None = None
        self._size = (0, 0)
        self._decoder: Decoder | None = None
        self._fed_s = float("-inf")
        self._frames: list[tuple[float, av.VideoFrame]] = []
        self._asked_s = float("-inf")
        self._silent_since_s: float | None = None

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of its pictures, pixels; (0, 0) until they are known."""
        return self._size

    @property
    def form(self) -> StreamForm | None:
        return self._form

    @property
    def rest_s(self) -> float:
        return 0.0 if self._moving() else _REST_S

    def opened(self, form: StreamForm) -> None:
        with self._lock:
            self._form = form
            self._forget()
            if form.width and form.height:
                self._size = form.width, form.height

    def closed(self) -> None:
        with self._lock:
            self._forget()

    def packet(self, packet: StreamPacket) -> None:
        """Keyframes show that the stream is there; whether it can be decoded is known when somebody asks."""
        if packet.keyframe:
            self._status.picture()
            if 0 in self._size:
                self._learn_size(packet)
        if self._decoder is not None and packet.received_s - self._asked_s > _FORGOTTEN_S:
            with self._lock:
                self._forget()

    def _learn_size(self, keyframe: StreamPacket) -> None:
        """Of a stream that did not tell it: nobody asks for pictures of unknown size, so none would ever be decoded."""
        form = self._form
        frame = None if form is None else Decoder(form).alone(keyframe)
        if frame is not None and usable(frame):
            self._size = frame.width, frame.height

    def near(self, at_s: float) -> av.VideoFrame | None:
        """The frame made nearest to ``at_s``, or None when there is none within ``_FARTHEST_S``."""
        self._await(at_s)
        with self._lock:
            self._asked_s = time.monotonic()
            run = self._ring.from_keyframe_before(at_s)
            if self._form is None or not run:
                self._status.count("full_frames_missed")
                return None
            for packet in self._unfed(self._form, run, at_s):
                self._feed(packet)
                if self._frames and self._frames[-1][0] >= at_s - _SAME_MOMENT_S:
                    break
            near = min(self._frames, key=lambda known: abs(known[0] - at_s), default=None)
            if near is None or abs(near[0] - at_s) > _FARTHEST_S:
                self._status.count("full_frames_missed")
                return None
            return near[1]

    def _await(self, at_s: float) -> None:
        deadline_s = time.monotonic() + _WAIT_S
        newest_s = self._ring.newest_s
        while newest_s is not None and newest_s < at_s - _SAME_MOMENT_S:
            # Once is enough while nothing more comes: who looks at pictures has other cameras, too.
            if newest_s == self._silent_since_s or self._status.state is CameraState.OFFLINE:
                return
            if time.monotonic() >= deadline_s:
                self._silent_since_s = newest_s
                return
            time.sleep(_LOOK_AGAIN_S)
            newest_s = self._ring.newest_s

    def _unfed(self, form: StreamForm, run: tuple[StreamPacket, ...], at_s: float) -> list[StreamPacket]:
        """What has to be decoded for ``at_s``: from where decoding has got to, or from the keyframe before it."""
        if self._decoder is None:
            self._decoder = Decoder(form, self._kind)
            if self._decoder.fallback:
                self._status.note(self._decoder.fallback)
        behind = self._fed_s < run[0].pts_s
        ahead = bool(self._frames) and at_s < self._frames[0][0] - _SAME_MOMENT_S
        if behind or ahead:
            self._decoder.restart()
            self._frames, self._fed_s = [], float("-inf")
        if self._frames and self._frames[-1][0] >= at_s - _SAME_MOMENT_S:
            return []
        return [packet for packet in run if packet.pts_s > self._fed_s]

    def _feed(self, packet: StreamPacket) -> None:
        if self._decoder is None:
            return
        self._fed_s = packet.pts_s
        found = self._decoder.step(packet)
        if found is None:
            self._status.count("corrupt_packets")
        good = [(own.made_s, frame) for own, frame in found or () if usable(frame)]
        if good:
            self._frames = [*self._frames, *good][-2:]
            self._size = good[-1][1].width, good[-1][1].height
            self._status.count("frames")

    def _forget(self) -> None:
        self._decoder, self._frames, self._fed_s = None, [], float("-inf")
