"""Packets as fragmented MP4 (ISO/IEC 14496-12): what Media Source Extensions and every player take, nothing re-encoded.

The format of a stream is read from its own first keyframe, so that it is that of what follows, also after a camera
was set to another resolution; parameter sets that a camera sends only in its session description come before it.
"""

from __future__ import annotations

import io
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import av
import av.error

from edge.capture.packets import StreamPacket
from edge.video.codec_string import Codec, codec_string

FRAGMENT_S = 0.2
"""Longest stretch of a fragment: how far behind a live view is at least."""
_MAX_GAP_S = 10.0
_MAX_BACK_S = 1.0
_MOVFLAGS = "empty_moov+default_base_moof+skip_trailer"


class RemuxError(ValueError):
    """Packets that can't be put into MP4; the text says why. Another try from a later keyframe may do."""


@dataclass(frozen=True, slots=True)
class StreamHead:
    """What a camera said of its stream. parameter_sets: Annex B, empty where they come with every keyframe."""

    codec: Codec
    parameter_sets: bytes = b""


class Remuxer:
    """One MP4 in the making: bytes come out as packets go in."""

    def __init__(self, head: StreamHead, first: StreamPacket, *, fragment_s: float = FRAGMENT_S) -> None:
        """first: a keyframe, to be ``add``ed too. Raises RemuxError."""
        if not first.keyframe:
            raise RemuxError("a clip has to begin with a keyframe")
        shown = head.parameter_sets + bytes(first.data)
        self._sink = _Sink()
        self._template = _template(head.codec, shown)
        self.mime = _mime(head.codec, shown)
        options = {"movflags": _MOVFLAGS, "frag_duration": str(round(fragment_s * 1e6)), "flush_packets": "1"}
        try:
            self._out = av.open(self._sink, "w", format="mp4", options=options)
            self._stream = self._out.add_stream_from_template(self._template.streams.video[0])
        except (av.error.FFmpegError, OSError, ValueError) as error:
            self._template.close()
            raise RemuxError(f"its stream can't be put into MP4 ({type(error).__name__})") from None
        self._start: int | None = None
        self._last = -1
        self._untimed: StreamPacket | None = None

    def add(self, packet: StreamPacket) -> bytes:
        """What ``packet`` completed; empty until a fragment is full. Raises RemuxError."""
        data = packet.data
        decode_at = data.dts if data.dts is not None else data.pts
        if decode_at is None and self._start is None and self._untimed is None:
            self._untimed = packet  # RTSP: the first of a connection may come without a time
            return b""
        if decode_at is None or data.time_base is None:
            raise RemuxError("a packet has no time")
        if self._start is None:
            self._start = decode_at
            if self._untimed is not None:
                before = max(1, round((packet.pts_s - self._untimed.pts_s) / data.time_base))
                self._start -= before
                self._mux(self._untimed, 0, 0, data.time_base)
        at = decode_at - self._start
        step_s = (at - max(self._last, 0)) * data.time_base
        if step_s > _MAX_GAP_S or step_s < -_MAX_BACK_S:
            raise RemuxError("the stream's clock jumped")
        if at <= self._last:
            return b""  # two packets of one moment: players refuse a time that does not move
        self._mux(packet, at, at if data.pts is None else max(at, data.pts - self._start), data.time_base)
        return self._sink.taken()

    def _mux(self, packet: StreamPacket, decode_at: int, shown_at: int, time_base: Fraction) -> None:
        self._last = decode_at
        copy = av.Packet(bytes(packet.data))
        copy.time_base, copy.dts, copy.pts = time_base, decode_at, shown_at
        copy.is_keyframe = packet.keyframe
        copy.stream = self._stream
        try:
            self._out.mux(copy)
        except av.error.FFmpegError as error:
            raise RemuxError(f"packets don't fit together ({type(error).__name__})") from None

    def end(self) -> bytes:
        """The rest; nothing can be added afterwards."""
        try:
            self._out.close()
        except av.error.FFmpegError as error:
            raise RemuxError(f"the clip could not be ended ({type(error).__name__})") from None
        finally:
            self._template.close()
        return self._sink.taken()


def clip_of(head: StreamHead, packets: Iterable[StreamPacket]) -> bytes:
    """One MP4 of ``packets``, the first a keyframe, up to the first that does not fit to those before it.

    A camera that came back meanwhile counts its time anew. Raises RemuxError, also where there are no packets.
    """
    following = iter(packets)
    first = next(following, None)
    if first is None:
        raise RemuxError("there are no packets of that time any more")
    remuxer = Remuxer(head, first, fragment_s=1.0)
    try:
        parts = [remuxer.add(first)]
        for packet in following:
            try:
                parts.append(remuxer.add(packet))
            except RemuxError:
                break
    finally:
        rest = remuxer.end()
    return b"".join([*parts, rest])


class _Sink(io.RawIOBase):
    """Collects what the muxer writes; it can't seek, so the muxer writes what can be sent at once."""

    def __init__(self) -> None:
        super().__init__()
        self._parts: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, part: Any, /) -> int:
        self._parts.append(bytes(part))
        return len(part)

    def taken(self) -> bytes:
        whole = b"".join(self._parts)
        self._parts.clear()
        return whole


def _template(codec: Codec, shown: bytes) -> Any:
    """A container whose only stream is like the camera's: a raw stream of one keyframe."""
    try:
        opened = av.open(io.BytesIO(shown), format=codec)
    except (av.error.FFmpegError, OSError) as error:
        raise RemuxError(f"the keyframe is no {codec} ({type(error).__name__})") from None
    video = opened.streams.video
    if not video or not video[0].codec_context.extradata or video[0].codec_context.width <= 0:
        opened.close()
        raise RemuxError("the keyframe comes without the parameter sets that say what it is")
    return opened


def _mime(codec: Codec, shown: bytes) -> str:
    told = codec_string(codec, shown)
    return "video/mp4" if told is None else f'video/mp4; codecs="{told}"'
