"""The thin layer on PyAV: open a camera's stream, read packets, decode them, with faults in our words."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit

import av
import av.error

from core.contract.config import CameraConfig
from edge.capture.faults import CameraError, Fault, fault_of

MAX_SIDE_PX = 8192
_CODECS = frozenset({"h264", "hevc"})
_OPTIONS = {"rtsp_transport": "tcp", "fpsprobesize": "0"}
"""Without the second, FFmpeg holds back the first second of every stream to guess its frame rate."""


@dataclass(frozen=True, slots=True)
class Timeouts:
    """open_s: until a stream is open; read_s: until the next packet; picture_s: until the next usable picture."""

    open_s: float = 5.0
    read_s: float = 5.0
    picture_s: float = 10.0


@dataclass(frozen=True, slots=True)
class Source:
    """An open stream; close it."""

    container: Any
    stream: Any
    read_timeout_s: float

    def packets(self) -> Iterator[av.Packet[Any]]:
        """Video packets until the stream goes away, which raises CameraError."""
        demuxer = self.container.demux(self.stream)
        while True:
            asked_s = time.monotonic()
            try:
                packet = next(demuxer, None)
            except av.error.FFmpegError as error:
                took_s = time.monotonic() - asked_s
                fault = fault_of(error, took_s=took_s, timeout_s=self.read_timeout_s)
                # Garbage in an open stream is a stream that broke off: it was video before.
                raise CameraError(Fault.ENDED if fault is Fault.NOT_VIDEO else fault) from None
            if packet is None or packet.size == 0:
                raise CameraError(Fault.ENDED)
            yield packet

    def close(self) -> None:
        self.container.close()


def open_camera(camera: CameraConfig, timeouts: Timeouts, *, keyframes_only: bool) -> Source:
    """Open ``camera`` over RTSP/TCP for decoding in the calling thread. Raises CameraError."""
    address = _address(camera)
    asked_s = time.monotonic()
    try:
        container = av.open(address, mode="r", options=dict(_OPTIONS), timeout=(timeouts.open_s, timeouts.read_s))
    except (av.error.FFmpegError, OSError) as error:
        took_s = time.monotonic() - asked_s
        raise CameraError(fault_of(error, took_s=took_s, timeout_s=timeouts.open_s)) from None
    try:
        return Source(container, _video_of(container, keyframes_only=keyframes_only), timeouts.read_s)
    except CameraError:
        container.close()
        raise


def decode(packet: av.Packet[Any]) -> list[av.VideoFrame] | None:
    """Frames that ``packet`` completes; None when the packet is damaged, the stream goes on."""
    if packet.is_corrupt:
        return None
    try:
        frames = [frame for frame in packet.decode() if isinstance(frame, av.VideoFrame)]
    except av.error.FFmpegError:
        return None
    # A frame the decoder had to patch up shows things that weren't there: nothing is decided on it.
    return None if any(frame.is_corrupt for frame in frames) else frames


def usable(frame: av.VideoFrame) -> bool:
    """False for pictures without area, and for ones so large that a few of them would fill the memory."""
    return 0 < frame.width <= MAX_SIDE_PX and 0 < frame.height <= MAX_SIDE_PX


def _address(camera: CameraConfig) -> str:
    """The camera's URL with its login. FFmpeg takes it nowhere else; it is never shown or kept."""
    if camera.user is None:
        return camera.url
    password = ""
    if camera.password_file is not None:
        try:
            password = camera.password_file.read_text(encoding="utf-8").rstrip("\r\n")
        except (OSError, UnicodeDecodeError):
            raise CameraError(Fault.NO_PASSWORD_FILE) from None
    parts = urlsplit(camera.url)
    login = f"{quote(camera.user, safe='')}:{quote(password, safe='')}@{parts.netloc}"
    return urlunsplit(parts._replace(netloc=login))


def _video_of(container: Any, *, keyframes_only: bool) -> Any:
    """The first video stream, its decoder set to one thread: more of them only cost more (measured)."""
    if not container.streams.video:
        raise CameraError(Fault.NOT_VIDEO)
    stream = container.streams.video[0]
    context = stream.codec_context
    if context is None or context.name not in _CODECS:
        raise CameraError(Fault.UNSUPPORTED_CODEC)
    stream.thread_type = "NONE"
    context.thread_count = 1
    if keyframes_only:
        context.skip_frame = "NONKEY"
    return stream
