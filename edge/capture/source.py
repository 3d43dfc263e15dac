"""The thin layer on PyAV: open a camera's stream, read packets, with faults in our words."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit

import av
import av.error

from core.contract.config import CameraConfig
from edge.capture.decoder import StreamForm
from edge.capture.decoder import usable as usable  # noqa: PLC0414 - belongs to reading a file, too
from edge.capture.faults import CameraError, Fault, fault_of

_CODECS = frozenset({"h264", "hevc"})
_OPTIONS = {"rtsp_transport": "tcp", "fpsprobesize": "0"}
"""Without the second, FFmpeg holds back the first second of every stream to guess its frame rate."""


@dataclass(frozen=True, slots=True)
class Timeouts:
    """open_s: until a stream is open; read_s: until the next packet; picture_s: until the next usable picture, once
    there was a keyframe to begin with; keyframe_s: until there is one.
    """

    open_s: float = 5.0
    read_s: float = 5.0
    picture_s: float = 10.0
    keyframe_s: float = 60.0


@dataclass(frozen=True, slots=True)
class Source:
    """An open stream; close it."""

    container: Any
    demuxer: Any
    form: StreamForm
    read_timeout_s: float

    def read(self) -> av.Packet[Any]:
        """The next video packet; waits for it. Raises CameraError when the stream goes away."""
        asked_s = time.monotonic()
        try:
            packet = next(self.demuxer, None)
        except av.error.FFmpegError as error:
            took_s = time.monotonic() - asked_s
            fault = fault_of(error, took_s=took_s, timeout_s=self.read_timeout_s)
            # Garbage in an open stream is a stream that broke off: it was video before.
            raise CameraError(Fault.ENDED if fault is Fault.NOT_VIDEO else fault) from None
        if packet is None or packet.size == 0:
            raise CameraError(Fault.ENDED)
        found: av.Packet[Any] = packet
        return found

    def close(self) -> None:
        self.container.close()


def open_camera(camera: CameraConfig, url: str, timeouts: Timeouts) -> Source:
    """Open ``url``, one of ``camera``'s streams, over RTSP/TCP. Raises CameraError."""
    address = _address(camera, url)
    asked_s = time.monotonic()
    try:
        container = av.open(address, mode="r", options=dict(_OPTIONS), timeout=(timeouts.open_s, timeouts.read_s))
    except (av.error.FFmpegError, OSError) as error:
        took_s = time.monotonic() - asked_s
        raise CameraError(fault_of(error, took_s=took_s, timeout_s=timeouts.open_s)) from None
    try:
        stream, form = _video_of(container)
        return Source(container, container.demux(stream), form, timeouts.read_s)
    except CameraError:
        container.close()
        raise


def _address(camera: CameraConfig, url: str) -> str:
    """The URL with the camera's login. FFmpeg takes it nowhere else; it is never shown or kept."""
    if camera.user is None:
        return url
    password = ""
    if camera.password_file is not None:
        try:
            password = camera.password_file.read_text(encoding="utf-8").rstrip("\r\n")
        except (OSError, UnicodeDecodeError):
            raise CameraError(Fault.NO_PASSWORD_FILE) from None
    parts = urlsplit(url)
    login = f"{quote(camera.user, safe='')}:{quote(password, safe='')}@{parts.netloc}"
    return urlunsplit(parts._replace(netloc=login))


def _video_of(container: Any) -> tuple[Any, StreamForm]:
    """The first video stream, and what it is made of."""
    if not container.streams.video:
        raise CameraError(Fault.NOT_VIDEO)
    stream = container.streams.video[0]
    context = stream.codec_context
    if context is None or context.name not in _CODECS:
        raise CameraError(Fault.UNSUPPORTED_CODEC)
    return stream, StreamForm(context.name, context.extradata, int(context.width or 0), int(context.height or 0))


def decode(packet: av.Packet[Any]) -> list[av.VideoFrame] | None:
    """Frames that ``packet`` of an open file completes; None when it is damaged, the file goes on."""
    if packet.is_corrupt:
        return None
    try:
        frames = [frame for frame in packet.decode() if isinstance(frame, av.VideoFrame)]
    except av.error.FFmpegError:
        return None
    return None if any(frame.is_corrupt for frame in frames) else frames
