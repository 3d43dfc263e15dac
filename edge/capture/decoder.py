"""Packets into frames: one decoder of one stream, on the processor or where the configuration says."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import Any, Literal

import av
import av.error
from av.codec.hwaccel import HWAccel, hwdevices_available

from edge.capture.packets import StreamPacket

DecoderKind = Literal["cpu", "vaapi", "cuda", "auto"]
MAX_SIDE_PX = 8192
_AUTO = ("cuda", "vaapi")
_PACKETS_IN_DECODER = 64


@dataclass(frozen=True, slots=True)
class StreamForm:
    """What a stream is made of, as it was when it was opened. width, height: pixels, 0 when it does not tell."""

    codec: str
    extradata: bytes | None
    width: int
    height: int


class Decoder:
    """Decodes packets in order from a keyframe on. Used by one thread at a time.

    On the processor it runs in the calling thread: more threads only cost more (measured).
    """

    def __init__(self, form: StreamForm, kind: DecoderKind = "cpu", *, glancing: bool = False) -> None:
        """glancing: for keyframes alone, whose finest smoothing nobody sees in a small picture."""
        self._context, self.fallback = _open(form, kind)
        if glancing:
            self._context.options = {"skip_loop_filter": "all"}
        self._fed: OrderedDict[int | None, StreamPacket] = OrderedDict()
        self._primed = False

    fallback: str
    """Why it runs on the processor although something else was wanted; empty where it runs as it should."""

    def restart(self) -> None:
        """Forget everything: the next packet of use is a keyframe."""
        self._context.flush_buffers()
        self._fed.clear()
        self._primed = False

    def step(self, packet: StreamPacket) -> list[tuple[StreamPacket, av.VideoFrame]] | None:
        """Frames that ``packet`` completes, each with its own packet; None when it is damaged, the stream goes on."""
        self._primed = self._primed or packet.keyframe
        if not self._primed:
            return []
        self._fed[packet.data.pts] = packet
        while len(self._fed) > _PACKETS_IN_DECODER:
            self._fed.popitem(last=False)
        if packet.data.is_corrupt:
            return None
        return self._frames(packet.data, packet)

    def alone(self, packet: StreamPacket) -> av.VideoFrame | None:
        """The frame of a keyframe, whatever came before; None when it is damaged."""
        self.restart()
        found = self.step(packet)
        found = found or self._frames(None, packet)
        self.restart()
        return found[0][1] if found else None

    def _frames(
        self, data: av.Packet[Any] | None, packet: StreamPacket
    ) -> list[tuple[StreamPacket, av.VideoFrame]] | None:
        try:
            frames = self._context.decode(data)
        except av.error.FFmpegError:
            return None
        # A frame the decoder had to patch up shows things that weren't there: nothing is decided on it.
        if any(frame.is_corrupt for frame in frames):
            return None
        return [(self._fed.get(frame.pts, packet), frame) for frame in frames]


def usable(frame: av.VideoFrame) -> bool:
    """False for pictures without area, and for ones so large that a few of them would fill the memory."""
    return 0 < frame.width <= MAX_SIDE_PX and 0 < frame.height <= MAX_SIDE_PX


def _open(form: StreamForm, kind: DecoderKind) -> tuple[Any, str]:
    """A decoder of that kind, or the processor's and why."""
    wanted = _AUTO if kind == "auto" else () if kind == "cpu" else (kind,)
    for device in wanted:
        context = _on_device(form, device)
        if context is not None:
            return context, ""
    missing = f"decoder '{kind}' is not to be had on this machine (see its driver), the processor decodes"
    return _prepared(av.CodecContext.create(form.codec, "r"), form), missing if kind in ("vaapi", "cuda") else ""


def _on_device(form: StreamForm, device: str) -> Any | None:
    if device not in hwdevices_available():
        return None
    try:
        context = av.CodecContext.create(form.codec, "r", hwaccel=HWAccel(device, allow_software_fallback=True))
    except (av.error.FFmpegError, OSError, ValueError):
        return None
    return _prepared(context, form) if context.is_hwaccel else None


def _prepared(context: Any, form: StreamForm) -> Any:
    context.extradata = form.extradata
    context.thread_type = "NONE"
    context.thread_count = 1
    return context
