"""When a stream's packets are decoded: always its keyframes, the others only while something moves.

Idle, packets go into the ring and are measured (`edge.capture.activity`); a keyframe now and then is decoded and
compared with the one before it, which finds what the packets did not tell. When something moves, the stream is decoded
from the last keyframe in the ring on, so that the moment in which it began is seen too. Where packets don't tell
(`edge.capture.judge`), everything is decoded.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import av
import structlog

from core.contract.config import Polygon
from core.contract.ids import CameraId
from edge.capture.activity import ActivityMeter
from edge.capture.conditions.clock import camera_clock
from edge.capture.decoder import Decoder, DecoderKind, StreamForm, usable
from edge.capture.glance import Glance, shrink
from edge.capture.judge import PROOF, Doubt, SignalJudge
from edge.capture.memory import give_back_memory
from edge.capture.pace import Sampler
from edge.capture.packets import PacketRing, StreamPacket
from edge.capture.planes import planes_of
from edge.capture.status import StreamStatus
from edge.vision.motion import SceneChange
from models.types import Image

log = structlog.get_logger()

_KEYFRAME_EVERY_S = 1.9
_TRUSTED_KEYFRAME_EVERY_S = 3.9
"""Closer keyframes are not all looked at: who moves past the packets is found two seconds later, or four where
keyframes have agreed with the packets for a while. Decoding them is half of what an idle camera costs."""
_LOOK_EVERY_S = 0.4
_GLANCE_EVERY_S = 1.0
_BEFORE_S = 0.3
"""Handed out from so long before the first packet that told of a movement, or earlier."""
_LOOKED_LATELY_S = 6.0


@dataclass(frozen=True, slots=True)
class WatchRules:
    """quiet_s: without movement, until a stream is left alone again; rest_s: for which packets may wait then;
    learning_s: see `ActivityMeter`; proof: see `SignalJudge`.
    """

    quiet_s: float = 1.0
    """To begin again is to decode a second of what was sent before, in the mean: a longer wait costs more than that."""
    rest_s: float = 0.1
    learning_s: float = 60.0
    proof: int = PROOF


@dataclass(frozen=True, slots=True)
class Viewers:
    """Who gets what is decoded, called from the stream's thread.

    picture: one wanted frame and its packet; catching_up: told before and after pictures come faster than they were
    made; glance: see `Glance`; stopping: True once nobody wants anything any more.
    """

    picture: Callable[[StreamPacket, av.VideoFrame], None]
    catching_up: Callable[[bool], None]
    glance: Callable[[Glance], None]
    stopping: Callable[[], bool]


class Watch:
    """Watches one stream. See `edge.capture.reader.PacketTaker`."""

    def __init__(
        self,
        camera: CameraId,
        ring: PacketRing,
        status: StreamStatus,
        viewers: Viewers,
        *,
        fps: float,
        decoder: DecoderKind = "cpu",
        zones: Sequence[Polygon] = (),
        rules: WatchRules | None = None,
    ) -> None:
        """fps: pictures per second of the stream to hand out; 0: keyframes are glanced at and that is all."""
        self.in_pass = False
        """Set from outside while somebody is passing: then the stream is not left alone."""
        self.sampler = Sampler(fps)
        self._camera = camera
        self._ring = ring
        self._status = status
        self._viewers = viewers
        self._kind = decoder
        self._rules = rules or WatchRules()
        self._meter = ActivityMeter(self._rules.learning_s)
        self._judge = SignalJudge(self._rules.proof)
        self._change = SceneChange(zones)
        self._form: StreamForm | None = None
        self._decoder: Decoder | None = None
        self._decoding = False
        self._doubt: Doubt | None = Doubt.LEARNING
        self._busy = False
        self._looked_s = self._glanced_s = float("-inf")
        self._stirred_s = float("-inf")
        self._begins = False
        self._since_s: float | None = None
        self._handed_s = self._from_s = float("-inf")

    @property
    def watching(self) -> Literal["packets", "pictures"]:
        """By what movement is found now."""
        return "packets" if self._doubt is None else "pictures"

    @property
    def doubt(self) -> Doubt | None:
        """Why it is found in pictures; None where packets tell."""
        return self._doubt

    @property
    def form(self) -> StreamForm | None:
        return self._form

    @property
    def decoding(self) -> bool:
        """True while every packet is decoded."""
        return self._decoding

    @property
    def rest_s(self) -> float:
        return 0.0 if self._decoding else self._rules.rest_s

    def opened(self, form: StreamForm, since_s: float | None = None) -> None:
        """The stream begins: it is looked at until it has been still for a while.

        since_s: stream time from which on it is looked at, as far as the ring goes back; None: from now on.
        """
        self._form, self._decoder = form, None
        self._meter.begin()
        self._change.forget()
        self._decoding = False
        self._begins = True
        self._since_s = since_s

    def closed(self) -> None:
        self._decoding, self._decoder = False, None

    def leave(self) -> None:
        """No more packets for now: decode nothing, hold nothing."""
        self._leave_alone()
        self._decoder = None

    def packet(self, packet: StreamPacket) -> None:
        disposable = bool(packet.data.is_disposable)
        self._busy |= self._meter.see(packet.size, packet.pts_s, keyframe=packet.keyframe, disposable=disposable)
        self._judge.packet(packet.pts_s, keyframe=packet.keyframe)
        if packet.keyframe and (usual := self._meter.usual) is not None:
            self._judge.quiet(usual)
        self._note_doubt()
        if self._doubt is not None or self.in_pass or self._meter.active or self._begins:
            self._stirred_s, self._begins = packet.pts_s, False
        since_s, self._since_s = self._since_s, None
        still = packet.pts_s - self._stirred_s >= self._rules.quiet_s
        if self.sampler.fps <= 0:
            self._leave_alone()
            self._glance_at(packet)
        elif self._decoding:
            self._decode(packet)
            if still:
                self._leave_alone()
        elif still:
            self._glance_at(packet)
        else:
            self._catch_up(self._begun_s(packet, since_s))

    def _begun_s(self, packet: StreamPacket, since_s: float | None) -> float:
        """From when on what is told of now is worth looking at.

        Packets tell late of who comes from afar: it is at least from the keyframe before that on, which has to be
        decoded anyway; and where the last look is not long ago, from the last one on that still shows the same.
        """
        told_s = self._meter.since_s if self._meter.active else None
        began_s = min((at_s for at_s in (told_s, since_s) if at_s is not None), default=packet.pts_s) - _BEFORE_S
        if told_s is None:
            return began_s
        run = self._ring.from_keyframe_before(began_s)
        begun_s = min(began_s, run[0].pts_s) if run else began_s
        if begun_s - self._looked_s > _LOOKED_LATELY_S or (decoder := self._opened_decoder(glancing=True)) is None:
            return begun_s
        return min(begun_s, self._still_s(self._looked_s, began_s, decoder, self._change.as_last))

    def _leave_alone(self) -> None:
        if self._decoding:
            self._decoding = False
            # With it go its frames: most of what an idle camera would take of the memory.
            self._decoder = None
            give_back_memory()
            self._status.count("left_alone")

    def _catch_up(self, from_s: float) -> None:
        """Decode from the keyframe before ``from_s`` on; what was made before that itself is not handed out."""
        self._decoding, self._decoder = True, None
        self._status.count("caught_up")
        self._from_s = from_s
        self._viewers.catching_up(True)
        try:
            for packet in self._ring.from_keyframe_before(from_s):
                if self._viewers.stopping():
                    return
                self._decode(packet)
        finally:
            self._viewers.catching_up(False)

    def _decode(self, packet: StreamPacket) -> None:
        decoder = self._opened_decoder()
        if decoder is None:
            return
        self._status.trying(packet.received_s)
        found = decoder.step(packet)
        if found is None:
            self._status.count("corrupt_packets")
        for own, frame in found or ():
            if self._accept(frame) and own.made_s >= self._from_s:
                self._hand_out(own, frame)

    def _hand_out(self, packet: StreamPacket, frame: av.VideoFrame) -> None:
        # What was handed out before the stream was left alone is not handed out again by catching up.
        if packet.made_s > self._handed_s and self.sampler.wants(packet.made_s):
            self._handed_s = packet.made_s
            self._viewers.picture(packet, frame)
        if packet.pts_s - self._looked_s >= _LOOK_EVERY_S:
            self._look(packet, frame)

    def _glance_at(self, packet: StreamPacket) -> None:
        """Look at a keyframe of a stream that is left alone; catch up where it shows what packets did not tell."""
        every_s = _TRUSTED_KEYFRAME_EVERY_S if self._judge.trusted else _KEYFRAME_EVERY_S
        if not packet.keyframe or 0 <= packet.pts_s - self._looked_s < every_s:
            return
        decoder = self._opened_decoder(glancing=True)
        if decoder is None:
            return
        self._status.trying(packet.received_s)
        frame = decoder.alone(packet)
        if frame is None:
            self._status.count("corrupt_packets")
        elif self._accept(frame):
            before_s = self._looked_s
            moved = self._look(packet, frame) and self.sampler.fps > 0
            self._judge.glimpse(packet.pts_s, moved=moved)
            if moved:
                self._status.count("unheard")
                self._catch_up(self._still_s(before_s, packet.pts_s, decoder, self._change.as_before))

    def _still_s(self, from_s: float, to_s: float, decoder: Decoder, same: Callable[[Image], bool]) -> float:
        """Until when, of what was sent between two moments, the keyframes show what was there at the first: ``same``.

        A keyframe costs as much as a few of the pictures that need not be decoded then.
        """
        still_s = from_s
        for packet in self._ring.between(from_s, to_s):
            if packet.keyframe and from_s < packet.pts_s < to_s:
                frame = decoder.alone(packet)
                if frame is None or not usable(frame) or not same(planes_of(frame).luma):
                    break
                still_s = packet.pts_s
        return still_s

    def _look(self, packet: StreamPacket, frame: av.VideoFrame) -> bool:
        """Compare a picture with the one looked at before, tell the judge, and hand out a glance now and then."""
        luma = planes_of(frame).luma
        moved = self._change.since_last(luma)
        self._looked_s = packet.pts_s
        if moved:
            self._stirred_s = packet.pts_s
        if self._decoding and self._meter.learned:
            self._judge.look(packet.pts_s, moved=moved, busy=self._busy)
        self._busy = False
        if not self._decoding or not 0 <= packet.pts_s - self._glanced_s < _GLANCE_EVERY_S:
            self._glanced_s = packet.pts_s
            self._viewers.glance(Glance(shrink(luma), packet.pts_s, packet.received_at, camera_clock(packet.data)))
        return moved

    def _accept(self, frame: av.VideoFrame) -> bool:
        if not usable(frame):
            self._status.empty_picture()
            return False
        if self._status.picture():
            log.info("camera.online", camera=self._camera, width=frame.width, height=frame.height)
        return True

    def _opened_decoder(self, *, glancing: bool = False) -> Decoder | None:
        if self._decoder is None and self._form is not None:
            self._decoder = Decoder(self._form, self._kind, glancing=glancing)
            if self._decoder.fallback:
                self._status.note(self._decoder.fallback)
        return self._decoder

    def _note_doubt(self) -> None:
        learned = self._meter.learned
        doubt = self._judge.form or (self._judge.doubt if learned else Doubt.LEARNING)
        if doubt is not self._doubt:
            self._doubt = doubt
            if doubt is not None:
                self._status.count(f"doubt.{doubt}")
            log.info(
                "camera.watching", camera=self._camera, by=self.watching, doubt=None if doubt is None else str(doubt)
            )
