"""Small test clips: a block walking over grey noise, each frame carrying its own number."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Literal

import av
import numpy as np
import numpy.typing as npt

Codec = Literal["h264", "h265"]
Picture = npt.NDArray[np.uint8]

_ENCODERS = {"h264": "libx264", "h265": "libx265"}
_QUIET = {"h264": {}, "h265": {"x265-params": "log-level=none"}}
_BITS = 12
_CELL = 16


def draw_frame(number: int, width: int, height: int) -> Picture:
    """Frame ``number``, uint8 (height, width, 3) BGR: the number in binary at the top left, a block moving below it.

    width must be at least 192 and height at least 96 pixels.
    """
    noise = np.random.default_rng(number).integers(90, 130, (height // 8, width // 8, 1), np.uint8)
    picture = np.kron(noise, np.ones((8, 8, 3), np.uint8))
    picture = np.pad(picture, ((0, height % 8), (0, width % 8), (0, 0)), mode="edge")
    for bit in range(_BITS):
        picture[:_CELL, bit * _CELL : (bit + 1) * _CELL] = 255 if number >> bit & 1 else 0
    left = number * 6 % (width - 48)
    picture[height // 2 : height // 2 + 32, left : left + 48] = (40, 200, 240)
    return picture


def frame_number(picture: Picture) -> int:
    """The number ``draw_frame`` wrote into a picture, also after compression."""
    middles = picture[_CELL // 2, _CELL // 2 : _BITS * _CELL : _CELL].mean(axis=1)
    return sum(1 << bit for bit, brightness in enumerate(middles) if brightness > 127)


def encode_clip(
    path: Path,
    codec: Codec = "h264",
    *,
    seconds: float = 2.0,
    width: int = 320,
    height: int = 240,
    fps: int = 25,
    keyframe_every: int = 25,
    options: dict[str, str] | None = None,
) -> Path:
    """Write a clip of numbered frames to ``path`` (.mp4 or .mkv), without B-frames, as cameras send it.

    options: the encoder's own, beside these.
    """
    with av.open(str(path), "w") as container:
        chosen = {"preset": "ultrafast", "tune": "zerolatency", "bf": "0", **_QUIET[codec], **(options or {})}
        stream = container.add_stream(_ENCODERS[codec], rate=fps, options=chosen)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.gop_size = keyframe_every
        stream.time_base = Fraction(1, fps)
        for number in range(round(seconds * fps)):
            frame = av.VideoFrame.from_ndarray(draw_frame(number, width, height), format="bgr24")
            frame.pts, frame.time_base = number, Fraction(1, fps)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def repeat_clip(clip: Path, target: Path, times: int) -> Path:
    """The clip ``times`` times in a row, packets copied: for servers that can't loop."""
    with av.open(str(target), "w") as output:
        stream = None
        offset = 0
        for _ in range(times):
            end = offset
            with av.open(str(clip)) as source:
                video = source.streams.video[0]
                stream = stream or output.add_stream_from_template(video)
                for packet in source.demux(video):
                    if packet.dts is None or packet.pts is None:
                        continue
                    packet.dts, packet.pts = packet.dts + offset, packet.pts + offset
                    end = max(end, packet.pts + (packet.duration or 1))
                    packet.stream = stream
                    output.mux(packet)
            offset = end
    return target
